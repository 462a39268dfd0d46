//! A file system in memory that can crash.
use super::{Vfs, VfsFile};
use std::{io, path::{Path, PathBuf}};

/// A file system in memory that drops what was not synced when it crashes; for tests.
#[derive(Debug, Default, Clone)]
pub struct MemoryVfs;

impl Vfs for MemoryVfs {
    fn create(&self, _path: &Path) -> io::Result<Box<dyn VfsFile>> { todo!() }
    fn read(&self, _path: &Path) -> io::Result<Vec<u8>> { todo!() }
    fn create_dir_all(&self, _path: &Path) -> io::Result<()> { todo!() }
    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> { todo!() }
    fn sync_dir(&self, _path: &Path) -> io::Result<()> { todo!() }
    fn remove_file(&self, _path: &Path) -> io::Result<()> { todo!() }
    fn remove_dir_all(&self, _path: &Path) -> io::Result<()> { todo!() }
    fn exists(&self, _path: &Path) -> io::Result<bool> { todo!() }
    fn list(&self, _path: &Path) -> io::Result<Vec<PathBuf>> { todo!() }
}
