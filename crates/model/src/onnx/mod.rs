//! The towers as ONNX graphs, for runtimes that know nothing of this crate.
//!
//! In: a trained model, its feature encoder and the corpus. Out: the bytes of one file for each tower, and rows with the
//! vectors that they must give. Encoding raw values to ids stays with the feature encoder; nothing is trained from here.
//!
//! A graph takes what the encoder gives, `batch` rows of it: one id a row of a single field (-1: no value), several ids a row
//! of a multi field with their weights (filled up with -1), one number a row of a dense field, and for a history rows of the
//! corpus, oldest first (filled up with -1 at the end). It gives `vector` `[batch, dimension]`, where the score is the
//! cosine rows of length 1.

mod examples;
mod graph;
mod history;
mod operators;
mod tower;

use crate::error::{ModelError, Result};
use crate::layout::HistoryLayout;
use crate::model::TwoTower;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::items::ItemTable;

/// Most bytes of a message of Protocol Buffers, and so of a file.
const MOST_BYTES: usize = 1 << 31;

/// Names of the files.
pub const USER_TOWER_FILE: &str = "user_tower.onnx";

/// As [`USER_TOWER_FILE`].
pub const ITEM_TOWER_FILE: &str = "item_tower.onnx";

impl TwoTower {
    /// The bytes of [`USER_TOWER_FILE`] and of [`ITEM_TOWER_FILE`]; `about` is their metadata.
    ///
    /// # Errors
    /// `Unsuitable` when a tower does not fit into a file, or has an encoder without a form in ONNX.
    pub fn to_onnx(&self, encoder: &FeatureEncoder, items: &ItemTable, about: &str) -> Result<[Vec<u8>; 2]> {
        let bytes: usize = self.parameters.tables.iter().map(|table| size_of_val(&table[..])).sum();
        if bytes >= MOST_BYTES {
            let reason = format!("the embedding tables have {bytes} bytes, and a file holds less than {MOST_BYTES}");
            return Err(ModelError::unsuitable("onnx", reason));
        }
        let mut histories = self.layout.user.histories.iter().chain(&self.layout.item.histories);
        let refused = histories.find(|own| own.encoder.attends() || own.encoder.reads_gaps());
        if let Some(HistoryLayout { name, encoder, .. }) = refused {
            let reason = format!("the encoder of `{name}`, {}, has no form in ONNX", encoder.name());
            return Err(ModelError::unsuitable("onnx", reason));
        }
        let items = items.features();
        Ok([false, true].map(|of_item| tower::tower(self, (encoder, of_item), &items, about)))
    }
}
