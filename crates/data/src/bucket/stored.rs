//! A bucket that was cleaned and split, on disk between two units. In: a bucket. Out: `rows.arrow`, `users.arrow`, and
//! `cells.arrow` with the raw cells of those rows that still need some; and the bucket again. Its items are those of another
//! table that the unit writes, by the same numbers.

use super::load::raw_columns;
use super::{Bucket, Row, kind_of, part_of};
use crate::config::Mode;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, UInt8Array, UInt32Array, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::ids::MISSING;
use twinspire_core::table::{
    MappedParts, batch_of, integers_i64, integers_u8, integers_u32, integers_u64, read_mapped, text_column,
    write_parts, write_table,
};
use twinspire_core::vfs::Vfs;
use twinspire_core::{CoreError, Result};

const ROWS: &str = "rows.arrow";
const USERS: &str = "users.arrow";
const CELLS: &str = "cells.arrow";

/// Rows of a part of the tables of rows and cells: so few that they stay in the cache from the first column to the last.
const PART_ROWS: usize = 8_192;

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
        let parts = || bucket.rows.chunks(PART_ROWS);
        let (rows, cells) = (rows_schema(), self.cells_schema());
        let write = |name: &str, schema: &SchemaRef, parts: &mut dyn Iterator<Item = Result<RecordBatch>>| {
            let path = self.folder.join(name);
            write_parts(vfs, &path, schema, parts)?.sync().map_err(|error| CoreError::io(path, error))
        };
        write(ROWS, &rows, &mut parts().map(|part| rows_of(part, &rows)))?;
        write(CELLS, &cells, &mut parts().map(|part| self.cells_of(bucket, part, &cells)))
    }

    fn cells_schema(&self) -> SchemaRef {
        // A table has its number of rows from a column, and there may be none to keep.
        let position = Field::new("position", DataType::UInt64, false);
        let texts = self.columns.iter().map(|column| Field::new(format!("f:{column}"), DataType::Utf8, true));
        Arc::new(Schema::new([position].into_iter().chain(texts).collect::<Vec<_>>()))
    }

    fn cells_of(&self, bucket: &Bucket, rows: &[Row], schema: &SchemaRef) -> Result<RecordBatch> {
        let rows: Vec<&Row> = rows.iter().filter(|row| self.has_cells(row)).collect();
        let positions = UInt64Array::from_iter_values(rows.iter().map(|row| row.position));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(positions)];
        for (number, kept) in self.kept.iter().enumerate() {
            let cell = |row: &Row| bucket.raw(row, number).filter(|_| kept[usize::from(row.is_sample(self.mode))]);
            columns.push(Arc::new(rows.iter().map(|row| cell(row)).collect::<StringArray>()));
        }
        batch(schema, columns)
    }

    /// Maps what [`StoredBucket::write`] wrote.
    ///
    /// # Errors
    /// A table that cannot be read, or that lacks a column.
    pub fn open(&self) -> Result<Bucket> {
        let users = text_column(&read_mapped(&self.folder.join(USERS))?, "user")?.clone();
        let items = text_column(&read_mapped(&self.folder.join(self.items))?, "item")?.clone();
        let mut bucket = Bucket { users, items, tables: Vec::new(), rows: Vec::new(), filtered: BTreeMap::new() };
        let (rows, cells) = (self.folder.join(ROWS), self.folder.join(CELLS));
        let (rows_of_parts, cells_of_parts) = (MappedParts::open(&rows)?, MappedParts::open(&cells)?);
        if rows_of_parts.len() != cells_of_parts.len() {
            let reason = format!("expected {} parts, found {}", rows_of_parts.len(), cells_of_parts.len());
            return Err(CoreError::damaged(cells, reason));
        }
        for (rows_of_part, cells_of_part) in rows_of_parts.parts().zip(cells_of_parts.parts()) {
            let cells_of_part = cells_of_part?;
            let next = self.push_part(&mut bucket, &rows_of_part?).map_err(|error| error.of_file(&rows))?;
            if cells_of_part.num_rows() != next as usize {
                let found = cells_of_part.num_rows();
                return Err(CoreError::damaged(cells, format!("expected the cells of {next} rows, found {found}")));
            }
            bucket.tables.push(raw_columns(&cells_of_part, self.columns)?);
        }
        Ok(bucket)
    }

    /// Appends the rows of a part, and returns how many of them have cells, which come in the next table.
    fn push_part(&self, bucket: &mut Bucket, part: &RecordBatch) -> Result<u32> {
        let (user, item) = (integers_u32(part, "user")?, integers_u32(part, "item")?);
        let (time, position) = (integers_i64(part, "time")?, integers_u64(part, "position")?);
        let [kind, event, of_part] = ["kind", "event", "part"].map(|name| integers_u8(part, name));
        let (kind, event, of_part) = (kind?, event?, of_part?);
        let table = bucket.tables.len() as u32;
        let mut next_cells = 0;
        for at in 0..part.num_rows() {
            let (user, item) = (user[at], item[at]);
            if (user != MISSING && user as usize >= bucket.users.len()) || item as usize >= bucket.items.len() {
                let reason = format!("row {at} has a user or an item that is not there");
                return Err(CoreError::damaged(ROWS, reason));
            }
            let (kind, of_part) = (kind_of(kind[at], Path::new(ROWS))?, part_of(of_part[at], Path::new(ROWS))?);
            let (time, position, event) = (time[at], position[at], event[at]);
            let mut row = Row { user, item, time, position, kind, event, part: of_part, table, row: MISSING };
            if self.has_cells(&row) {
                row.row = next_cells;
                next_cells += 1;
            }
            bucket.rows.push(row);
        }
        Ok(next_cells)
    }
}

fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Result<RecordBatch> {
    let made = RecordBatch::try_new(schema.clone(), columns);
    made.map_err(|error| CoreError::damaged("table", error.to_string()))
}

fn rows_schema() -> SchemaRef {
    let (byte, number) = (DataType::UInt8, DataType::UInt32);
    let columns = [
        ("user", number.clone()),
        ("item", number),
        ("time", DataType::Int64),
        ("kind", byte.clone()),
        ("event", byte.clone()),
        ("part", byte),
        ("position", DataType::UInt64),
    ];
    Arc::new(Schema::new(columns.map(|(name, kind)| Field::new(name, kind, false)).to_vec()))
}

fn rows_of(rows: &[Row], schema: &SchemaRef) -> Result<RecordBatch> {
    let rows = || rows.iter();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.user))),
        Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.item))),
        Arc::new(Int64Array::from_iter_values(rows().map(|row| row.time))),
        Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.kind as u8))),
        Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.event))),
        Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.part as u8))),
        Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.position))),
    ];
    batch(schema, columns)
}
