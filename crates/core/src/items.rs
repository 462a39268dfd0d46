//! The corpus: `items.arrow`, one row an item, ordered by item id.
//!
//! Columns: `item` Utf8 (unique, ascending), `count` UInt64 (positives in the training part), and the encoded item
//! features in the columns of [`crate::sample`] with the prefix `item_`.

use crate::encode::{EncodedView, FeatureEncoder};
use crate::Result;
use std::path::Path;

/// The corpus with its encoded features, memory-mapped.
#[derive(Debug, Clone)]
pub struct ItemTable {
    // batch, private; plus a map from item id to row
}

impl ItemTable {
    /// Maps `items.arrow`; `encoder` says which fields it must hold.
    pub fn open(_path: &Path, _encoder: &FeatureEncoder) -> Result<Self> { todo!() }
    /// Wraps a batch that is in memory.
    pub fn from_batch(_batch: arrow_array::RecordBatch) -> Result<Self> { todo!() }
    /// Builds the batch: ids ascending, counts and encoded rows in the same order.
    pub fn batch(_ids: &[String], _counts: &[u64], _rows: crate::encode::EncodedRows, _encoder: &FeatureEncoder) -> Result<arrow_array::RecordBatch> { todo!() }
    /// Number of items.
    pub fn len(&self) -> usize { todo!() }
    /// True without items.
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    /// Row of an item id.
    pub fn find(&self, _item: &str) -> Option<u32> { todo!() }
    /// Id of an item.
    pub fn id(&self, _row: u32) -> &str { todo!() }
    /// Positives of each item in the training part.
    pub fn counts(&self) -> &[u64] { todo!() }
    /// Encoded features, `[items, …]`.
    pub fn features(&self) -> EncodedView<'_> { todo!() }
}
