//! Rows of the corpus by item id. In: the item table. Out: lookups, one for each item of a bucket. The ids stay in the map
//! of the table: 16 bytes an item are held.

use crate::bucket::Bucket;
use rustc_hash::FxHashMap;
use twinspire_core::encode::EncodedView;
use twinspire_core::hash::fingerprint64;
use twinspire_core::items::ItemTable;
use twinspire_core::{CoreError, Result};

/// Rows by id.
pub(super) struct ItemNumbers {
    items: ItemTable,
    rows: FxHashMap<u64, u32>,
    /// Ids whose fingerprint is that of an earlier one.
    others: FxHashMap<String, u32>,
}

impl ItemNumbers {
    /// Of a corpus.
    pub fn of(items: &ItemTable) -> Self {
        let mut numbers = Self { items: items.clone(), rows: FxHashMap::default(), others: FxHashMap::default() };
        numbers.rows.reserve(items.len());
        for row in 0..items.len() as u32 {
            let id = items.id(row);
            if *numbers.rows.entry(fingerprint64(id.as_bytes())).or_insert(row) != row {
                numbers.others.insert(id.to_owned(), row);
            }
        }
        numbers
    }

    /// Positives of each item in the training part.
    pub fn counts(&self) -> &[u64] {
        self.items.counts()
    }

    /// Encoded features of the corpus.
    pub fn features(&self) -> EncodedView<'_> {
        self.items.features()
    }

    /// Row of each item of a bucket, by its number there.
    ///
    /// # Errors
    /// As [`ItemNumbers::find`].
    pub fn of_bucket(&self, bucket: &Bucket) -> Result<Vec<u32>> {
        bucket.items().iter().flatten().map(|id| self.find(id)).collect()
    }

    /// Row of an id that some row of the log showed.
    ///
    /// # Errors
    /// [`CoreError::Mismatch`] when it did not: the log has changed since it was scanned.
    fn find(&self, id: &str) -> Result<u32> {
        let likely = self.rows.get(&fingerprint64(id.as_bytes())).copied().filter(|&row| self.items.id(row) == id);
        likely.or_else(|| self.others.get(id).copied()).ok_or_else(|| CoreError::Mismatch {
            what: "items of the log".to_owned(),
            expected: "an item that the first pass saw".to_owned(),
            found: id.to_owned(),
        })
    }
}
