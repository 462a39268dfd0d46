//! A side table, as ingest left it: rows of a user or an item with their raw columns, each true from its time on.
//! Memory-mapped; only the map from key to rows is held.

use arrow_array::{Array, StringArray};
use rustc_hash::FxHashMap;
use std::path::Path;
use twinspire_core::interaction::NO_TIME;
use twinspire_core::table::{integers_i64, read_mapped, text_column};
use twinspire_core::{CoreError, Result};

/// Rows of a side table by key.
#[derive(Debug)]
pub(super) struct SideTable {
    columns: Vec<(String, StringArray)>,
    /// Number of each key, by its first row.
    numbers: FxHashMap<String, u32>,
    /// (time, row) of all rows; those of a key lie together, oldest first, keys by number.
    rows: Vec<(i64, u32)>,
    /// Where the rows of each key begin, and the end.
    starts: Vec<u32>,
}

/// All rows of one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(u32);

impl SideTable {
    /// Maps the table that ingest wrote.
    ///
    /// # Errors
    /// `Damaged` without a `key` or a `time` column, with a null key, or with a key that has two rows of one time.
    pub fn open(path: &Path) -> Result<Self> {
        let batch = read_mapped(path)?;
        let mut columns = Vec::new();
        for field in batch.schema().fields() {
            if let Some(name) = field.name().strip_prefix("f:") {
                columns.push((name.to_owned(), text_column(&batch, field.name())?.clone()));
            }
        }
        let (mut numbers, mut of_rows) = (FxHashMap::default(), Vec::with_capacity(batch.num_rows()));
        for (row, key) in text_column(&batch, "key")?.iter().enumerate() {
            let key = key.ok_or_else(|| CoreError::damaged(path, format!("row {row} has no key")))?;
            let next = numbers.len() as u32;
            of_rows.push(*numbers.entry(key.to_owned()).or_insert(next));
        }
        let mut rows: Vec<(i64, u32)> = integers_i64(&batch, "time")?.iter().copied().zip(0..).collect();
        rows.sort_unstable_by_key(|&(time, row)| (of_rows[row as usize], time));
        let of = |&(time, row): &(i64, u32)| (of_rows[row as usize], time);
        if let Some(twice) = rows.windows(2).find(|pair| of(&pair[0]) == of(&pair[1])) {
            return Err(CoreError::damaged(path, format!("row {} has the key and the time of another", twice[1].1)));
        }
        let mut starts = vec![0; numbers.len() + 1];
        of_rows.iter().for_each(|&number| starts[number as usize + 1] += 1);
        (0..numbers.len()).for_each(|number| starts[number + 1] += starts[number]);
        Ok(Self { columns, numbers, rows, starts })
    }

    /// Keys, each once, in no order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.numbers.keys().map(String::as_str)
    }

    /// Rows of a key.
    pub fn find(&self, key: &str) -> Option<Entry> {
        self.numbers.get(key).copied().map(Entry)
    }

    /// (time, row) of a key, oldest first; at least one.
    fn rows(&self, Entry(number): Entry) -> &[(i64, u32)] {
        &self.rows[self.starts[number as usize] as usize..self.starts[number as usize + 1] as usize]
    }

    /// The latest row that was true before `time`; a row without a time always was.
    pub fn before(&self, entry: Entry, time: i64) -> Option<usize> {
        let rows = self.rows(entry);
        let end = rows.partition_point(|&(from, _)| from < time || from == NO_TIME);
        rows[..end].last().map(|&(_, row)| row as usize)
    }

    /// The newest row.
    pub fn newest(&self, entry: Entry) -> usize {
        let rows = self.rows(entry);
        rows[rows.len() - 1].1 as usize
    }

    /// Number of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|(known, _)| known == name)
    }

    /// A raw value.
    pub fn value(&self, row: usize, column: usize) -> Option<&str> {
        let values = &self.columns[column].1;
        values.is_valid(row).then(|| values.value(row))
    }
}
