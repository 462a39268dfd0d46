//! Who works where: what is being read is never taken away.
//!
//! In: a file that stands for what is read. Out: a guard. Whoever reads holds [`InUse`], any number at once; whoever takes
//! something away needs [`Alone`]. The lock is the system's (`flock`), so it ends with the process, however that ends.
//! Nothing is written.

use crate::{CoreError, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// The file that stands for all runs and interactions of a `base_dir`.
pub fn lock_file(base_dir: &Path) -> PathBuf {
    base_dir.join(".lock")
}

/// Somebody reads, as long as this lives.
#[derive(Debug)]
pub struct InUse {
    _file: File,
}

impl InUse {
    /// Waits while somebody is [`Alone`] with the file.
    ///
    /// # Errors
    /// The file is not there; I/O.
    pub fn of(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| CoreError::io(path, error))?;
        file.lock_shared().map_err(|error| CoreError::io(path, error))?;
        Ok(Self { _file: file })
    }

    /// Of a `base_dir`, which is made where it is not there.
    ///
    /// # Errors
    /// I/O.
    pub fn of_base_dir(base_dir: &Path) -> Result<Self> {
        make(&lock_file(base_dir))?;
        Self::of(&lock_file(base_dir))
    }
}

/// Nobody else reads, as long as this lives.
#[derive(Debug)]
pub struct Alone {
    _file: File,
}

impl Alone {
    /// `None` when the file is in use.
    ///
    /// # Errors
    /// The file is not there, or its file system has no locks; I/O.
    pub fn with(path: &Path) -> Result<Option<Self>> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(|error| CoreError::io(path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(CoreError::io(path, error)),
        }
    }

    /// With a `base_dir`, which is made where it is not there.
    ///
    /// # Errors
    /// [`CoreError::InUse`]; I/O.
    pub fn with_base_dir(base_dir: &Path) -> Result<Self> {
        make(&lock_file(base_dir))?;
        Self::with(&lock_file(base_dir))?.ok_or_else(|| CoreError::InUse { path: base_dir.to_owned() })
    }
}

/// Makes the file with its folder; it stays empty, so there is nothing to make durable.
fn make(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).map_err(|error| CoreError::io(folder, error))?;
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map(drop).map_err(|error| CoreError::io(path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_read_at_once_and_one_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        let base_dir = folder.path().join("base");
        let readers = [(); 3].map(|()| InUse::of_base_dir(&base_dir).unwrap());
        let error = Alone::with_base_dir(&base_dir).unwrap_err();
        assert!(matches!(&error, CoreError::InUse { path } if *path == base_dir), "{error}");
        drop(readers);
        let alone = Alone::with_base_dir(&base_dir).unwrap();
        assert!(Alone::with(&lock_file(&base_dir)).unwrap().is_none(), "one at a time");
        drop(alone);
        InUse::of_base_dir(&base_dir).unwrap();
    }
}
