//! Opening a bundle, whole or not at all.
use super::{BundleManifest, Golden};
use crate::embedding::EmbeddingTable;
use crate::encode::FeatureEncoder;
use crate::history::Histories;
use crate::items::ItemTable;
use crate::query::QueryEncoder;
use crate::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that is served under one `bundle_id`. Taken once per request as `Arc<…>`.
pub struct Bundle {
    folder: PathBuf,
    manifest: BundleManifest,
    encoder: FeatureEncoder,
    items: Arc<ItemTable>,
    histories: Histories,
    item_embeddings: EmbeddingTable,
    query_encoder: Box<dyn QueryEncoder>,
    golden: Golden,
}

/// Makes the user tower from `model.safetensors`; the binary passes the model crate's function in.
pub type LoadQueryEncoder<'a> = &'a dyn Fn(&Path, &FeatureEncoder, Arc<ItemTable>) -> Result<Box<dyn QueryEncoder>>;

impl Bundle {
    /// Checks every checksum, the fingerprint of the features, sizes and dimensions; then loads.
    ///
    /// # Errors
    /// [`crate::CoreError::Damaged`] or `Mismatch`, naming the file; nothing is half open.
    pub fn open(_folder: &Path, _load: LoadQueryEncoder<'_>) -> Result<Self> { todo!() }
    /// Where it lies.
    pub fn folder(&self) -> &Path { &self.folder }
    /// What it says of itself.
    pub fn manifest(&self) -> &BundleManifest { &self.manifest }
    /// Its id.
    pub fn id(&self) -> &str { &self.manifest.bundle_id }
    /// The feature encoder.
    pub fn encoder(&self) -> &FeatureEncoder { &self.encoder }
    /// The corpus.
    pub fn items(&self) -> &Arc<ItemTable> { &self.items }
    /// Histories and raw user features.
    pub fn histories(&self) -> &Histories { &self.histories }
    /// Item vectors, row = item index.
    pub fn item_embeddings(&self) -> &EmbeddingTable { &self.item_embeddings }
    /// The user tower.
    pub fn query_encoder(&self) -> &dyn QueryEncoder { self.query_encoder.as_ref() }
    /// The golden set.
    pub fn golden(&self) -> &Golden { &self.golden }
}
