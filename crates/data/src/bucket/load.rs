//! A bucket from the tables of interactions. In: the tables of all files, each ordered by slot. Out: the rows of a range
//! of slots. Slots are taken one after the other from all tables, so that what is sorted and compared stays in the cache.

use super::names::Names;
use super::{Bucket, Row, kind_of, part_of};
use arrow_array::builder::{ArrayBuilder, StringBuilder};
use arrow_array::{Array, RecordBatch, StringArray};
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

/// Rows of one slot, in the order in which they come: by position.
#[derive(Default)]
struct SlotRows {
    rows: Vec<Row>,
    /// Its users, by the numbers that these rows have; no text stands for rows without a user.
    users: Names,
    /// Key of each user.
    keys: Vec<u64>,
}

impl SlotRows {
    /// The number of the user who has this key.
    fn user(&mut self, key: u64, user: Option<&str>) -> u32 {
        let number = self.users.number_from(key, user.unwrap_or_default());
        if number as usize == self.keys.len() {
            self.keys.push(key);
        }
        number
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.users.clear();
        self.keys.clear();
    }
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

    /// Takes the rows of a slot; `table` is the number of this table, `items` has the numbers of the items.
    fn take_slot(&mut self, wanted: usize, table: u32, items: &mut Names, taken: &mut SlotRows) -> Result<()> {
        while self.key.get(self.next).is_some_and(|&key| slot(key) == wanted) {
            let at = self.next;
            let row = Row {
                user: taken.user(self.key[at], self.user(at)),
                item: items.number(self.item.value(at)),
                time: self.time[at],
                position: self.first + self.number[at],
                kind: kind_of(self.kind[at], self.path)?,
                event: self.event[at],
                part: part_of(self.part[at], self.path)?,
                table,
                row: at as u32,
            };
            taken.rows.push(row);
            self.next += 1;
        }
        Ok(())
    }

    fn user(&self, row: usize) -> Option<&'a str> {
        self.user.is_valid(row).then(|| self.user.value(row))
    }
}

/// Rows in order, and the users and items that they name.
#[derive(Default)]
struct Numbering {
    users: StringBuilder,
    items: Names,
    rows: Vec<Row>,
}

impl Numbering {
    /// Takes the rows of a slot, by (key, user, time, position). Two users seldom share a key, so few texts are compared.
    fn push_slot(&mut self, taken: &SlotRows) {
        let Some(&any) = taken.rows.first() else { return };
        let mut users: Vec<u32> = (0..taken.keys.len() as u32).collect();
        users.sort_unstable_by_key(|&user| (taken.keys[user as usize], taken.users.text(user)));
        let mut places = vec![0; users.len()];
        taken.rows.iter().for_each(|row| places[row.user as usize] += 1);
        let (mut start, mut end) = (self.rows.len(), self.rows.len());
        let mut numbers = vec![MISSING; users.len()];
        for &user in &users {
            let place = &mut places[user as usize];
            (*place, end) = (end, end + *place);
            numbers[user as usize] = self.number_of_user(taken.users.text(user));
        }
        self.rows.resize(end, any);
        for row in &taken.rows {
            let place = &mut places[row.user as usize];
            self.rows[*place] = Row { user: numbers[row.user as usize], ..*row };
            *place += 1;
        }
        for user in users {
            let end = places[user as usize];
            in_order_of_time(&mut self.rows[start..end]);
            start = end;
        }
    }

    fn number_of_user(&mut self, user: &str) -> u32 {
        if user.is_empty() {
            return MISSING;
        }
        self.users.append_value(user);
        self.users.len() as u32 - 1
    }

    /// The rows of these tables; items have the numbers of their ids in order.
    fn finish(mut self, tables: Vec<Vec<StringArray>>) -> Bucket {
        let (items, ranks) = self.items.in_order();
        self.rows.iter_mut().for_each(|row| row.item = ranks[row.item as usize]);
        Bucket { users: self.users.finish(), items, tables, rows: self.rows, filtered: BTreeMap::new() }
    }
}

/// Puts the rows of a user, which come by position, in the order of (time, position). Most logs are written in that order.
fn in_order_of_time(rows: &mut [Row]) {
    if !rows.is_sorted_by_key(|row| row.time) {
        rows.sort_unstable_by_key(|row| (row.time, row.position));
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
        let (mut numbering, mut taken) = (Numbering::default(), SlotRows::default());
        for slot in slots.clone() {
            for (number, table) in tables.iter_mut().enumerate() {
                table.take_slot(slot, number as u32, &mut numbering.items, &mut taken)?;
            }
            numbering.push_slot(&taken);
            taken.clear();
        }
        Ok(numbering.finish(raw))
    }
}

/// The columns `f:<name>` of a table.
pub(crate) fn raw_columns(batch: &RecordBatch, names: &[String]) -> Result<Vec<StringArray>> {
    names.iter().map(|name| text_column(batch, &format!("f:{name}")).cloned()).collect()
}
