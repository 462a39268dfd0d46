//! The corpus: `items.arrow`, one row an item, ordered by item id.
//!
//! Columns: `item` Utf8 (unique, ascending), `count` UInt64 (positives in the training part), and the encoded item
//! features with the prefix `item_` (see [`crate::table`]).

use crate::encode::{EncodedRows, EncodedView, FeatureEncoder};
use crate::table::{self, EncodedTable, batch_of, check_ids, check_layout, encoded_columns, layout_text};
use crate::{CoreError, Result};
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_buffer::ScalarBuffer;
use std::path::Path;
use std::sync::Arc;

pub(crate) const LAYOUT_KEY: &str = "item_layout";
pub(crate) const PREFIX: &str = "item_";

/// The corpus with its encoded features, memory-mapped.
#[derive(Debug, Clone)]
pub struct ItemTable {
    ids: StringArray,
    counts: ScalarBuffer<u64>,
    features: EncodedTable,
}

impl ItemTable {
    /// Maps `items.arrow`.
    ///
    /// # Errors
    /// `Damaged`, or `Mismatch` when its fields are not those of `encoder`; I/O.
    pub fn open(path: &Path, encoder: &FeatureEncoder) -> Result<Self> {
        let batch = table::read_mapped(path)?;
        Self::checked(&batch, encoder).map_err(|error| error.of_file(path))
    }

    fn checked(batch: &RecordBatch, encoder: &FeatureEncoder) -> Result<Self> {
        check_layout(batch, LAYOUT_KEY, encoder.item_layout())?;
        let items = Self::from_batch(batch)?;
        check_ids(&items.features(), encoder.item_layout())?;
        Ok(items)
    }

    /// Wraps a batch that is in memory.
    ///
    /// # Errors
    /// `Damaged` when a column is missing or the ids do not ascend.
    pub fn from_batch(batch: &RecordBatch) -> Result<Self> {
        let ids = table::text_column(batch, "item")?.clone();
        let ascending = |row: usize| ids.value(row - 1) < ids.value(row);
        if ids.null_count() > 0 || !(1..ids.len()).all(ascending) {
            return Err(CoreError::damaged("items.arrow", "the item ids do not ascend"));
        }
        let counts = table::shared::<UInt64Type>(batch, "count")?;
        Ok(Self { ids, counts, features: EncodedTable::new(batch, PREFIX)? })
    }

    /// The table of items: ids ascending, counts and encoded rows in the same order.
    ///
    /// # Errors
    /// `Damaged` when the lengths differ, `Invalid` for 2 GiB of ids.
    pub fn batch(ids: &[String], counts: &[u64], rows: EncodedRows, encoder: &FeatureEncoder) -> Result<RecordBatch> {
        let mut columns: Vec<(String, ArrayRef)> = vec![
            ("item".into(), table::texts("item", ids.iter().map(|id| Some(id.as_str())))?),
            ("count".into(), Arc::new(UInt64Array::from(counts.to_vec()))),
        ];
        columns.extend(encoded_columns(PREFIX, rows));
        batch_of(columns, vec![(LAYOUT_KEY, layout_text(encoder.item_layout()))])
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row of an item id.
    pub fn find(&self, item: &str) -> Option<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.ids.value(middle).cmp(item) {
                std::cmp::Ordering::Equal => return Some(middle as u32),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Id of an item.
    pub fn id(&self, row: u32) -> &str {
        self.ids.value(row as usize)
    }

    /// Positives of each item in the training part.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Encoded features, `[items, …]`.
    pub fn features(&self) -> EncodedView<'_> {
        self.features.view()
    }
}
