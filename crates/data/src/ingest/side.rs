//! Side tables: users or items with the raw columns that features need. In: all files of one table, in order. Out:
//! `side/<name>.arrow` with the columns `key`, `time` Int64 (from when the row is true, microseconds UTC; `NO_TIME` where
//! the table has no time column) and `f:<column>`; of several rows for one key and time the first stays.

use super::account::{Accountant, Kind};
use super::plan::{Plan, SideFiles, USERS, shown};
use super::rules::{DELETED, TimeCell};
use super::table::{Table, Verdict};
use super::unit::ReadFile;
use super::wanted::{KeyCells, Wanted};
use crate::error::{DataError, Result};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use rustc_hash::FxHashSet;
use std::sync::Arc;
use twinspire_core::deleted::DeletedUsers;
use twinspire_core::interaction::NO_TIME;
use twinspire_core::table::batch_of;

/// A side table, and what became of the rows of its files.
pub(crate) struct SideTable<'a> {
    side: &'a SideFiles,
    wanted: &'a Wanted,
    keys: StringBuilder,
    times: Vec<i64>,
    raw: Vec<StringBuilder>,
    /// Keys with their times.
    seen: FxHashSet<(String, i64)>,
    bytes: usize,
    /// One a file.
    pub files: Vec<ReadFile>,
}

impl<'a> SideTable<'a> {
    /// Reads up to `limit` rows of each file.
    ///
    /// # Errors
    /// A file cannot be read, lacks a column, or all of them are without rows; a table above 2 GiB.
    pub fn read(plan: &Plan<'_>, side: &'a SideFiles, wanted: &'a Wanted, limit: u64) -> Result<Self> {
        let mut made = Self {
            side,
            wanted,
            keys: StringBuilder::new(),
            times: Vec::new(),
            raw: wanted.raw.iter().map(|_| StringBuilder::new()).collect(),
            seen: FxHashSet::default(),
            bytes: 0,
            files: Vec::new(),
        };
        for path in &side.files {
            let name = shown(path, plan.data_dir);
            let corrections = plan.corrections.of(&name);
            let mut accountant = Accountant::new(name);
            let mut header = None;
            if let Some(mut table) = Table::open(path, &plan.side_form())? {
                table.correct(corrections);
                made.read_file(&mut table, (limit, &plan.deleted), &mut accountant)?;
                header = Some(table.header().clone());
            }
            made.files.push(ReadFile::new(accountant, header));
        }
        if made.files.iter().all(|file| file.account.read == 0) {
            return Err(DataError::EmptyFile { path: side.files[0].clone(), reason: "it has no rows".into() });
        }
        Ok(made)
    }

    fn read_file(
        &mut self,
        table: &mut Table,
        (limit, deleted): (u64, &DeletedUsers),
        accountant: &mut Accountant,
    ) -> Result<()> {
        let mut key = KeyCells::find(table.header(), &self.side.key, self.side.config_key)?;
        let located = self.wanted.locate(table.header())?;
        let time = self.side.time.as_ref().map(|time| TimeCell::find(table.header(), time, &self.side.time_key()));
        let mut time = time.transpose()?;
        let is_of_users = self.side.name == USERS;
        table.each(limit, accountant, |record, _| {
            let first = key.first();
            let Some(key) = key.read(record) else { return Ok(Verdict::Rejected(Kind::BadId, first)) };
            if is_of_users && deleted.has(key) {
                return Ok(Verdict::Filtered(DELETED));
            }
            if let Some((kind, cell)) = located.fault(record) {
                return Ok(Verdict::Rejected(kind, cell));
            }
            let from = match &mut time {
                None => NO_TIME,
                Some(column) => match column.read(record) {
                    None => return Ok(Verdict::Rejected(Kind::BadTime, column.cell)),
                    Some(from) => from,
                },
            };
            if !self.seen.insert((key.to_owned(), from)) {
                return Ok(Verdict::Rejected(Kind::DuplicateId, first));
            }
            self.append((key, from), located.raw.iter().map(|&cell| record.cell(cell)))?;
            Ok(Verdict::Accepted)
        })
    }

    fn append<'r>(&mut self, (key, from): (&str, i64), raw: impl Iterator<Item = &'r str>) -> Result<()> {
        self.keys.append_value(key);
        self.times.push(from);
        self.bytes += key.len();
        for (column, text) in self.raw.iter_mut().zip(raw) {
            column.append_option((!text.is_empty()).then_some(text));
            self.bytes += text.len();
        }
        if self.bytes > i32::MAX as usize {
            let reason = "a side table has at most 2 GiB of text".to_owned();
            return Err(DataError::Unsuitable { what: format!("input.{}", self.side.name), reason });
        }
        Ok(())
    }

    /// The table of these rows.
    ///
    /// # Errors
    /// Columns of different lengths.
    pub fn batch(&mut self) -> Result<RecordBatch> {
        let times = Arc::new(Int64Array::from(std::mem::take(&mut self.times)));
        let mut columns: Vec<(String, ArrayRef)> =
            vec![("key".into(), Arc::new(self.keys.finish())), ("time".into(), times)];
        for (raw, values) in self.wanted.raw.iter().zip(&mut self.raw) {
            columns.push((format!("f:{}", raw.named.column), Arc::new(values.finish())));
        }
        Ok(batch_of(columns, vec![])?)
    }
}
