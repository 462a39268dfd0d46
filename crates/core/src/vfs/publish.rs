//! The only ways in which something becomes visible to readers.
use super::Vfs;
use crate::Result;
use std::path::Path;

/// Builds a folder aside and makes it visible by one rename: files → fsync → directory fsync → rename → parent fsync.
/// `write` fills the staging folder that it is given (every file it makes must be synced).
///
/// # Errors
/// [`crate::CoreError::Exists`] if `folder` is there; whatever `write` returns; I/O. On error nothing is visible.
pub fn atomic_publish<T, E: From<crate::CoreError>>(_vfs: &dyn Vfs, _folder: &Path, _write: impl FnOnce(&Path) -> Result<T, E>) -> Result<T, E> { todo!() }

/// Like [`atomic_publish`], but replaces a folder of an earlier run (stage folders, which can be made again).
pub fn replace_folder<T, E: From<crate::CoreError>>(_vfs: &dyn Vfs, _folder: &Path, _write: impl FnOnce(&Path) -> Result<T, E>) -> Result<T, E> { todo!() }

/// Replaces a one-line file (`current`) so that a reader sees the old line or the new one.
pub fn replace_pointer(_vfs: &dyn Vfs, _path: &Path, _line: &str) -> Result<()> { todo!() }
