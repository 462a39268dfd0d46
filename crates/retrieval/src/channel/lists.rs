//! Ranked lists in a file: `channels/<name>.arrow`, memory-mapped.
//!
//! Columns: `key` UInt32 (ascending, unique; what selects the list), `items` `List<UInt32>` and `scores` `List<Float32>`
//! (best first). What a key means is the channel's business.

use crate::error::Result;
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{RecordBatch, UInt32Array};
use std::path::Path;
use std::sync::Arc;
use twinspire_core::CoreError;
use twinspire_core::query::Scored;
use twinspire_core::table::{batch_of, integers_u32, list_column, lists, read_mapped, write_table};
use twinspire_core::vfs::Vfs;

/// Lists before they are written: key and items, best first; keys ascend.
pub(super) type KeyedLists = Vec<(u32, Vec<Scored>)>;

/// Ranked lists by key.
#[derive(Debug)]
pub(super) struct RankedLists {
    batch: RecordBatch,
}

impl RankedLists {
    /// Writes lists whose keys ascend.
    ///
    /// # Errors
    /// More than 2^31 items in all; I/O.
    pub fn write(vfs: &dyn Vfs, path: &Path, ranked: &[(u32, Vec<Scored>)]) -> Result<()> {
        let mut offsets = vec![0];
        for (_, list) in ranked {
            let end = offsets[offsets.len() - 1] as usize + list.len();
            let end = i32::try_from(end);
            offsets.push(end.map_err(|_| CoreError::damaged(path, "its lists have more than 2^31 items in all"))?);
        }
        let all = || ranked.iter().flat_map(|(_, list)| list);
        let items = list_column::<UInt32Type>(offsets.clone(), all().map(|scored| scored.item).collect());
        let scores = list_column::<Float32Type>(offsets, all().map(|scored| scored.score as f32).collect());
        let keys = Arc::new(UInt32Array::from_iter_values(ranked.iter().map(|(key, _)| *key)));
        let columns = vec![("key".to_owned(), keys as _), ("items".to_owned(), items), ("scores".to_owned(), scores)];
        Ok(write_table(vfs, path, &batch_of(columns, Vec::new())?)?)
    }

    /// Maps a file; `items` is the size of the corpus.
    ///
    /// # Errors
    /// `Damaged`, naming the file, when it has other columns, keys do not ascend, a list is not in order, or an item
    /// lies outside the corpus; I/O.
    pub fn open(path: &Path, items: usize) -> Result<Self> {
        let lists = Self { batch: read_mapped(path)? };
        match lists.is_sound(items) {
            Ok(true) => Ok(lists),
            Ok(false) => {
                Err(CoreError::damaged(path, "a list is out of order or names an item outside the corpus").into())
            }
            Err(error) => Err(CoreError::damaged(path, error.to_string()).into()),
        }
    }

    fn is_sound(&self, corpus: usize) -> Result<bool> {
        let (keys, items) = (self.keys()?, lists::<UInt32Type>(&self.batch, "items")?);
        let scores = lists::<Float32Type>(&self.batch, "scores")?;
        let is_sound = |scored: Scored| (scored.item as usize) < corpus && scored.score.is_finite();
        let in_order =
            |row| pairs(items.row(row), scores.row(row)).is_sorted_by(|left, right| left.order(right).is_lt());
        Ok(keys.is_sorted_by(|left, right| left < right)
            && items.offsets == scores.offsets
            && (0..keys.len()).all(|row| pairs(items.row(row), scores.row(row)).all(is_sound) && in_order(row)))
    }

    fn keys(&self) -> Result<&[u32]> {
        Ok(integers_u32(&self.batch, "key")?)
    }

    fn row(&self, row: usize) -> Result<impl Iterator<Item = Scored>> {
        let items = lists::<UInt32Type>(&self.batch, "items")?;
        let scores = lists::<Float32Type>(&self.batch, "scores")?;
        Ok(pairs(items.row(row), scores.row(row)))
    }

    /// The list of a key, if there is one.
    ///
    /// # Errors
    /// `Damaged`; a file that was opened has none.
    pub fn find(&self, key: u32) -> Result<Option<impl Iterator<Item = Scored>>> {
        match self.keys()?.binary_search(&key) {
            Ok(row) => self.row(row).map(Some),
            Err(_) => Ok(None),
        }
    }
}

fn pairs<'a>(items: &'a [u32], scores: &'a [f32]) -> impl Iterator<Item = Scored> + 'a {
    items.iter().zip(scores).map(|(&item, &score)| Scored { item, score: score.into() })
}

/// An item with the score that a file keeps: lists are put in order by what is read back.
pub(super) fn kept(item: u32, score: f64) -> Scored {
    Scored { item, score: f64::from(score as f32) }
}

/// True when an ascending list has the item.
pub(super) fn contains(ascending: &[u32], item: u32) -> bool {
    ascending.binary_search(&item).is_ok()
}
