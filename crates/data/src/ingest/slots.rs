//! Accepted rows of one unit, on their way to `<part>.arrow`. In: events and their records. Out: tables as
//! [`twinspire_core::interaction`] describes them, their rows ordered by the slot of their key, so that a bucket of users
//! is one range of each table.

use super::record::Record;
use super::rules::Event;
use super::wanted::RawColumn;
use crate::config::Derived;
use crate::error::{DataError, Result};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use twinspire_core::CoreError;
use twinspire_core::hash::fingerprint64;
use twinspire_core::interaction::{FIRST_SLOTS, SLOTS, slot};
use twinspire_core::table::write_parts;
use twinspire_core::vfs::Vfs;

/// Bytes that a unit holds before it writes them; a fixed number, so that files do not depend on threads.
const HELD_BYTES: usize = 16 << 20;

/// Rows that a part of a table has at least, the last one aside: so few that a part stays in the cache while it is made and
/// written, and so many that it is worth a look at it.
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
    texts: Vec<u8>,
    /// End of each text.
    ends: Vec<u32>,
}

impl Held {
    fn push(&mut self, text: &str) {
        self.texts.extend_from_slice(text.as_bytes());
        self.ends.push(self.texts.len() as u32);
    }

    /// Where a text stands.
    fn span(&self, number: usize) -> Range<usize> {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[number] as usize
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

/// A column of texts; an empty one is null.
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

/// Bytes that are copied at a time. Most cells are no longer, and a copy of a known length is one instruction.
const COPIED: usize = 16;

impl Texts {
    fn with_capacity(texts: usize, bytes: usize) -> Self {
        let mut ends = Vec::with_capacity(texts + 1);
        ends.push(0);
        Self { bytes: Vec::with_capacity(bytes), ends }
    }

    fn push(&mut self, texts: &[u8], span: Range<usize>) {
        let end = self.bytes.len() + span.len();
        match texts[span.start..].first_chunk::<COPIED>() {
            Some(chunk) if span.len() <= COPIED => {
                self.bytes.extend_from_slice(chunk);
                self.bytes.truncate(end);
            }
            _ => self.bytes.extend_from_slice(&texts[span]),
        }
        self.ends.push(end as i32);
    }

    fn finish(self) -> std::result::Result<StringArray, ArrowError> {
        let is_text = |text: usize| self.ends[text] < self.ends[text + 1];
        let valid = NullBuffer::new(BooleanBuffer::collect_bool(self.ends.len() - 1, is_text));
        let valid = (valid.null_count() > 0).then_some(valid);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        StringArray::try_new(offsets, Buffer::from_vec(self.bytes), valid)
    }
}

/// Rows of one unit that are not written yet.
pub(super) struct SlotWriter<'a> {
    vfs: &'a dyn Vfs,
    folder: PathBuf,
    columns: &'a [RawColumn],
    derived: &'a [Derived],
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
    /// Writes below `folder`, which must be there; `columns` are the raw ones, `derived` those that are computed from
    /// them, `file` is the name of the log file.
    pub fn new(vfs: &'a dyn Vfs, folder: &Path, columns: &'a [RawColumn], derived: &'a [Derived], file: &str) -> Self {
        Self {
            vfs,
            folder: folder.to_owned(),
            columns,
            derived,
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
        for (&cell, column) in raw.iter().zip(self.columns) {
            let is_read = column.of_all_rows || event.says.kind.is_positive();
            held.push(if is_read { record.cell(cell) } else { "" });
        }
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
        let parts = self.parts_of_groups();
        let schema = self.schema(&parts);
        let batches = parts.into_iter().map(|groups| self.batch(&schema, groups));
        let mut file = write_parts(self.vfs, &path, &schema, batches)?;
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

    /// The groups of each part of a table: as many as have rows enough.
    fn parts_of_groups(&self) -> Vec<Range<usize>> {
        let (mut parts, mut start, mut rows) = (Vec::new(), 0, 0);
        for (group, held) in self.groups.iter().enumerate() {
            rows += held.plain.len();
            if rows >= PART_ROWS || group + 1 == self.groups.len() {
                parts.push(start..group + 1);
                (start, rows) = (group + 1, 0);
            }
        }
        parts
    }

    fn schema(&self, parts: &[Range<usize>]) -> SchemaRef {
        let raw = self.columns.iter().map(|column| format!("f:{}", column.named.column));
        let derived = self.derived.iter().map(|derived| format!("f:{}", derived.name));
        let texts = ["user".to_owned(), "item".to_owned()].into_iter().chain(raw).chain(derived);
        let mut fields: Vec<Field> = texts.map(|name| Field::new(name, DataType::Utf8, true)).collect();
        fields.extend(PLAIN.map(|(name, kind)| Field::new(name, kind, false)));
        let first_slots: Vec<usize> = parts.iter().map(|groups| groups.start * SLOTS_OF_A_GROUP).collect();
        let metadata = [(FIRST_SLOTS.to_owned(), serde_json::json!(first_slots).to_string())];
        Arc::new(Schema::new_with_metadata(fields, metadata))
    }

    /// The rows of some groups.
    fn batch(&self, schema: &SchemaRef, groups: Range<usize>) -> twinspire_core::Result<RecordBatch> {
        let (groups, width) = (&self.groups[groups], 2 + self.columns.len());
        let count: usize = groups.iter().map(|held| held.plain.len()).sum();
        let bytes: usize = groups.iter().map(|held| held.texts.len()).sum();
        let mut texts: Vec<Texts> = (0..width).map(|_| Texts::with_capacity(count, bytes / width)).collect();
        let mut rows: Vec<Plain> = Vec::with_capacity(count);
        for held in groups {
            for row in held.order() {
                rows.push(held.plain[row as usize]);
                for (number, texts) in (row as usize * width..).zip(&mut texts) {
                    texts.push(&held.texts, held.span(number));
                }
            }
        }
        let damaged = |error: ArrowError| CoreError::damaged("interactions", error.to_string());
        let texts =
            texts.into_iter().map(Texts::finish).collect::<std::result::Result<Vec<_>, _>>().map_err(damaged)?;
        let derived: Vec<StringArray> = self.derived.iter().map(|derived| self.computed(derived, &texts)).collect();
        let all = texts.into_iter().chain(derived);
        let mut columns: Vec<ArrayRef> = all.map(|texts| Arc::new(texts) as ArrayRef).collect();
        let rows = || rows.iter();
        columns.push(Arc::new(Int64Array::from_iter_values(rows().map(|row| row.time))));
        columns.push(Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.kind))));
        columns.push(Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.event))));
        columns.push(Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.part))));
        columns.push(Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.row))));
        columns.push(Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.key))));
        RecordBatch::try_new(schema.clone(), columns).map_err(damaged)
    }

    /// A computed column over the user, the item and the raw columns of a table.
    fn computed(&self, derived: &Derived, texts: &[StringArray]) -> StringArray {
        let place = |name: &String| self.columns.iter().position(|column| column.named.column == *name);
        let places = derived.expression.columns().iter().map(|name| 2 + place(name).expect("the plan wants it"));
        let columns: Vec<&StringArray> = places.map(|place| &texts[place]).collect();
        let cell = |column: usize, row: usize| columns[column].is_valid(row).then(|| columns[column].value(row));
        derived.expression.texts(texts[0].len(), &cell).into_iter().collect()
    }
}

/// Columns that hold no text.
const PLAIN: [(&str, DataType); 6] = [
    ("time", DataType::Int64),
    ("kind", DataType::UInt8),
    ("event", DataType::UInt8),
    ("part", DataType::UInt8),
    ("row", DataType::UInt64),
    ("key", DataType::UInt64),
];
