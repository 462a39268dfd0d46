//! A bundle: everything that is served, under one id, sealed.
//!
//! Files: `manifest.json`, `features.json` ([`crate::encode::FeatureEncoder`]), `items.arrow`,
//! `attributes.arrow` (where filters are declared), `histories.arrow`, `model.safetensors`,
//! `item_embeddings.f32`, `items.index`, `channels/…` (one file a channel), `golden.json`, `config.toml`, `report.json`.
//! `bundle_id` = `<date>-<8 hex digits>` of the SHA-256 over all that the manifest says.
//! User tower, item vectors and encoder live in one [`Bundle`]; no function takes them apart.

mod golden;
mod manifest;
mod open;
#[cfg(test)]
mod tests;
mod write;

pub use golden::{Golden, GoldenCase, GoldenItem};
pub use manifest::{BundleManifest, check_bundle_id, date_of};
pub use open::{Bundle, LoadQueryEncoder};
pub use write::{Draft, bundles_folder, current, publish, set_current};

/// Files of a bundle, by role.
pub mod file {
    /// [`super::BundleManifest`].
    pub const MANIFEST: &str = "manifest.json";
    /// Schema and fitted state.
    pub const FEATURES: &str = "features.json";
    /// The corpus.
    pub const ITEMS: &str = "items.arrow";
    /// Attributes of the items, where some are declared.
    pub const ATTRIBUTES: &str = "attributes.arrow";
    /// Histories and raw user features.
    pub const HISTORIES: &str = "histories.arrow";
    /// Towers.
    pub const MODEL: &str = "model.safetensors";
    /// Where the model came from: its checkpoint, and what its training started from.
    pub const PROVENANCE: &str = "provenance.json";
    /// Item vectors, row = item index.
    pub const ITEM_EMBEDDINGS: &str = "item_embeddings.f32";
    /// Index over the item vectors, where a channel searches them.
    pub const INDEX: &str = "items.index";
    /// Golden set.
    pub const GOLDEN: &str = "golden.json";
    /// Effective config.
    pub const CONFIG: &str = "config.toml";
    /// Channel files.
    pub const CHANNELS: &str = "channels";
    /// Merge settings.
    pub const MERGE: &str = "merge.json";
    /// Evaluation figures.
    pub const REPORT: &str = "report.json";
}
