//! Sealing and publishing a bundle.
use crate::{clock::Clock, vfs::Vfs, Result};
use std::path::Path;

/// What a bundle is sealed with, besides its files.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Date of the run, the first part of the id.
    pub date: String,
    /// Fingerprint of the feature encoder.
    pub features_fingerprint: String,
    /// Length of the vectors.
    pub dimension: usize,
    /// Items in the corpus.
    pub items: usize,
    /// Users with a history.
    pub users: usize,
    /// Where the model came from.
    pub checkpoint: String,
    /// Seed of the run.
    pub seed: u64,
}

/// `write` fills a staging folder under `<base_dir>/bundles`; its files are checksummed, the id is made of them, the
/// manifest is written, and the folder gets its name by one rename. `current` is not touched.
///
/// # Errors
/// `Exists` when a bundle of the same id is there (it is the same bundle); whatever `write` returns; I/O.
pub fn publish<E: From<crate::CoreError>>(_vfs: &dyn Vfs, _clock: &dyn Clock, _base_dir: &Path, _draft: &Draft, _write: impl FnOnce(&Path) -> Result<(), E>) -> Result<String, E> { todo!() }

/// Points `<base_dir>/current` at a bundle that is there.
pub fn set_current(_vfs: &dyn Vfs, _base_dir: &Path, _bundle_id: &str) -> Result<()> { todo!() }

/// The bundle id in `<base_dir>/current`, if there is one.
pub fn current(_vfs: &dyn Vfs, _base_dir: &Path) -> Result<Option<String>> { todo!() }
