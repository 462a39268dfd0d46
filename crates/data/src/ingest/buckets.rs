//! Accepted rows of one unit, on their way to `<unit>/<bucket>-<part>.arrow`. In: events and their records. Out: tables
//! as [`twinspire_core::interaction`] describes them. A bucket is chosen by the hash of the user key, or of
//! the request, or by the row number where there is neither, so that all rows of a user meet in one bucket.

use super::csv::Record;
use super::rules::Event;
use super::wanted::NamedColumn;
use crate::error::Result;
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, UInt8Array, UInt64Array};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::hash::fingerprint64;
use twinspire_core::table::{batch_of, write_table};
use twinspire_core::vfs::Vfs;

/// Bytes that a unit holds before it writes them; a fixed number, so that files do not depend on threads.
const HELD_BYTES: usize = 64 << 20;

/// Bytes of a row beside its texts: numbers, and the offsets of user and item.
const ROW_BYTES: usize = 8 + 8 + 1 + 1 + 1 + 4 + 4;

/// Rows of one bucket that are not written yet.
struct Waiting {
    user: StringBuilder,
    item: StringBuilder,
    time: Vec<i64>,
    kind: Vec<u8>,
    event: Vec<u8>,
    part: Vec<u8>,
    position: Vec<u64>,
    raw: Vec<StringBuilder>,
}

fn texts() -> StringBuilder {
    StringBuilder::with_capacity(0, 0)
}

impl Waiting {
    fn new(raw: usize) -> Self {
        Self {
            user: texts(),
            item: texts(),
            time: Vec::new(),
            kind: Vec::new(),
            event: Vec::new(),
            part: Vec::new(),
            position: Vec::new(),
            raw: (0..raw).map(|_| texts()).collect(),
        }
    }

    /// The rows as columns; nothing waits afterwards.
    fn take(&mut self, names: &[NamedColumn]) -> Vec<(String, ArrayRef)> {
        let mut columns: Vec<(String, ArrayRef)> = vec![
            ("user".into(), Arc::new(self.user.finish())),
            ("item".into(), Arc::new(self.item.finish())),
            ("time".into(), Arc::new(Int64Array::from(std::mem::take(&mut self.time)))),
            ("kind".into(), Arc::new(UInt8Array::from(std::mem::take(&mut self.kind)))),
            ("event".into(), Arc::new(UInt8Array::from(std::mem::take(&mut self.event)))),
            ("part".into(), Arc::new(UInt8Array::from(std::mem::take(&mut self.part)))),
            ("position".into(), Arc::new(UInt64Array::from(std::mem::take(&mut self.position)))),
        ];
        for (name, values) in names.iter().zip(&mut self.raw) {
            columns.push((format!("f:{}", name.column), Arc::new(values.finish())));
        }
        columns
    }
}

/// Spreads the rows of one unit over buckets.
pub(super) struct BucketWriter<'a> {
    vfs: &'a dyn Vfs,
    folder: PathBuf,
    names: &'a [NamedColumn],
    buckets: Vec<Waiting>,
    held: usize,
    /// How often it has written.
    parts: usize,
}

impl<'a> BucketWriter<'a> {
    /// Writes below `folder`, which must be there; `names` are the raw columns.
    pub fn new(vfs: &'a dyn Vfs, folder: &Path, names: &'a [NamedColumn], buckets: u64) -> Self {
        let buckets = (0..buckets).map(|_| Waiting::new(names.len())).collect();
        Self { vfs, folder: folder.to_owned(), names, buckets, held: 0, parts: 0 }
    }

    /// Appends a row; `raw` are the cells of the raw columns.
    ///
    /// # Errors
    /// I/O.
    pub fn append(&mut self, event: &Event<'_>, record: &Record<'_>, raw: &[usize], position: u64) -> Result<()> {
        let hash = event.together.map_or(position, |key| fingerprint64(key.as_bytes()));
        let bucket = (hash % self.buckets.len() as u64) as usize;
        let waiting = &mut self.buckets[bucket];
        waiting.user.append_option(event.user);
        waiting.item.append_value(event.item);
        waiting.time.push(event.time);
        waiting.kind.push(event.says.kind as u8);
        waiting.event.push(event.says.event);
        waiting.part.push(event.part as u8);
        waiting.position.push(position);
        self.held += ROW_BYTES + event.user.map_or(0, str::len) + event.item.len();
        for (column, &cell) in waiting.raw.iter_mut().zip(raw) {
            let text = record.cell(cell);
            column.append_option((!text.is_empty()).then_some(text));
            self.held += text.len() + 4;
        }
        if self.held >= HELD_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes all rows that wait.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&mut self) -> Result<()> {
        for (bucket, waiting) in self.buckets.iter_mut().enumerate().filter(|(_, waiting)| !waiting.time.is_empty()) {
            let path = self.folder.join(format!("{bucket:05}-{:05}.arrow", self.parts));
            write_table(self.vfs, &path, &batch_of(waiting.take(self.names), vec![])?)?;
        }
        self.held = 0;
        self.parts += 1;
        Ok(())
    }
}
