//! The corpus: every item that some row or the item table shows, with the log row that stands for its features.
//! In: the rows of each bucket, split. Out: [`Corpus`], ordered by item id. Features are encoded elsewhere.

use super::side::SideTable;
use crate::bucket::{Bucket, Row, raw_columns};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array};
use rustc_hash::FxHashMap;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::interaction::Part;
use twinspire_core::table::{batch_of, integers_i64, integers_u8, integers_u64, read_mapped, text_column};
use twinspire_core::{CoreError, Result};

/// What one log row says of an item. The last row of the train part wins; without one, the first row of all.
#[derive(Debug, Clone, Copy)]
struct Sighting<R> {
    /// Positives in the train part.
    count: u64,
    train: bool,
    /// (time, position) of the row.
    moment: (i64, u64),
    row: R,
}

impl<R: Copy> Sighting<R> {
    fn yields_to(&self, other: &Self) -> bool {
        match (self.train, other.train) {
            (false, true) => true,
            (true, false) => false,
            (true, true) => other.moment > self.moment,
            (false, false) => other.moment < self.moment,
        }
    }

    fn join(&mut self, other: Self) {
        let count = self.count + other.count;
        if self.yields_to(&other) {
            *self = other;
        }
        self.count = count;
    }
}

/// Items that the rows of one bucket show, by id, with their raw values.
pub(super) struct SeenItems(RecordBatch);

impl SeenItems {
    /// Items of a bucket; its first raw columns, which have the names `columns`, are those of items.
    ///
    /// # Errors
    /// More than 2 GiB of text.
    pub fn of(bucket: &Bucket, columns: &[String]) -> Result<Self> {
        let mut found: Vec<Option<Sighting<&Row>>> = vec![None; bucket.items().len()];
        for row in &bucket.rows {
            let train = row.part == Part::Train;
            let count = u64::from(train && row.is_positive());
            let sighting = Sighting { count, train, moment: (row.time, row.position), row };
            match &mut found[row.item as usize] {
                Some(known) => known.join(sighting),
                unknown => *unknown = Some(sighting),
            }
        }
        let seen = || found.iter().flatten();
        let mut table: Vec<(String, ArrayRef)> = vec![
            ("item".into(), Arc::new(bucket.items().clone())),
            ("count".into(), Arc::new(UInt64Array::from_iter_values(seen().map(|of| of.count)))),
            ("train".into(), Arc::new(UInt8Array::from_iter_values(seen().map(|of| u8::from(of.train))))),
            ("time".into(), Arc::new(Int64Array::from_iter_values(seen().map(|of| of.moment.0)))),
            ("position".into(), Arc::new(UInt64Array::from_iter_values(seen().map(|of| of.moment.1)))),
        ];
        for (number, column) in columns.iter().enumerate() {
            let values: StringArray = seen().map(|of| bucket.raw(of.row, number)).collect();
            table.push((format!("f:{column}"), Arc::new(values)));
        }
        Ok(Self(batch_of(table, vec![])?))
    }

    /// The items as a table.
    pub fn table(&self) -> &RecordBatch {
        &self.0
    }

    /// Maps such a table.
    ///
    /// # Errors
    /// A damaged file.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self(read_mapped(path)?))
    }
}

/// Raw columns of the items of each bucket.
type RawColumns = Vec<Vec<StringArray>>;

/// A bucket, and a row of its items.
type Place = (u32, u32);

/// Joins the items of all buckets, whose order does not matter.
fn join(seen: &[SeenItems]) -> Result<FxHashMap<&str, Sighting<Place>>> {
    let mut joined: FxHashMap<&str, Sighting<Place>> = FxHashMap::default();
    for (bucket, SeenItems(batch)) in (0..).zip(seen) {
        let (count, train) = (integers_u64(batch, "count")?, integers_u8(batch, "train")?);
        let (time, position) = (integers_i64(batch, "time")?, integers_u64(batch, "position")?);
        let ids = text_column(batch, "item")?;
        for row in 0..batch.num_rows() {
            let moment = (time[row], position[row]);
            let sighting = Sighting { count: count[row], train: train[row] == 1, moment, row: (bucket, row as u32) };
            joined.entry(ids.value(row)).and_modify(|known| known.join(sighting)).or_insert(sighting);
        }
    }
    Ok(joined)
}

/// All items, ordered by id.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    ids: Vec<String>,
    counts: Vec<u64>,
    /// The log row that stands for each; none for an item that no log row shows.
    stands: Vec<Option<Place>>,
    raw: RawColumns,
}

impl Corpus {
    /// Joins the items of all buckets, whose raw columns have the names `columns`, with those of the item table.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] when there are more items than a `u32` can number; damaged tables.
    pub fn new(seen: &[SeenItems], columns: &[String], listed: Option<&SideTable>) -> Result<Self> {
        let joined = join(seen)?;
        let unseen = listed.into_iter().flat_map(SideTable::keys).filter(|id| !joined.contains_key(id));
        let mut items: Vec<(&str, u64, Option<Place>)> = unseen.map(|id| (id, 0, None)).collect();
        items.extend(joined.iter().map(|(&id, sighting)| (id, sighting.count, Some(sighting.row))));
        items.sort_unstable_by_key(|&(id, ..)| id);
        if items.len() >= u32::MAX as usize {
            let reason = format!("expected fewer than {} items, found {}", u32::MAX, items.len());
            return Err(CoreError::Invalid { field: "input.item".to_owned(), reason });
        }
        let raw = seen.iter().map(|SeenItems(batch)| raw_columns(batch, columns)).collect::<Result<_>>()?;
        let mut corpus = Self { raw, ..Self::default() };
        for (id, count, stands) in items {
            corpus.ids.push(id.to_owned());
            corpus.counts.push(count);
            corpus.stands.push(stands);
        }
        Ok(corpus)
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Ids, ascending.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Id of an item.
    pub fn id(&self, item: usize) -> &str {
        &self.ids[item]
    }

    /// Positives in the train part, in the order of [`Corpus::ids`].
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Raw value of a log column, by its number; `None` also for an item that no log row shows.
    pub fn raw(&self, item: usize, column: usize) -> Option<&str> {
        let (bucket, row) = self.stands[item]?;
        let values = &self.raw[bucket as usize][column];
        values.is_valid(row as usize).then(|| values.value(row as usize))
    }
}
