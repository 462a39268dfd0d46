//! Accepted rows of one unit, on their way to `<part>.arrow`. In: events and their records. Out: tables as
//! [`twinspire_core::interaction`] describes them, their rows ordered by the slot of their key, so that a bucket of users
//! is one range of each table.

use super::record::Record;
use super::rules::Event;
use super::wanted::NamedColumn;
use crate::error::{DataError, Result};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, UInt8Array, UInt64Array};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use twinspire_core::hash::fingerprint64;
use twinspire_core::interaction::{FIRST_SLOTS, SLOTS, slot};
use twinspire_core::table::{batch_of, write_parts};
use twinspire_core::vfs::Vfs;

/// Bytes that a unit holds before it writes them; a fixed number, so that files do not depend on threads.
const HELD_BYTES: usize = 16 << 20;

/// Rows that a part of a table has at least, the last one aside.
const PART_ROWS: usize = 2_048;

/// What a row has beside its texts.
#[derive(Clone, Copy)]
struct Plain {
    key: u64,
    row: u64,
    time: i64,
    kind: u8,
    event: u8,
    part: u8,
}

/// Slots are held in groups, each in memory of its own, so that what is put in order at a time fits into the cache.
const SLOTS_OF_A_GROUP: usize = 64;

/// Rows of one group of slots, in the order in which they came.
#[derive(Default)]
struct Held {
    plain: Vec<Plain>,
    /// User, item and raw cells of each row, one after the other.
    texts: String,
    /// End of each text.
    ends: Vec<u32>,
}

impl Held {
    fn push(&mut self, text: &str) {
        self.texts.push_str(text);
        self.ends.push(self.texts.len() as u32);
    }

    /// The rows by slot, then in the order in which they came.
    fn order(&self) -> Vec<u32> {
        let mut next = [0u32; SLOTS_OF_A_GROUP];
        let place_of = |row: &Plain| slot(row.key) % SLOTS_OF_A_GROUP;
        self.plain.iter().for_each(|row| next[place_of(row)] += 1);
        let mut start = 0;
        for place in &mut next {
            (*place, start) = (start, start + *place);
        }
        let mut order = vec![0; self.plain.len()];
        for (number, row) in (0..).zip(&self.plain) {
            let place = &mut next[place_of(row)];
            order[*place as usize] = number;
            *place += 1;
        }
        order
    }
}

/// Rows of one unit that are not written yet.
pub(super) struct SlotWriter<'a> {
    vfs: &'a dyn Vfs,
    folder: PathBuf,
    names: &'a [NamedColumn],
    /// Part of the keys of rows without a user.
    file: u64,
    groups: Vec<Held>,
    /// Bytes in all groups.
    bytes: usize,
    /// How often it has written.
    parts: usize,
    /// The last table, which reaches the disk while rows of the next one come.
    syncing: Option<(PathBuf, JoinHandle<io::Result<()>>)>,
}

impl<'a> SlotWriter<'a> {
    /// Writes below `folder`, which must be there; `names` are the raw columns, `file` is the name of the log file.
    pub fn new(vfs: &'a dyn Vfs, folder: &Path, names: &'a [NamedColumn], file: &str) -> Self {
        Self {
            vfs,
            folder: folder.to_owned(),
            names,
            file: fingerprint64(file.as_bytes()),
            groups: (0..SLOTS / SLOTS_OF_A_GROUP).map(|_| Held::default()).collect(),
            bytes: 0,
            parts: 0,
            syncing: None,
        }
    }

    /// Appends a row; `raw` are the cells of the raw columns.
    ///
    /// # Errors
    /// I/O.
    pub fn append(&mut self, event: &Event<'_>, record: &Record<'_>, raw: &[usize], row: u64) -> Result<()> {
        let own = || fingerprint64(&(self.file ^ row).to_le_bytes());
        let key = event.together.map_or_else(own, |together| fingerprint64(together.as_bytes()));
        let (kind, part) = (event.says.kind as u8, event.part as u8);
        let held = &mut self.groups[slot(key) / SLOTS_OF_A_GROUP];
        let before = held.texts.len();
        held.plain.push(Plain { key, row, time: event.time, kind, event: event.says.event, part });
        held.push(event.user.unwrap_or_default());
        held.push(event.item);
        raw.iter().for_each(|&cell| held.push(record.cell(cell)));
        self.bytes += held.texts.len() - before + (2 + raw.len()) * size_of::<u32>() + size_of::<Plain>();
        if self.bytes >= HELD_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes all rows that wait, and returns when every table is on the disk.
    ///
    /// # Errors
    /// I/O.
    pub fn finish(mut self) -> Result<()> {
        if self.bytes > 0 {
            self.write()?;
        }
        self.wait()
    }

    fn write(&mut self) -> Result<()> {
        let path = self.folder.join(format!("{:05}.arrow", self.parts));
        let (batch, ends) = self.batch()?;
        let mut file = write_parts(self.vfs, &path, &batch, &ends)?;
        self.wait()?;
        self.syncing = Some((path, std::thread::spawn(move || file.sync())));
        for held in &mut self.groups {
            held.plain.clear();
            held.texts.clear();
            held.ends.clear();
        }
        self.bytes = 0;
        self.parts += 1;
        Ok(())
    }

    /// Waits until the last table is on the disk.
    fn wait(&mut self) -> Result<()> {
        let Some((path, syncing)) = self.syncing.take() else { return Ok(()) };
        let synced = syncing.join().unwrap_or_else(|_| Err(io::Error::other("the thread that syncs it ended early")));
        synced.map_err(|error| DataError::io(&path, error))
    }

    /// All rows as one table, and the end of each of its parts.
    fn batch(&self) -> Result<(RecordBatch, Vec<usize>)> {
        let width = 2 + self.names.len();
        let count: usize = self.groups.iter().map(|held| held.plain.len()).sum();
        let mut columns: Vec<StringBuilder> =
            (0..width).map(|_| StringBuilder::with_capacity(count, self.bytes / width)).collect();
        let mut rows: Vec<Plain> = Vec::with_capacity(count);
        for held in &self.groups {
            for row in held.order() {
                let first = row as usize * width;
                let mut start = first.checked_sub(1).map_or(0, |before| held.ends[before] as usize);
                for (column, &end) in columns.iter_mut().zip(&held.ends[first..first + width]) {
                    let text = &held.texts[start..end as usize];
                    column.append_option((!text.is_empty()).then_some(text));
                    start = end as usize;
                }
                rows.push(held.plain[row as usize]);
            }
        }
        let (first_slots, ends) = parts_of(&rows);
        let fixed = ["user", "item"].into_iter().map(str::to_owned);
        let names = fixed.chain(self.names.iter().map(|name| format!("f:{}", name.column)));
        let texts = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let mut table: Vec<(String, ArrayRef)> = names.zip(texts).collect();
        let rows = || rows.iter();
        table.push(("time".into(), Arc::new(Int64Array::from_iter_values(rows().map(|row| row.time)))));
        table.push(("kind".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.kind)))));
        table.push(("event".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.event)))));
        table.push(("part".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.part)))));
        table.push(("row".into(), Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.row)))));
        table.push(("key".into(), Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.key)))));
        Ok((batch_of(table, vec![(FIRST_SLOTS, serde_json::json!(first_slots).to_string())])?, ends))
    }
}

/// First slot and end of each part of a table of these rows, of which there is one at least.
fn parts_of(rows: &[Plain]) -> (Vec<usize>, Vec<usize>) {
    let (mut first_slots, mut ends, mut start) = (vec![slot(rows[0].key)], Vec::new(), 0);
    for at in 1..rows.len() {
        if at - start >= PART_ROWS && slot(rows[at].key) != slot(rows[at - 1].key) {
            first_slots.push(slot(rows[at].key));
            ends.push(at);
            start = at;
        }
    }
    ends.push(rows.len());
    (first_slots, ends)
}
