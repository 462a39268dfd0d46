//! A bucket from the tables of interactions. In: the tables of all files, each ordered by slot. Out: the rows of a range
//! of slots. Slots are taken one after the other from all tables, so that what is sorted and compared stays in the cache.

use super::{Bucket, Row, kind_of, part_of};
use arrow_array::builder::{ArrayBuilder, StringBuilder};
use arrow_array::{Array, RecordBatch, StringArray};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::{FIRST_SLOTS, slot};
use twinspire_core::table::{MappedParts, integers_i64, integers_u8, integers_u64, text_column};
use twinspire_core::{CoreError, Result};

/// A part of a table of interactions, borrowed from its map.
struct LogTable<'a> {
    path: &'a Path,
    user: &'a StringArray,
    item: &'a StringArray,
    time: &'a [i64],
    number: &'a [u64],
    key: &'a [u64],
    kind: &'a [u8],
    event: &'a [u8],
    part: &'a [u8],
    /// Position of row 0 of its log file.
    first: u64,
    /// The row that comes next.
    next: usize,
}

/// A row with the key by which it is sorted.
struct Keyed {
    key: u64,
    row: Row,
}

impl<'a> LogTable<'a> {
    fn new(batch: &'a RecordBatch, path: &'a Path, first: u64) -> Result<Self> {
        Ok(Self {
            path,
            user: text_column(batch, "user")?,
            item: text_column(batch, "item")?,
            time: integers_i64(batch, "time")?,
            number: integers_u64(batch, "row")?,
            key: integers_u64(batch, "key")?,
            kind: integers_u8(batch, "kind")?,
            event: integers_u8(batch, "event")?,
            part: integers_u8(batch, "part")?,
            first,
            next: 0,
        })
    }

    /// Takes the rows of a slot; users and items are numbered later. `table` is the number of this table.
    fn take_slot(&mut self, wanted: usize, table: u32, rows: &mut Vec<Keyed>) -> Result<()> {
        while self.key.get(self.next).is_some_and(|&key| slot(key) == wanted) {
            let at = self.next;
            let row = Row {
                user: MISSING,
                item: MISSING,
                time: self.time[at],
                position: self.first + self.number[at],
                kind: kind_of(self.kind[at], self.path)?,
                event: self.event[at],
                part: part_of(self.part[at], self.path)?,
                table,
                row: at as u32,
            };
            rows.push(Keyed { key: self.key[at], row });
            self.next += 1;
        }
        Ok(())
    }

    fn user(&self, row: u32) -> Option<&'a str> {
        self.user.is_valid(row as usize).then(|| self.user.value(row as usize))
    }
}

/// Rows whose users and items get numbers as they come.
#[derive(Default)]
struct Numbering<'a> {
    users: StringBuilder,
    numbers: FxHashMap<&'a str, u32>,
    items: Vec<&'a str>,
    rows: Vec<Row>,
}

impl<'a> Numbering<'a> {
    /// Takes the rows of a slot, by (key, user, time, position). Two users seldom share a key, so texts are put in order only
    /// where they do.
    fn push_slot(&mut self, rows: &mut [Keyed], tables: &[LogTable<'a>]) {
        let user_of = |keyed: &Keyed| tables[keyed.row.table as usize].user(keyed.row.row);
        rows.sort_unstable_by_key(|keyed| (keyed.key, keyed.row.time, keyed.row.position));
        for of_key in rows.chunk_by_mut(|one, next| one.key == next.key) {
            let user = user_of(&of_key[0]);
            if of_key.iter().all(|keyed| user_of(keyed) == user) {
                self.push_user(user, of_key, tables);
                continue;
            }
            of_key.sort_unstable_by_key(|keyed| (user_of(keyed), keyed.row.time, keyed.row.position));
            for of_user in of_key.chunk_by(|one, next| user_of(one) == user_of(next)) {
                self.push_user(user_of(&of_user[0]), of_user, tables);
            }
        }
    }

    fn push_user(&mut self, user: Option<&str>, rows: &[Keyed], tables: &[LogTable<'a>]) {
        let user = user.map_or(MISSING, |user| {
            self.users.append_value(user);
            self.users.len() as u32 - 1
        });
        for Keyed { row, .. } in rows {
            let item = tables[row.table as usize].item.value(row.row as usize);
            let number = *self.numbers.entry(item).or_insert_with(|| {
                self.items.push(item);
                self.items.len() as u32 - 1
            });
            self.rows.push(Row { user, item: number, ..*row });
        }
    }

    /// The rows of these tables; items have the numbers of their ids in order.
    fn finish(mut self, tables: Vec<Vec<StringArray>>) -> Bucket {
        let mut order: Vec<u32> = (0..self.items.len() as u32).collect();
        order.sort_unstable_by_key(|&number| self.items[number as usize]);
        let mut ranks = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&number, rank)| ranks[number as usize] = rank);
        self.rows.iter_mut().for_each(|row| row.item = ranks[row.item as usize]);
        let items = StringArray::from_iter_values(order.iter().map(|&number| self.items[number as usize]));
        Bucket { users: self.users.finish(), items, tables, rows: self.rows, filtered: BTreeMap::new() }
    }
}

/// The parts of one file that hold rows of the wanted slots.
fn parts_within(path: &Path, slots: &Range<usize>) -> Result<Vec<RecordBatch>> {
    let parts = MappedParts::open(path)?;
    let text = parts.schema().metadata().get(FIRST_SLOTS).map_or("", String::as_str);
    let first_slots: Vec<usize> =
        serde_json::from_str(text).map_err(|error| CoreError::damaged(path, format!("{FIRST_SLOTS}: {error}")))?;
    if first_slots.len() != parts.len() {
        return Err(CoreError::damaged(path, format!("{FIRST_SLOTS} has {} entries", first_slots.len())));
    }
    let start = first_slots.partition_point(|&first| first <= slots.start).saturating_sub(1);
    let end = first_slots.partition_point(|&first| first < slots.end);
    (start..end).map(|part| parts.part(part)).collect()
}

impl Bucket {
    /// Maps those parts of the tables, each with the position of row 0 of its log file, that have rows of these slots, and
    /// sorts these rows. `columns` are the raw columns that [`Bucket::raw`] gives.
    ///
    /// # Errors
    /// A table that cannot be read, or that lacks a column.
    pub fn load(files: &[(PathBuf, u64)], slots: &Range<usize>, columns: &[String]) -> Result<Self> {
        let mut parts = Vec::new();
        for (path, first) in files {
            parts.extend(parts_within(path, slots)?.into_iter().map(|part| (part, path, *first)));
        }
        let (mut tables, mut raw) = (Vec::with_capacity(parts.len()), Vec::with_capacity(parts.len()));
        for (part, path, first) in &parts {
            let mut table = LogTable::new(part, path, *first).map_err(|error| error.of_file(path))?;
            table.next = table.key.partition_point(|&key| slot(key) < slots.start);
            tables.push(table);
            raw.push(raw_columns(part, columns)?);
        }
        let (mut numbering, mut rows) = (Numbering::default(), Vec::new());
        for slot in slots.clone() {
            for (number, table) in tables.iter_mut().enumerate() {
                table.take_slot(slot, number as u32, &mut rows)?;
            }
            numbering.push_slot(&mut rows, &tables);
            rows.clear();
        }
        Ok(numbering.finish(raw))
    }
}

/// The columns `f:<name>` of a table.
pub(crate) fn raw_columns(batch: &RecordBatch, names: &[String]) -> Result<Vec<StringArray>> {
    names.iter().map(|name| text_column(batch, &format!("f:{name}")).cloned()).collect()
}
