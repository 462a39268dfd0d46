//! A side table, as ingest left it: one row a user or an item, with its raw columns. Memory-mapped; only the map from
//! key to row is held.

use arrow_array::{Array, StringArray};
use rustc_hash::FxHashMap;
use std::path::Path;
use twinspire_core::table::{read_mapped, text_column};
use twinspire_core::{CoreError, Result};

/// Rows of a side table by key.
#[derive(Debug)]
pub(super) struct SideTable {
    keys: StringArray,
    columns: Vec<(String, StringArray)>,
    rows: FxHashMap<String, u32>,
}

impl SideTable {
    /// Maps the table that ingest wrote.
    ///
    /// # Errors
    /// `Damaged` without a `key` column, with a null key, or with a key that stands twice.
    pub fn open(path: &Path) -> Result<Self> {
        let batch = read_mapped(path)?;
        let keys = text_column(&batch, "key")?.clone();
        let mut columns = Vec::new();
        for field in batch.schema().fields() {
            if let Some(name) = field.name().strip_prefix("f:") {
                columns.push((name.to_owned(), text_column(&batch, field.name())?.clone()));
            }
        }
        let mut rows = FxHashMap::default();
        for (row, key) in keys.iter().enumerate() {
            let key = key.ok_or_else(|| CoreError::damaged(path, format!("row {row} has no key")))?;
            if rows.insert(key.to_owned(), row as u32).is_some() {
                return Err(CoreError::damaged(path, format!("the key {key:?} stands twice")));
            }
        }
        Ok(Self { keys, columns, rows })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Key of a row.
    pub fn key(&self, row: usize) -> &str {
        self.keys.value(row)
    }

    /// Row of a key.
    pub fn find(&self, key: &str) -> Option<usize> {
        self.rows.get(key).map(|&row| row as usize)
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
