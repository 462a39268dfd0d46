//! The corpus: every item that some row or the item table shows, with the log row that stands for its features.
//! In: the rows of each bucket, split. Out: [`Corpus`], ordered by item id. Features are encoded elsewhere.

use super::side::SideTable;
use crate::bucket::{Bucket, Row};
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

impl<R> Sighting<R> {
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

type RawValues = Box<[Option<Box<str>>]>;

/// Items that some rows show, with their raw values.
#[derive(Debug, Default)]
pub(super) struct SeenItems {
    items: FxHashMap<String, Sighting<RawValues>>,
}

impl SeenItems {
    /// Items of one bucket; the first `columns` raw columns of the log are theirs.
    pub fn of(bucket: &Bucket, columns: usize) -> Self {
        let mut seen: FxHashMap<&str, Sighting<&Row>> = FxHashMap::default();
        for row in &bucket.rows {
            let train = row.part == Part::Train;
            let count = u64::from(train && row.is_positive());
            let sighting = Sighting { count, train, moment: (row.time, row.position), row };
            seen.entry(bucket.item(row)).and_modify(|known| known.join(sighting)).or_insert(sighting);
        }
        let owned = seen.into_iter().map(|(id, Sighting { count, train, moment, row })| {
            let values = (0..columns).map(|column| bucket.raw(row, column).map(Box::from)).collect();
            (id.to_owned(), Sighting { count, train, moment, row: values })
        });
        Self { items: owned.collect() }
    }

    /// The items as a table, by id; `columns` are the names of their raw values.
    ///
    /// # Errors
    /// More than 2 GiB of text.
    pub fn batch(&self, columns: &[String]) -> Result<RecordBatch> {
        let mut items: Vec<(&String, &Sighting<RawValues>)> = self.items.iter().collect();
        items.sort_unstable_by_key(|(id, _)| *id);
        let seen = || items.iter().map(|(_, sighting)| sighting);
        let ids = items.iter().map(|(id, _)| Some(id.as_str()));
        let mut table: Vec<(String, ArrayRef)> = vec![
            ("item".into(), Arc::new(StringArray::from_iter(ids))),
            ("count".into(), Arc::new(UInt64Array::from_iter_values(seen().map(|of| of.count)))),
            ("train".into(), Arc::new(UInt8Array::from_iter_values(seen().map(|of| u8::from(of.train))))),
            ("time".into(), Arc::new(Int64Array::from_iter_values(seen().map(|of| of.moment.0)))),
            ("position".into(), Arc::new(UInt64Array::from_iter_values(seen().map(|of| of.moment.1)))),
        ];
        for (number, column) in columns.iter().enumerate() {
            let values: StringArray = seen().map(|of| of.row[number].as_deref()).collect();
            table.push((format!("f:{column}"), Arc::new(values)));
        }
        batch_of(table, vec![])
    }

    /// Reads a table of [`SeenItems::batch`].
    ///
    /// # Errors
    /// A damaged file.
    pub fn open(path: &Path, columns: &[String]) -> Result<Self> {
        let batch = read_mapped(path)?;
        let ids = text_column(&batch, "item")?;
        let (count, train) = (integers_u64(&batch, "count")?, integers_u8(&batch, "train")?);
        let (time, position) = (integers_i64(&batch, "time")?, integers_u64(&batch, "position")?);
        let raw: Vec<&StringArray> =
            columns.iter().map(|column| text_column(&batch, &format!("f:{column}"))).collect::<Result<_>>()?;
        let item = |row: usize| {
            let values = raw.iter().map(|values| values.is_valid(row).then(|| Box::from(values.value(row))));
            let moment = (time[row], position[row]);
            let sighting = Sighting { count: count[row], train: train[row] == 1, moment, row: values.collect() };
            (ids.value(row).to_owned(), sighting)
        };
        Ok(Self { items: (0..batch.num_rows()).map(item).collect() })
    }

    /// Joins the items of another bucket; the order of joining does not matter.
    pub fn merge(&mut self, other: Self) {
        for (id, sighting) in other.items {
            match self.items.get_mut(&id) {
                Some(known) => known.join(sighting),
                None => {
                    self.items.insert(id, sighting);
                }
            }
        }
    }
}

/// All items, ordered by id.
#[derive(Debug, Default)]
pub(super) struct Corpus {
    ids: Vec<String>,
    counts: Vec<u64>,
    raw: Vec<Option<RawValues>>,
}

impl Corpus {
    /// Joins the items of the log with those of the item table.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] when there are more items than a `u32` can number.
    pub fn new(seen: SeenItems, listed: Option<&SideTable>) -> Result<Self> {
        let mut items: Vec<(String, u64, Option<RawValues>)> = Vec::with_capacity(seen.items.len());
        for id in listed.into_iter().flat_map(SideTable::keys) {
            if !seen.items.contains_key(id) {
                items.push((id.to_owned(), 0, None));
            }
        }
        items.extend(seen.items.into_iter().map(|(id, sighting)| (id, sighting.count, Some(sighting.row))));
        items.sort_unstable_by(|left, right| left.0.cmp(&right.0));
        if items.len() >= u32::MAX as usize {
            let reason = format!("expected fewer than {} items, found {}", u32::MAX, items.len());
            return Err(CoreError::Invalid { field: "input.item".to_owned(), reason });
        }
        let mut corpus = Self::default();
        for (id, count, raw) in items {
            corpus.ids.push(id);
            corpus.counts.push(count);
            corpus.raw.push(raw);
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
        self.raw[item].as_ref()?[column].as_deref()
    }
}
