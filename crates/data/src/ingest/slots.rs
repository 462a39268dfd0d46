//! Accepted rows of one unit, on their way to `<part>.arrow`. In: events and their records. Out: tables as
//! [`twinspire_core::interaction`] describes them, their rows ordered by the slot of their key, so that a bucket of users
//! is one range of each table.

use super::record::Record;
use super::rules::Event;
use super::wanted::NamedColumn;
use crate::error::Result;
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, UInt8Array, UInt64Array};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::hash::fingerprint64;
use twinspire_core::interaction::{SLOTS, slot};
use twinspire_core::table::{batch_of, write_table};
use twinspire_core::vfs::Vfs;

/// Bytes that a unit holds before it writes them; a fixed number, so that files do not depend on threads.
const HELD_BYTES: usize = 32 << 20;

/// What a row has beside its texts.
struct Plain {
    key: u64,
    row: u64,
    time: i64,
    kind: u8,
    event: u8,
    part: u8,
}

/// Rows of one unit that are not written yet.
pub(super) struct SlotWriter<'a> {
    vfs: &'a dyn Vfs,
    folder: PathBuf,
    names: &'a [NamedColumn],
    /// Part of the keys of rows without a user.
    file: u64,
    plain: Vec<Plain>,
    /// User, item and raw cells of each row, one after the other.
    texts: Vec<u8>,
    /// End of each text.
    ends: Vec<usize>,
    /// How often it has written.
    parts: usize,
}

impl<'a> SlotWriter<'a> {
    /// Writes below `folder`, which must be there; `names` are the raw columns, `file` is the name of the log file.
    pub fn new(vfs: &'a dyn Vfs, folder: &Path, names: &'a [NamedColumn], file: &str) -> Self {
        Self {
            vfs,
            folder: folder.to_owned(),
            names,
            file: fingerprint64(file.as_bytes()),
            plain: Vec::new(),
            texts: Vec::new(),
            ends: Vec::new(),
            parts: 0,
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
        self.plain.push(Plain { key, row, time: event.time, kind, event: event.says.event, part });
        self.push(event.user.unwrap_or_default());
        self.push(event.item);
        raw.iter().for_each(|&cell| self.push(record.cell(cell)));
        let held = self.texts.len() + self.ends.len() * size_of::<usize>() + self.plain.len() * size_of::<Plain>();
        if held >= HELD_BYTES { self.write() } else { Ok(()) }
    }

    fn push(&mut self, text: &str) {
        self.texts.extend_from_slice(text.as_bytes());
        self.ends.push(self.texts.len());
    }

    /// Writes all rows that wait.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&mut self) -> Result<()> {
        if self.plain.is_empty() {
            return Ok(());
        }
        let path = self.folder.join(format!("{:05}.arrow", self.parts));
        write_table(self.vfs, &path, &self.batch()?)?;
        self.plain.clear();
        self.texts.clear();
        self.ends.clear();
        self.parts += 1;
        Ok(())
    }

    /// The rows by slot, then in the order in which they came.
    fn order(&self) -> Vec<u32> {
        let mut next = [0u32; SLOTS];
        self.plain.iter().for_each(|row| next[slot(row.key)] += 1);
        let mut start = 0;
        for place in &mut next {
            (*place, start) = (start, start + *place);
        }
        let mut order = vec![0; self.plain.len()];
        for (number, row) in self.plain.iter().enumerate() {
            let place = &mut next[slot(row.key)];
            order[*place as usize] = number as u32;
            *place += 1;
        }
        order
    }

    fn batch(&self) -> Result<RecordBatch> {
        let order = self.order();
        let width = 2 + self.names.len();
        let mut columns: Vec<StringBuilder> =
            (0..width).map(|_| StringBuilder::with_capacity(order.len(), self.texts.len() / width)).collect();
        for &row in &order {
            let first = row as usize * width;
            let mut start = first.checked_sub(1).map_or(0, |before| self.ends[before]);
            for (column, &end) in columns.iter_mut().zip(&self.ends[first..first + width]) {
                let text = std::str::from_utf8(&self.texts[start..end]).expect("cells are text");
                column.append_option((!text.is_empty()).then_some(text));
                start = end;
            }
        }
        let rows = || order.iter().map(|&row| &self.plain[row as usize]);
        let fixed = ["user", "item"].into_iter().map(str::to_owned);
        let names = fixed.chain(self.names.iter().map(|name| format!("f:{}", name.column)));
        let texts = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        let mut table: Vec<(String, ArrayRef)> = names.zip(texts).collect();
        table.push(("time".into(), Arc::new(Int64Array::from_iter_values(rows().map(|row| row.time)))));
        table.push(("kind".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.kind)))));
        table.push(("event".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.event)))));
        table.push(("part".into(), Arc::new(UInt8Array::from_iter_values(rows().map(|row| row.part)))));
        table.push(("row".into(), Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.row)))));
        table.push(("key".into(), Arc::new(UInt64Array::from_iter_values(rows().map(|row| row.key)))));
        Ok(batch_of(table, vec![])?)
    }
}
