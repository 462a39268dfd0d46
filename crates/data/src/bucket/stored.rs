//! A bucket that was cleaned and split, on disk between two units. In: a bucket. Out: `rows.arrow`, `users.arrow`, and
//! `cells.arrow` with the raw cells of those rows that still need some; and the bucket again. Its items are those of another
//! table that the unit writes, by the same numbers.

use super::load::raw_columns;
use super::{Bucket, Row, kind_of, part_of};
use crate::config::Mode;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, UInt8Array, UInt32Array, UInt64Array};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::ids::MISSING;
use twinspire_core::table::{
    batch_of, integers_i64, integers_u8, integers_u32, integers_u64, read_mapped, text_column, write_table,
};
use twinspire_core::vfs::Vfs;
use twinspire_core::{CoreError, Result};

const ROWS: &str = "rows.arrow";
const USERS: &str = "users.arrow";
const CELLS: &str = "cells.arrow";

/// Where a bucket is stored.
pub(crate) struct StoredBucket<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Name of the table in it whose column `item` has the ids of the items.
    pub items: &'a str,
    /// Names of the raw columns.
    pub columns: &'a [String],
    /// For each of them, whether its cells are kept of rows that are no samples, and of those that are.
    pub kept: &'a [[bool; 2]],
    /// What samples are made of.
    pub mode: Mode,
}

impl StoredBucket<'_> {
    /// True for a row that has a row in the table of cells.
    fn has_cells(&self, row: &Row) -> bool {
        self.kept.iter().any(|kept| kept[usize::from(row.is_sample(self.mode))])
    }

    /// Writes the rows and the users of a bucket, and the raw cells that are kept.
    ///
    /// # Errors
    /// I/O; more than 2 GiB of text.
    pub fn write(&self, vfs: &dyn Vfs, bucket: &Bucket) -> Result<()> {
        let users: Vec<(String, ArrayRef)> = vec![("user".into(), Arc::new(bucket.users.clone()))];
        write_table(vfs, &self.folder.join(USERS), &batch_of(users, vec![])?)?;
        write_table(vfs, &self.folder.join(ROWS), &rows_of(bucket)?)?;
        write_table(vfs, &self.folder.join(CELLS), &self.cells_of(bucket)?)
    }

    fn cells_of(&self, bucket: &Bucket) -> Result<RecordBatch> {
        let rows: Vec<&Row> = bucket.rows.iter().filter(|row| self.has_cells(row)).collect();
        // A table has its number of rows from a column, and there may be none to keep.
        let positions = UInt64Array::from_iter_values(rows.iter().map(|row| row.position));
        let mut table: Vec<(String, ArrayRef)> = vec![("position".into(), Arc::new(positions))];
        for (number, (column, kept)) in self.columns.iter().zip(self.kept).enumerate() {
            let cell = |row: &Row| bucket.raw(row, number).filter(|_| kept[usize::from(row.is_sample(self.mode))]);
            table.push((format!("f:{column}"), Arc::new(rows.iter().map(|row| cell(row)).collect::<StringArray>())));
        }
        batch_of(table, vec![])
    }

    /// Maps what [`StoredBucket::write`] wrote.
    ///
    /// # Errors
    /// A table that cannot be read, or that lacks a column.
    pub fn open(&self) -> Result<Bucket> {
        let path = self.folder.join(ROWS);
        let batch = read_mapped(&path)?;
        let (user, item) = (integers_u32(&batch, "user")?, integers_u32(&batch, "item")?);
        let (time, position) = (integers_i64(&batch, "time")?, integers_u64(&batch, "position")?);
        let (kind, event, part) =
            (integers_u8(&batch, "kind")?, integers_u8(&batch, "event")?, integers_u8(&batch, "part")?);
        let users = text_column(&read_mapped(&self.folder.join(USERS))?, "user")?.clone();
        let items = text_column(&read_mapped(&self.folder.join(self.items))?, "item")?.clone();
        let cells = read_mapped(&self.folder.join(CELLS))?;
        let mut next_cells = 0;
        let row = |row: usize| {
            let (user, item) = (user[row], item[row]);
            if (user != MISSING && user as usize >= users.len()) || item as usize >= items.len() {
                return Err(CoreError::damaged(&path, format!("row {row} has a user or an item that is not there")));
            }
            let (time, position) = (time[row], position[row]);
            let (kind, event, part) = (kind_of(kind[row], &path)?, event[row], part_of(part[row], &path)?);
            let mut row = Row { user, item, time, position, kind, event, part, table: 0, row: MISSING };
            if self.has_cells(&row) {
                row.row = next_cells;
                next_cells += 1;
            }
            Ok(row)
        };
        let rows = (0..batch.num_rows()).map(row).collect::<Result<_>>()?;
        if cells.num_rows() != next_cells as usize {
            let reason = format!("expected the cells of {next_cells} rows, found those of {}", cells.num_rows());
            return Err(CoreError::damaged(self.folder.join(CELLS), reason));
        }
        Ok(Bucket { users, items, tables: vec![raw_columns(&cells, self.columns)?], rows, filtered: BTreeMap::new() })
    }
}

fn rows_of(bucket: &Bucket) -> Result<RecordBatch> {
    let rows = || bucket.rows.iter();
    let table: Vec<(String, ArrayRef)> = vec![
        ("user".into(), Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.user)))),
        ("item".into(), Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.item)))),
        ("time".into(), Arc::new(Int64Array::from_iter_values(rows().map(|row| row.time)))),
        ("kind".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.kind as u8)))),
        ("event".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.event)))),
        ("part".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.part as u8)))),
        ("position".into(), Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.position)))),
    ];
    batch_of(table, vec![])
}
