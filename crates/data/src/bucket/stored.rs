//! A bucket that was cleaned and split, on disk between two units. In: a bucket. Out: `rows.arrow` and `users.arrow`; and
//! the bucket again. Its items are those of another table that the unit writes, by the same numbers.

use super::load::raw_columns;
use super::{Bucket, Row, kind_of, part_of};
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, UInt8Array, UInt32Array, UInt64Array};
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

/// Where a bucket is stored.
pub(crate) struct StoredBucket<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// Name of the table in it whose column `item` has the ids of the items.
    pub items: &'a str,
    /// Names of the raw columns.
    pub columns: &'a [String],
}

impl StoredBucket<'_> {
    /// Writes the rows and the users of a bucket. A raw value is kept where `is_needed` says so of its row and column.
    ///
    /// # Errors
    /// I/O; more than 2 GiB of text.
    pub fn write(&self, vfs: &dyn Vfs, bucket: &Bucket, is_needed: impl Fn(&Row, usize) -> bool) -> Result<()> {
        let users: Vec<(String, ArrayRef)> = vec![("user".into(), Arc::new(bucket.users.clone()))];
        write_table(vfs, &self.folder.join(USERS), &batch_of(users, vec![])?)?;
        write_table(vfs, &self.folder.join(ROWS), &self.batch(bucket, is_needed)?)
    }

    fn batch(&self, bucket: &Bucket, is_needed: impl Fn(&Row, usize) -> bool) -> Result<RecordBatch> {
        let rows = || bucket.rows.iter();
        let mut table: Vec<(String, ArrayRef)> = vec![
            ("user".into(), Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.user)))),
            ("item".into(), Arc::new(UInt32Array::from_iter_values(rows().map(|row| row.item)))),
            ("time".into(), Arc::new(Int64Array::from_iter_values(rows().map(|row| row.time)))),
            ("kind".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.kind as u8)))),
            ("event".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.event)))),
            ("part".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.part as u8)))),
            ("position".into(), Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.position)))),
        ];
        for (number, column) in self.columns.iter().enumerate() {
            let mut texts = StringBuilder::with_capacity(bucket.rows.len(), 0);
            let needed = |row: &Row| if is_needed(row, number) { bucket.raw(row, number) } else { None };
            rows().for_each(|row| texts.append_option(needed(row)));
            table.push((format!("f:{column}"), Arc::new(texts.finish())));
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
        let row = |row: usize| {
            let (user, item) = (user[row], item[row]);
            if (user != MISSING && user as usize >= users.len()) || item as usize >= items.len() {
                return Err(CoreError::damaged(&path, format!("row {row} has a user or an item that is not there")));
            }
            let (time, position) = (time[row], position[row]);
            let (kind, event, part) = (kind_of(kind[row], &path)?, event[row], part_of(part[row], &path)?);
            Ok(Row { user, item, time, position, kind, event, part, table: 0, row: row as u32 })
        };
        let rows = (0..batch.num_rows()).map(row).collect::<Result<_>>()?;
        Ok(Bucket { users, items, tables: vec![raw_columns(&batch, self.columns)?], rows, filtered: BTreeMap::new() })
    }
}
