//! One bucket of interactions in memory. In: the tables of all units for this bucket. Out: their rows in the order
//! (user, time, position), grouped by user. It splits nothing and encodes nothing.

use arrow_array::{Array, RecordBatch, StringArray};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::{EventKind, Part, ROWS_OF_A_FILE};
use twinspire_core::table::{integers_i64, integers_u8, integers_u64, read_mapped, text_column};
use twinspire_core::{CoreError, Result};

/// The columns of one interaction table, borrowed from its map.
struct LogTable {
    user: StringArray,
    item: StringArray,
    /// `f:` columns, in the order that [`Bucket::load`] was given.
    raw: Vec<StringArray>,
}

/// One interaction. Its texts stay in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Rank of the user key in the bucket, or MISSING without a user.
    pub user: u32,
    /// Microseconds UTC, or `NO_TIME`.
    pub time: i64,
    /// Breaks ties of time; unique.
    pub position: u64,
    /// What it says of its item.
    pub kind: EventKind,
    /// Number of the positive event.
    pub event: u8,
    /// Which part it belongs to.
    pub part: Part,
    table: u32,
    row: u32,
}

/// All interactions of one bucket.
pub(crate) struct Bucket {
    tables: Vec<LogTable>,
    /// By (user, time, position); rows without a user come last.
    pub rows: Vec<Row>,
    /// Rows that [`crate::clean`] left out, by reason.
    pub filtered: BTreeMap<String, u64>,
}

fn part_of(code: u8, path: &Path) -> Result<Part> {
    let known = [Part::Train, Part::Validation, Part::Test].into_iter().find(|&part| part as u8 == code);
    known.ok_or_else(|| CoreError::damaged(path, format!("expected a part of 0 to 2, found {code}")))
}

fn kind_of(code: u8, path: &Path) -> Result<EventKind> {
    let unknown = || CoreError::damaged(path, format!("expected a kind of 0 to 2, found {code}"));
    EventKind::from_code(code).ok_or_else(unknown)
}

impl LogTable {
    fn open(batch: &RecordBatch, columns: &[String]) -> Result<Self> {
        let raw = columns.iter().map(|column| text_column(batch, &format!("f:{column}")).cloned());
        Ok(Self {
            user: text_column(batch, "user")?.clone(),
            item: text_column(batch, "item")?.clone(),
            raw: raw.collect::<Result<_>>()?,
        })
    }
}

/// Appends the rows of one table; `user` is left for [`rank_users`].
fn read_rows(batch: &RecordBatch, table: u32, path: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let (time, position) = (integers_i64(batch, "time")?, integers_u64(batch, "position")?);
    let (kind, event) = (integers_u8(batch, "kind")?, integers_u8(batch, "event")?);
    let part = integers_u8(batch, "part")?;
    for row in 0..batch.num_rows() {
        rows.push(Row {
            user: MISSING,
            time: time[row],
            position: position[row],
            kind: kind_of(kind[row], path)?,
            event: event[row],
            part: part_of(part[row], path)?,
            table,
            row: row as u32,
        });
    }
    Ok(())
}

/// Gives every row the rank of its user key among the keys of the bucket, in byte order.
fn rank_users(tables: &[LogTable], rows: &mut [Row]) {
    let mut numbers: FxHashMap<&str, u32> = FxHashMap::default();
    for row in rows.iter_mut() {
        let keys = &tables[row.table as usize].user;
        if keys.is_valid(row.row as usize) {
            let next = numbers.len() as u32;
            row.user = *numbers.entry(keys.value(row.row as usize)).or_insert(next);
        }
    }
    let mut keys: Vec<(&str, u32)> = numbers.into_iter().collect();
    keys.sort_unstable();
    let mut ranks = vec![0; keys.len()];
    for (rank, (_, number)) in keys.into_iter().enumerate() {
        ranks[number as usize] = rank as u32;
    }
    for row in rows.iter_mut().filter(|row| row.user != MISSING) {
        row.user = ranks[row.user as usize];
    }
}

impl Bucket {
    /// Maps the tables and sorts their rows. `columns` are the raw columns that [`Bucket::raw`] gives.
    ///
    /// # Errors
    /// A table that cannot be read, or that lacks a column.
    pub fn load(files: &[PathBuf], columns: &[String]) -> Result<Self> {
        let (mut tables, mut rows) = (Vec::with_capacity(files.len()), Vec::new());
        for (number, path) in files.iter().enumerate() {
            let batch = read_mapped(path)?;
            read_rows(&batch, number as u32, path, &mut rows)?;
            tables.push(LogTable::open(&batch, columns)?);
        }
        rank_users(&tables, &mut rows);
        rows.sort_unstable_by_key(|row| (row.user, row.time, row.position));
        Ok(Self { tables, rows, filtered: BTreeMap::new() })
    }

    /// Leaves out the rows that have a reason (one entry a row), and counts them under it.
    pub fn leave_out<'r>(&mut self, mut reasons: impl Iterator<Item = Option<&'r str>>) {
        let filtered = &mut self.filtered;
        self.rows.retain(|_| match reasons.next().flatten() {
            None => true,
            Some(reason) => {
                match filtered.get_mut(reason) {
                    Some(count) => *count += 1,
                    None => drop(filtered.insert(reason.to_owned(), 1)),
                }
                false
            }
        });
    }

    /// Numbers the users that still have rows anew, in their order.
    pub fn renumber_users(&mut self) {
        let (mut last, mut next) = (MISSING, 0);
        for row in self.rows.iter_mut().filter(|row| row.user != MISSING) {
            next += u32::from(last != MISSING && last != row.user);
            last = std::mem::replace(&mut row.user, next);
        }
    }

    /// Ranges of rows of one user each, in the order of the keys; a row without a user is alone in its range.
    pub fn groups(&self) -> Vec<Range<usize>> {
        let mut groups = Vec::new();
        let mut start = 0;
        for end in 1..=self.rows.len() {
            let user = self.rows[start].user;
            if end == self.rows.len() || self.rows[end].user != user || user == MISSING {
                groups.push(start..end);
                start = end;
            }
        }
        groups
    }

    /// Number of different users.
    pub fn users(&self) -> u32 {
        let named = self.rows.partition_point(|row| row.user != MISSING);
        self.rows[..named].last().map_or(0, |row| row.user + 1)
    }

    /// Key of the row's user.
    pub fn user_key(&self, row: &Row) -> Option<&str> {
        let keys = &self.tables[row.table as usize].user;
        keys.is_valid(row.row as usize).then(|| keys.value(row.row as usize))
    }

    /// Item id of a row.
    pub fn item(&self, row: &Row) -> &str {
        self.tables[row.table as usize].item.value(row.row as usize)
    }

    /// Raw value of a column, by its number in the `columns` of [`Bucket::load`].
    pub fn raw(&self, row: &Row, column: usize) -> Option<&str> {
        let values = &self.tables[row.table as usize].raw[column];
        values.is_valid(row.row as usize).then(|| values.value(row.row as usize))
    }
}

impl Row {
    /// Reads its texts where another row of the same user and item has them.
    pub fn take_cells(&mut self, other: &Self) {
        (self.table, self.row) = (other.table, other.row);
    }

    /// True for a positive.
    pub fn is_positive(&self) -> bool {
        self.kind.is_positive()
    }

    /// Where the row stood in the input, counted from 1, for messages.
    pub fn place(&self) -> String {
        format!("row {} of input file {}", self.position % ROWS_OF_A_FILE + 1, self.position / ROWS_OF_A_FILE + 1)
    }
}
