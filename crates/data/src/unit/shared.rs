//! Folders of units in an object store, for machines that share no disk. In: a folder of this machine that was made, or
//! that is needed. Out: its copy there, or here. What a unit means is not known here.
//!
//! A unit is visible in the store at once or not at all: its files lie below its fingerprint and are sent first, its
//! manifest last. Whoever makes the same unit sends the same bytes under the same names, so it does not matter who was
//! killed on the way, or whose manifest came last.

use crate::config::DataSettings;
use crate::context::{DataContext, RunFolders};
use crate::error::{DataError, Result};
use crate::files::unreadable;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::partition::Tree;
use twinspire_core::stage::{FileRecord, MANIFEST, StageManifest, file_record, read_manifest, write_json};
use twinspire_core::vfs::share_folder;

/// The store of `samples.units`; without one, nothing is sent or fetched.
pub(super) struct SharedUnits<'a> {
    context: &'a DataContext<'a>,
    base: &'a Path,
    root: Option<&'a Path>,
}

impl<'a> SharedUnits<'a> {
    pub fn new(context: &'a DataContext<'_>, settings: &'a DataSettings, folders: &'a RunFolders) -> Self {
        Self { context, base: folders.base(), root: settings.units_store() }
    }

    /// Where a file or folder of this machine lies in the store.
    fn there(&self, here: &Path) -> Option<PathBuf> {
        let below = here.strip_prefix(self.base).expect("folders of units lie below base_dir");
        self.root.map(|root| root.join(below))
    }

    /// Sends a unit, unless it is there.
    ///
    /// # Errors
    /// The store refuses; I/O.
    pub fn send(&self, folder: &Path) -> Result<()> {
        let Some(there) = self.there(folder) else { return Ok(()) };
        let manifest = read_manifest(self.context.stage.vfs, folder)?;
        if self.stored(folder)?.is_some_and(|stored| stored.fingerprint == manifest.fingerprint) {
            return Ok(());
        }
        for output in &manifest.outputs {
            let url = there.join(&manifest.fingerprint).join(&output.path);
            self.context.files.upload(&folder.join(&output.path), &url)?;
        }
        self.context.files.upload(&folder.join(MANIFEST), &there.join(MANIFEST))
    }

    /// Brings a unit here, if the store has it and it is not here.
    ///
    /// # Errors
    /// The store refuses; a file is not the one that was sent; I/O.
    pub fn fetch(&self, folder: &Path) -> Result<()> {
        let Some(there) = self.there(folder) else { return Ok(()) };
        let Some(manifest) = self.stored(folder)? else { return Ok(()) };
        let vfs = self.context.stage.vfs;
        let is_here = || read_manifest(vfs, folder).is_ok_and(|here| here.fingerprint == manifest.fingerprint);
        if is_here() {
            return Ok(());
        }
        share_folder(vfs, folder, is_here, |staging| {
            let files = there.join(&manifest.fingerprint);
            manifest.outputs.iter().try_for_each(|output| self.fetch_checked(&files, output, staging))?;
            Ok(write_json(vfs, &staging.join(MANIFEST), &manifest)?)
        })
    }

    /// Sends a single file.
    ///
    /// # Errors
    /// As [`SharedUnits::send`].
    pub fn send_file(&self, path: &Path) -> Result<()> {
        self.there(path).map_or(Ok(()), |url| self.context.files.upload(path, &url))
    }

    /// The text of a single file, from the store if there is one; `None` where there is no such file.
    ///
    /// # Errors
    /// As [`SharedUnits::fetch`].
    pub fn read(&self, path: &Path) -> Result<Option<String>> {
        let path = self.there(path).unwrap_or_else(|| path.to_owned());
        self.context.files.size(&path)?.map(|_| self.context.files.read_text(&path)).transpose()
    }

    /// The manifest of a unit in the store.
    fn stored(&self, folder: &Path) -> Result<Option<StageManifest>> {
        let path = folder.join(MANIFEST);
        let parse = |text: String| {
            serde_json::from_str(&text).map_err(|error| CoreError::damaged(&path, error.to_string()).into())
        };
        self.read(&path)?.map(parse).transpose()
    }

    fn fetch_checked(&self, files: &Path, output: &FileRecord, staging: &Path) -> Result<()> {
        let (url, path) = (files.join(&output.path), staging.join(&output.path));
        self.copy(&url, &path)?;
        if file_record(&path, output.path.clone())? == *output {
            return Ok(());
        }
        let reason = format!("its bytes are not those of {MANIFEST}: remove both, and run the unit again");
        Err(DataError::Unreadable { path: url, reason })
    }

    fn copy(&self, url: &Path, path: &Path) -> Result<()> {
        let vfs = self.context.stage.vfs;
        let folder = path.parent().unwrap_or(path);
        vfs.create_dir_all(folder).map_err(|error| DataError::io(folder, error))?;
        let (_, mut bytes) = self.context.files.open(url)?;
        let mut file = vfs.create(path).map_err(|error| DataError::io(path, error))?;
        std::io::copy(&mut bytes, &mut file).map_err(|error| unreadable(url, &error))?;
        file.sync().map_err(|error| DataError::io(path, error))
    }
}
