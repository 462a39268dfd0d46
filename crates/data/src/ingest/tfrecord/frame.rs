//! The records of a TFRecord file: length (8 bytes, little-endian), its checksum, the bytes, their checksum. In: bytes.
//! Out: rows of named cells and damaged records, in constant memory.
//!
//! The length is believed, and memory given to it, only after its checksum was verified. Damaged bytes cost one record; a
//! damaged length or a cut end costs the rest of the file, which counts as one record.

use super::example::read_example;
use crate::ingest::account::{Kind, MAX_VALUE_BYTES, Place};
use crate::ingest::named::NamedCells;
use crate::ingest::record::{Damaged, Found};
use crate::ingest::window::{MAX_RECORD, Window};
use std::io::{self, Read};
use twinspire_core::tfrecord::{HEAD, TAIL, masked};

/// Reads examples one after the other.
pub(crate) struct ExampleReader<R> {
    window: Window<R>,
    cells: NamedCells,
    /// Bytes of the last record, which still wait.
    pending: usize,
    long: Vec<u8>,
    number: u64,
    offset: u64,
    is_lost: bool,
}

/// What stands at the front of the window.
enum Frame {
    /// The file is used up.
    None,
    /// A record of so many bytes, all of which wait.
    Whole(usize),
    /// A record of more than [`MAX_RECORD`] bytes.
    TooLong(u64),
    /// Nothing that can be read, here or behind.
    Lost(Kind),
}

impl<R: Read> ExampleReader<R> {
    /// `block` is the size of the reads.
    pub fn new(source: R, cells: NamedCells, block: usize) -> Self {
        let window = Window::new(source, block);
        Self { window, cells, pending: 0, long: Vec::new(), number: 0, offset: 0, is_lost: false }
    }

    /// The cells, to say which are wanted.
    pub fn cells_mut(&mut self) -> &mut NamedCells {
        &mut self.cells
    }

    /// The next example or damaged record; `None` at the end.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        self.window.consume(self.pending);
        self.offset += self.pending as u64;
        self.pending = 0;
        if self.is_lost {
            return Ok(None);
        }
        self.number += 1;
        match self.frame()? {
            Frame::None => Ok(None),
            Frame::Whole(length) => Ok(Some(self.record(length))),
            Frame::TooLong(length) => self.too_long(length).map(Some),
            Frame::Lost(kind) => Ok(Some(self.lost(kind))),
        }
    }

    fn frame(&mut self) -> io::Result<Frame> {
        if self.window.byte(HEAD - 1)?.is_none() {
            return Ok(if self.window.waiting().is_empty() { Frame::None } else { Frame::Lost(Kind::Truncated) });
        }
        let (length, rest) = self.window.waiting().split_first_chunk::<8>().expect("a head waits");
        let sum = rest.first_chunk::<4>().expect("a head waits");
        if masked(length) != u32::from_le_bytes(*sum) {
            return Ok(Frame::Lost(Kind::BadLength));
        }
        let length = u64::from_le_bytes(*length);
        if length > MAX_RECORD as u64 {
            return Ok(Frame::TooLong(length));
        }
        let length = length as usize;
        let is_whole = self.window.byte(HEAD + length + TAIL - 1)?.is_some();
        Ok(if is_whole { Frame::Whole(length) } else { Frame::Lost(Kind::Truncated) })
    }

    fn record(&mut self, length: usize) -> Found<'_> {
        self.pending = HEAD + length + TAIL;
        let waiting = &self.window.waiting()[HEAD..self.pending];
        let (row, sum) = waiting.split_at(length);
        let place = Place { line: self.number, byte_offset: self.offset, row };
        let is_sound = masked(row).to_le_bytes() == sum;
        let read = if is_sound { read_example(row, &mut self.cells) } else { Err(Kind::BadCrc) };
        match read {
            Ok(()) => self.cells.found(place),
            Err(kind) => Found::Damaged(Damaged { place, kind, cell: None }),
        }
    }

    /// Passes over a record whose length is sound.
    fn too_long(&mut self, length: u64) -> io::Result<Found<'_>> {
        let (line, byte_offset) = (self.number, self.offset);
        self.window.byte(HEAD + MAX_VALUE_BYTES)?;
        self.keep_beginning();
        let bytes = length.saturating_add((HEAD + TAIL) as u64);
        let kind = if self.window.skip(bytes)? { Kind::TooLong } else { Kind::Truncated };
        self.offset = self.offset.saturating_add(bytes);
        Ok(Found::Damaged(Damaged { place: Place { line, byte_offset, row: &self.long }, kind, cell: None }))
    }

    fn lost(&mut self, kind: Kind) -> Found<'_> {
        self.is_lost = true;
        self.keep_beginning();
        let place = Place { line: self.number, byte_offset: self.offset, row: &self.long };
        Found::Damaged(Damaged { place, kind, cell: None })
    }

    /// Keeps of the record at the front what a reject shows.
    fn keep_beginning(&mut self) {
        let waiting = self.window.waiting().get(HEAD..).unwrap_or_default();
        self.long.clear();
        self.long.extend_from_slice(&waiting[..waiting.len().min(MAX_VALUE_BYTES)]);
    }
}
