//! Every durable write of the program goes through a [`Vfs`], and everything that others may read while it is being
//! written goes through [`atomic_publish`], [`replace_folder`], [`share_folder`], [`replace_file`] or [`replace_pointer`].
//!
//! [`RealVfs`] is for production; [`MemoryVfs`] is for tests: it drops un-synced writes and renames when it "crashes",
//! and fails the n-th operation when told to. [`Unsynced`] is for what a power loss may take. Reading large tables is not
//! its business: those are memory-mapped.

mod memory;
mod publish;
mod real;
mod unsynced;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use memory::MemoryVfs;
pub use publish::{
    atomic_publish, copy_file, files_below, remove_folder, replace_file, replace_folder, replace_pointer, share_folder,
    sweep_attempts, sweep_removed, write_file,
};
pub use real::RealVfs;
pub use unsynced::Unsynced;

/// A file that is being written. `sync` makes its content durable; dropping it without `sync` promises nothing.
pub trait VfsFile: Write + Send {
    /// Flushes and syncs the content (not the directory entry).
    ///
    /// # Errors
    /// What the system says.
    fn sync(&mut self) -> io::Result<()>;
}

/// The file operations that durable state needs.
pub trait Vfs: Send + Sync {
    /// Creates a new file, or empties an existing one.
    ///
    /// # Errors
    /// What the system says; so for every method below.
    fn create(&self, path: &Path) -> io::Result<Box<dyn VfsFile>>;
    /// Reads a whole small file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Creates one folder, whose parent is there; it fails when something has the name already.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a folder and its parents.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Renames a file or a folder; replaces a file, never a folder that is not empty.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the entries of a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder with all it holds; no error if it is not there.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Is there a file or a folder?
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Is there a folder?
    fn is_dir(&self, path: &Path) -> io::Result<bool>;
    /// Names in a folder, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
}
