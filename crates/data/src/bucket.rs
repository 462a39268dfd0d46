//! One bucket of interactions in memory. In: its range of slots of the tables of all files. Out: their rows in the order
//! (user, time, position), grouped by user; and, once cleaned and split, the same rows as a table. It splits nothing and
//! encodes nothing.

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::{EventKind, Part, ROWS_OF_A_FILE, slot};
use twinspire_core::table::{batch_of, integers_i64, integers_u8, integers_u64, read_mapped, text_column};
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
    /// Number of the user in the bucket, or MISSING without a user.
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
    /// By (key of the user, time, position); a row without a user has a key of its own.
    pub rows: Vec<Row>,
    /// Rows that were left out, by reason.
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

    fn user_key(&self, row: u32) -> Option<&str> {
        self.user.is_valid(row as usize).then(|| self.user.value(row as usize))
    }
}

/// A row with the key by which it is sorted.
struct Keyed {
    key: u64,
    row: Row,
}

/// Appends those rows of one table whose slots are wanted; users are numbered later. `first` is the position of row 0
/// of the log file.
fn read_rows(
    batch: &RecordBatch,
    slots: &Range<usize>,
    (table, first): (u32, u64),
    rows: &mut Vec<Keyed>,
) -> Result<()> {
    let (time, number, key) = (integers_i64(batch, "time")?, integers_u64(batch, "row")?, integers_u64(batch, "key")?);
    let (kind, event, part) = (integers_u8(batch, "kind")?, integers_u8(batch, "event")?, integers_u8(batch, "part")?);
    let start = key.partition_point(|&key| slot(key) < slots.start);
    let end = start + key[start..].partition_point(|&key| slot(key) < slots.end);
    for row in start..end {
        let position = first + number[row];
        let path = Path::new("interactions");
        let (kind, event, part) = (kind_of(kind[row], path)?, event[row], part_of(part[row], path)?);
        let row_of = Row { user: MISSING, time: time[row], position, kind, event, part, table, row: row as u32 };
        rows.push(Keyed { key: key[row], row: row_of });
    }
    Ok(())
}

fn texts<'a>(rows: &'a [Row], value: impl Fn(&'a Row) -> Option<&'a str>) -> ArrayRef {
    let mut texts = StringBuilder::with_capacity(rows.len(), 0);
    rows.iter().for_each(|row| texts.append_option(value(row)));
    Arc::new(texts.finish())
}

impl Bucket {
    /// Maps the tables, each with the position of row 0 of its log file, and sorts their rows of these slots. `columns`
    /// are the raw columns that [`Bucket::raw`] gives.
    ///
    /// # Errors
    /// A table that cannot be read, or that lacks a column.
    pub fn load(files: &[(PathBuf, u64)], slots: &Range<usize>, columns: &[String]) -> Result<Self> {
        let (mut tables, mut rows) = (Vec::with_capacity(files.len()), Vec::new());
        for (number, (path, first)) in files.iter().enumerate() {
            let batch = read_mapped(path)?;
            read_rows(&batch, slots, (number as u32, *first), &mut rows).map_err(|error| error.of_file(path))?;
            tables.push(LogTable::open(&batch, columns)?);
        }
        let user = |row: &Row| tables[row.table as usize].user_key(row.row);
        rows.sort_unstable_by(|left, right| {
            let by_user = || user(&left.row).cmp(&user(&right.row));
            let by_time = || (left.row.time, left.row.position).cmp(&(right.row.time, right.row.position));
            left.key.cmp(&right.key).then_with(by_user).then_with(by_time)
        });
        let mut bucket =
            Self { tables, rows: rows.into_iter().map(|keyed| keyed.row).collect(), filtered: BTreeMap::new() };
        bucket.number_users();
        Ok(bucket)
    }

    /// Maps a table of [`Bucket::batch`].
    ///
    /// # Errors
    /// As [`Bucket::load`].
    pub fn open(path: &Path, columns: &[String]) -> Result<Self> {
        let batch = read_mapped(path)?;
        let (time, position) = (integers_i64(&batch, "time")?, integers_u64(&batch, "position")?);
        let (kind, event, part) =
            (integers_u8(&batch, "kind")?, integers_u8(&batch, "event")?, integers_u8(&batch, "part")?);
        let row = |row: usize| {
            let (kind, event, part) = (kind_of(kind[row], path)?, event[row], part_of(part[row], path)?);
            let (time, position) = (time[row], position[row]);
            Ok(Row { user: MISSING, time, position, kind, event, part, table: 0, row: row as u32 })
        };
        let rows = (0..batch.num_rows()).map(row).collect::<Result<_>>()?;
        let mut bucket = Self { tables: vec![LogTable::open(&batch, columns)?], rows, filtered: BTreeMap::new() };
        bucket.number_users();
        Ok(bucket)
    }

    /// The rows as a table, in their order.
    ///
    /// # Errors
    /// More than 2 GiB of text.
    pub fn batch(&self, columns: &[String]) -> Result<RecordBatch> {
        let rows = || self.rows.iter();
        let mut table: Vec<(String, ArrayRef)> = vec![
            ("user".into(), texts(&self.rows, |row| self.user_key(row))),
            ("item".into(), texts(&self.rows, |row| Some(self.item(row)))),
            ("time".into(), Arc::new(Int64Array::from_iter_values(rows().map(|row| row.time)))),
            ("kind".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.kind as u8)))),
            ("event".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.event)))),
            ("part".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.part as u8)))),
            ("position".into(), Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.position)))),
        ];
        for (number, column) in columns.iter().enumerate() {
            table.push((format!("f:{column}"), texts(&self.rows, |row| self.raw(row, number))));
        }
        batch_of(table, vec![])
    }

    /// Numbers the users in the order of the rows.
    fn number_users(&mut self) {
        let (mut next, mut last) = (0, None);
        for row in &mut self.rows {
            let user = self.tables[row.table as usize].user_key(row.row);
            if user.is_some() {
                next += u32::from(last.is_some() && last != user);
                last = user;
                row.user = next;
            }
        }
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

    /// Number of different users that still have rows.
    pub fn users(&self) -> u32 {
        let mut users = 0;
        let mut last = MISSING;
        for row in self.rows.iter().filter(|row| row.user != MISSING) {
            users += u32::from(row.user != last);
            last = row.user;
        }
        users
    }

    /// Key of the row's user.
    pub fn user_key(&self, row: &Row) -> Option<&str> {
        self.tables[row.table as usize].user_key(row.row)
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
