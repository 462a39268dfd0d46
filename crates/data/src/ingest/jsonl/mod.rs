//! JSON lines: one object a line, blank lines aside. In: bytes. Out: rows of named cells, in constant memory.
//!
//! A scalar becomes the text that the same value of a request has (see [`twinspire_core::encode::RawValue`]), an array
//! of scalars or of `[value, weight]` pairs one cell of a list, `null` an empty cell.

mod value;

use super::account::{Kind, Place};
use super::named::NamedCells;
use super::record::{Damaged, Found};
use super::window::{Line, Window};
use std::io::{self, Read};
use value::read_object;

/// Reads objects one after the other.
pub(crate) struct JsonReader<R> {
    window: Window<R>,
    cells: NamedCells,
    /// Bytes of the last line, which still wait.
    pending: usize,
    long: Vec<u8>,
    line: u64,
    offset: u64,
}

impl<R: Read> JsonReader<R> {
    /// `block` is the size of the reads.
    pub fn new(source: R, cells: NamedCells, block: usize) -> Self {
        Self { window: Window::new(source, block), cells, pending: 0, long: Vec::new(), line: 0, offset: 0 }
    }

    /// The cells, to say which are wanted.
    pub fn cells_mut(&mut self) -> &mut NamedCells {
        &mut self.cells
    }

    /// The next object or damaged line; `None` at the end.
    ///
    /// # Errors
    /// The source cannot be read: it is cut or damaged.
    pub fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        if self.line == 0 {
            self.offset = self.window.skip_byte_order_mark()?;
        }
        loop {
            self.window.consume(self.pending);
            self.offset += self.pending as u64;
            self.line += 1;
            match self.window.line()? {
                Line::None => return Ok(None),
                Line::TooLong => return self.too_long().map(Some),
                Line::Whole { length, with_end } => {
                    self.pending = with_end;
                    if !self.window.waiting()[..length].iter().all(u8::is_ascii_whitespace) {
                        return Ok(Some(self.object(length)));
                    }
                }
            }
        }
    }

    fn too_long(&mut self) -> io::Result<Found<'_>> {
        let byte_offset = self.offset;
        self.offset += self.window.skip_line(&mut self.long)?;
        self.pending = 0;
        let place = Place { line: self.line, byte_offset, row: &self.long };
        Ok(Found::Damaged(Damaged { place, kind: Kind::TooLong, cell: None }))
    }

    fn object(&mut self, length: usize) -> Found<'_> {
        let row = &self.window.waiting()[..length];
        let place = Place { line: self.line, byte_offset: self.offset, row };
        let damaged = |kind| Found::Damaged(Damaged { place, kind, cell: None });
        let Ok(text) = std::str::from_utf8(row) else { return damaged(Kind::InvalidUtf8) };
        if read_object(text, &mut self.cells) { self.cells.found(place) } else { damaged(Kind::BadJson) }
    }
}
