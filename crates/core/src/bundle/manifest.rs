//! What a bundle says of itself.

use crate::stage::{FileRecord, sha256};
use crate::{CoreError, Result};
use serde::{Deserialize, Serialize};

/// Version of the bundle's files.
pub(super) const FORMAT: u32 = 1;

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
    /// Where the model came from (run date and epoch).
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

/// `<date>-<8 hex digits>` of everything that the manifest says, the time aside: a manifest whose text was changed no
/// longer fits its id.
pub(super) fn bundle_id(date: &str, manifest: &BundleManifest) -> String {
    let content = BundleManifest { bundle_id: String::new(), created_micros: 0, ..manifest.clone() };
    let text = serde_json::to_vec(&content).expect("a manifest is plain data");
    format!("{date}-{}", &sha256(&text)[..8])
}

/// The date of the run that a bundle is of: the first part of its id.
pub fn date_of(bundle_id: &str) -> &str {
    bundle_id.rsplit_once('-').map_or("", |(date, _)| date)
}

/// Accepts `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
///
/// # Errors
/// [`CoreError::Invalid`].
pub fn check_bundle_id(bundle_id: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let starts_well = bundle_id.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if starts_well && bundle_id.len() <= 64 && bundle_id.bytes().all(allowed) {
        return Ok(());
    }
    let reason = "a bundle id is a letter or digit, then up to 63 letters, digits, `.`, `_` or `-`".to_owned();
    Err(CoreError::Invalid { field: "bundle_id".into(), reason })
}
