//! The file system of the machine.
use super::{Vfs, VfsFile};
use std::{io, path::{Path, PathBuf}};

/// The file system of the machine; for production.
#[derive(Debug, Default, Clone, Copy)]
pub struct RealVfs;

impl Vfs for RealVfs {
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
