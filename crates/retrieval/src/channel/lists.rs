//! Ranked lists in a file: `channels/<name>.arrow`, memory-mapped.
//!
//! Columns: `key` UInt32 (ascending, unique; what selects the list), `items` List<UInt32> and `scores` List<Float32>
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
        let scores = list_column::<Float32Type>(offsets, all().map(|scored| scored.score).collect());
        let keys = Arc::new(UInt32Array::from_iter_values(ranked.iter().map(|(key, _)| *key)));
        let columns = vec![("key".to_owned(), keys as _), ("items".to_owned(), items), ("scores".to_owned(), scores)];
        Ok(write_table(vfs, path, &batch_of(columns, Vec::new())?)?)
    }

    /// Maps a file; `items` is the size of the corpus.
    ///
    /// # Errors
    /// `Damaged` when keys do not ascend, a list is not in order, or an item lies outside the corpus; I/O.
    pub fn open(path: &Path, items: usize) -> Result<Self> {
        let lists = Self { batch: read_mapped(path)? };
        let ascending = lists.keys()?.windows(2).all(|pair| pair[0] < pair[1]);
        let in_order = |row: usize| {
            let list: Vec<Scored> = lists.row(row)?.collect();
            let sound = |scored: &Scored| (scored.item as usize) < items && scored.score.is_finite();
            Ok(list.iter().all(sound) && list.windows(2).all(|pair| pair[0].order(&pair[1]).is_lt()))
        };
        let sound = (0..lists.keys()?.len()).map(in_order).collect::<Result<Vec<bool>>>()?;
        if !ascending || sound.contains(&false) {
            return Err(CoreError::damaged(path, "a list is out of order or names an item outside the corpus").into());
        }
        Ok(lists)
    }

    fn keys(&self) -> Result<&[u32]> {
        Ok(integers_u32(&self.batch, "key")?)
    }

    fn row(&self, row: usize) -> Result<impl Iterator<Item = Scored>> {
        let items = lists::<UInt32Type>(&self.batch, "items")?.row(row);
        let scores = lists::<Float32Type>(&self.batch, "scores")?.row(row);
        Ok(items.iter().zip(scores).map(|(&item, &score)| Scored { item, score }))
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

/// True when an ascending list has the item.
pub(super) fn contains(ascending: &[u32], item: u32) -> bool {
    ascending.binary_search(&item).is_ok()
}
