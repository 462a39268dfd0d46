//! What a bundle says of itself.
use crate::{stage::FileRecord, Result};
use serde::{Deserialize, Serialize};

/// `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleManifest {
    /// Version of this format.
    pub format: u32,
    /// `<date>-<8 hex digits>`.
    pub bundle_id: String,
    /// Fingerprint of the [`crate::encode::FeatureEncoder`].
    pub features_fingerprint: String,
    /// Length of the vectors.
    pub dimension: usize,
    /// Items in the corpus.
    pub items: usize,
    /// Users with a history.
    pub users: usize,
    /// Name of the checkpoint that it came from (run date and epoch).
    pub checkpoint: String,
    /// Seed of the run.
    pub seed: u64,
    /// Instruction set of the run.
    pub instruction_set: String,
    /// All other files, by path.
    pub files: Vec<FileRecord>,
    /// When it was sealed, microseconds UTC; not part of the id.
    pub created_micros: i64,
}

/// Accepts `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
pub fn check_bundle_id(_bundle_id: &str) -> Result<()> { todo!() }
