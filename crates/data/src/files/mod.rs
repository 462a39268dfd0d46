//! Where logs and shared units lie: on this machine, or in an object store. In: a path, or a URL in the form of a path
//! (`s3://bucket/key`). Out: names in a folder, sizes, bytes; a file that is sent. The one seam behind which nobody knows which it is; what the
//! bytes mean is not known here.
//!
//! Object stores need the cargo feature `object-store`. An object is read in ranges, each of them tried again on its own,
//! and only while it is the object that was listed: a key that is written over meanwhile is an error, never a mix.

#[cfg(feature = "object-store")]
mod object;
#[cfg(not(feature = "object-store"))]
#[path = "absent.rs"]
mod object;

use crate::error::{DataError, Result};
use object::Stores;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::partition::{LocalTree, Tree};

/// Bytes in order.
pub(crate) type Bytes = Box<dyn Read + Send>;

/// A path below a folder, each of which may be a URL.
pub(crate) fn resolve(folder: &Path, path: &str) -> PathBuf {
    if is_url(Path::new(path)) { path.into() } else { folder.join(path) }
}

/// Is this a URL of an object store?
pub(crate) fn is_url(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains("://"))
}

/// Files of this machine and of object stores. Copies share connections and what was listed.
#[derive(Debug, Clone, Default)]
pub struct DataFiles {
    stores: Arc<Stores>,
}

impl DataFiles {
    /// The length of a file, and its bytes in order.
    ///
    /// # Errors
    /// It is not there, or cannot be read; the store refuses.
    pub(crate) fn open(&self, path: &Path) -> Result<(u64, Bytes)> {
        if is_url(path) {
            let object = self.stores.open(path)?;
            return Ok((object.size(), object.into_read()));
        }
        let file = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = file.map_err(|error| unreadable(path, &error))?;
        Ok((length, Box::new(file)))
    }

    /// A file that can be read at any place; of an object it is a copy that goes when it is closed.
    ///
    /// # Errors
    /// As [`DataFiles::open`]; the copy cannot be written.
    pub(crate) fn open_anywhere(&self, path: &Path) -> Result<File> {
        let opened = if is_url(path) { self.stores.open(path)?.into_file() } else { File::open(path) };
        opened.map_err(|error| unreadable(path, &error))
    }

    /// Reads a whole small file of text.
    ///
    /// # Errors
    /// As [`DataFiles::open`]; it is not UTF-8.
    pub(crate) fn read_text(&self, path: &Path) -> Result<String> {
        let mut text = String::new();
        self.open(path)?.1.read_to_string(&mut text).map_err(|error| unreadable(path, &error))?;
        Ok(text)
    }

    /// Copies a file of this machine to a URL, where it is visible at once or not at all.
    ///
    /// # Errors
    /// It cannot be read; the store refuses.
    pub(crate) fn upload(&self, file: &Path, url: &Path) -> Result<()> {
        self.stores.upload(File::open(file).map_err(|error| unreadable(file, &error))?, url)
    }

    /// What tells this state of an object from others; `None` for a file of this machine, which counts by its content.
    ///
    /// # Errors
    /// As [`DataFiles::open`].
    pub(crate) fn state(&self, path: &Path) -> Result<Option<serde_json::Value>> {
        Ok(if is_url(path) { Some(self.stores.open(path)?.state()) } else { None })
    }
}

impl Tree for DataFiles {
    type Error = DataError;

    fn names(&self, folder: &Path) -> Result<Vec<String>> {
        if is_url(folder) { self.stores.names(folder) } else { Ok(LocalTree.names(folder)?) }
    }

    fn size(&self, path: &Path) -> Result<Option<u64>> {
        if is_url(path) { self.stores.size(path) } else { Ok(LocalTree.size(path)?) }
    }
}

/// The error for a file that failed while it was read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> DataError {
    DataError::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(all(test, feature = "object-store"))]
mod tests;
