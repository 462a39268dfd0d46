//! The bounded CSV reader. In: bytes. Out: records of cells, and damaged rows, each with its place.
//!
//! A damaged row costs that row only, in constant memory: a record has at most 1 MiB; a quote that is never closed
//! rejects its own first line and reading goes on at the next one; so does a record over several lines that does not
//! fit the columns. A quote is special only at the beginning of a cell, and written twice inside a quoted cell. Lines
//! end with `\n` or `\r\n`; blank lines are no records. What is found does not depend on the size of the reads.

use super::cells::{Cells, Quoted};
use super::plain::{PlainLine, PlainLines};
use crate::ingest::account::{Kind, Place};
use crate::ingest::record::{Damaged, Found, Record};
use crate::ingest::window::{Line, MAX_RECORD, Window};
use std::io::{self, Read};

/// The part of the window that the last answer was made of.
#[derive(Clone, Copy, Default)]
struct Pending {
    bytes: usize,
    lines: u64,
    /// Bytes of its first line, line end included.
    first_line: usize,
}

impl Pending {
    /// Gives the lines behind the first one back.
    fn keep_first_line(&mut self) {
        (self.bytes, self.lines) = (self.first_line, 1);
    }
}

/// Reads records one after the other.
pub(crate) struct RecordReader<R> {
    window: Window<R>,
    delimiter: u8,
    plain: PlainLines,
    cells: Cells,
    columns: Option<usize>,
    pending: Pending,
    /// The beginning of a line that is too long.
    long: Vec<u8>,
    line: u64,
    offset: u64,
}

impl<R: Read> RecordReader<R> {
    /// `block` is the size of the reads.
    pub fn new(source: R, delimiter: u8, block: usize) -> Self {
        Self {
            window: Window::new(source, block),
            delimiter,
            plain: PlainLines::default(),
            cells: Cells::new(delimiter),
            columns: None,
            pending: Pending::default(),
            long: Vec::new(),
            line: 1,
            offset: 0,
        }
    }

    /// From now on every record must have so many cells.
    pub fn expect_columns(&mut self, columns: usize) {
        self.columns = Some(columns);
    }

    /// The next record or damaged row; `None` at the end.
    ///
    /// # Errors
    /// The source cannot be read: it is cut or damaged.
    pub fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        if self.offset == 0 && self.line == 1 && self.pending.bytes == 0 {
            self.offset = self.window.skip_byte_order_mark()?;
        }
        loop {
            self.advance();
            if let Some(line) = self.plain.next(self.window.waiting(), self.delimiter) {
                self.pending = Pending { bytes: line.with_end, lines: 1, first_line: line.with_end };
                if line.length > 0 {
                    return Ok(Some(self.plain(&line)));
                }
                continue;
            }
            match self.window.line()? {
                Line::None => return Ok(None),
                Line::TooLong => return self.too_long().map(Some),
                Line::Whole { length, with_end } => {
                    self.pending = Pending { bytes: with_end, lines: 1, first_line: with_end };
                    let length = length - usize::from(self.window.waiting()[..length].ends_with(b"\r"));
                    if length > 0 {
                        return self.row(length).map(Some);
                    }
                }
            }
        }
    }

    /// Gives the lines behind the first of the last record back, because the record is wrong: its quote may be.
    pub fn reread_from_second_line(&mut self) {
        self.pending.keep_first_line();
    }

    fn advance(&mut self) {
        self.window.consume(self.pending.bytes);
        self.offset += self.pending.bytes as u64;
        self.line += self.pending.lines;
        self.pending = Pending::default();
    }

    fn too_long(&mut self) -> io::Result<Found<'_>> {
        let (line, byte_offset) = (self.line, self.offset);
        self.offset += self.window.skip_line(&mut self.long)?;
        self.line += 1;
        let place = Place { line, byte_offset, row: &self.long };
        Ok(Found::Damaged(Damaged { place, kind: Kind::TooLong, cell: None }))
    }

    /// The record of a line that needs no care, unless its number of cells is wrong.
    fn plain(&self, line: &PlainLine) -> Found<'_> {
        let cells = self.plain.cells(line);
        if let Some(kind) = self.wrong_number(cells.len()) {
            return self.damaged(line.length, kind);
        }
        let row = &self.window.waiting()[..line.length];
        assert!(row.is_ascii(), "a line that needs no care is ASCII");
        // SAFETY: ASCII is UTF-8, and to look for ASCII takes a fraction of the time that to look for UTF-8 takes.
        let text = unsafe { std::str::from_utf8_unchecked(row) };
        Found::Record(Record::new(Place { line: self.line, byte_offset: self.offset, row }, text, cells))
    }

    fn wrong_number(&self, cells: usize) -> Option<Kind> {
        match self.columns? {
            columns if cells < columns => Some(Kind::FewColumns),
            columns if cells > columns => Some(Kind::ManyColumns),
            _ => None,
        }
    }

    /// The row whose first line has `length` bytes.
    fn row(&mut self, length: usize) -> io::Result<Found<'_>> {
        let line = &self.window.waiting()[..length];
        match memchr::memchr2(b'"', 0, line) {
            None => {
                self.cells.split(line);
                Ok(self.checked(length))
            }
            Some(at) if line[at] == 0 => Ok(self.damaged(length, Kind::NulByte)),
            Some(_) => self.quoted_row(length),
        }
    }

    fn quoted_row(&mut self, first_line: usize) -> io::Result<Found<'_>> {
        let read = self.cells.read_quoted(&mut self.window)?;
        let (length, with_end) = match read {
            Quoted::Whole { length, with_end } if length <= MAX_RECORD => (length, with_end),
            Quoted::TextAfterQuote { at } if at < first_line => return Ok(self.damaged(first_line, Kind::BadQuote)),
            Quoted::Whole { .. } | Quoted::TextAfterQuote { .. } | Quoted::Open => {
                return Ok(self.damaged(first_line, Kind::UnterminatedQuote));
            }
        };
        let record = &self.window.waiting()[..length];
        let has_nul = memchr::memchr(0, record).is_some();
        let line_ends = memchr::memchr_iter(b'\n', record).count() as u64;
        let fits = self.columns.is_none_or(|columns| columns == self.cells.spans().len());
        if line_ends > 0 && (!fits || has_nul) {
            return Ok(self.damaged(first_line, Kind::UnterminatedQuote));
        }
        if has_nul {
            return Ok(self.damaged(first_line, Kind::NulByte));
        }
        self.pending.bytes = with_end;
        self.pending.lines = line_ends + 1;
        Ok(self.checked(length))
    }

    /// The record of `length` bytes whose cells are split, unless its text or its number of cells is wrong.
    fn checked(&mut self, length: usize) -> Found<'_> {
        if let Some(kind) = self.wrong_number(self.cells.spans().len()) {
            return self.damaged(length, kind);
        }
        let Self { window, cells, pending, line, offset, .. } = self;
        let place = |row| Place { line: *line, byte_offset: *offset, row };
        let row = &window.waiting()[..length];
        match cells.text(row) {
            Ok(text) => Found::Record(Record::new(place(row), text, cells.spans())),
            Err(_) => {
                pending.keep_first_line();
                let row = &row[..length.min(pending.first_line)];
                Found::Damaged(damaged(cells, place(row), Kind::InvalidUtf8))
            }
        }
    }

    /// The first line as a damaged row.
    fn damaged(&self, first_line: usize, kind: Kind) -> Found<'_> {
        let row = &self.window.waiting()[..first_line];
        let place = Place { line: self.line, byte_offset: self.offset, row };
        Found::Damaged(damaged(&self.cells, place, kind))
    }
}

/// A damaged row, with the cell at fault where one byte is.
fn damaged<'a>(cells: &Cells, place: Place<'a>, kind: Kind) -> Damaged<'a> {
    let at_fault = if kind == Kind::NulByte {
        memchr::memchr(0, place.row)
    } else if kind == Kind::InvalidUtf8 {
        std::str::from_utf8(place.row).err().map(|error| error.valid_up_to())
    } else {
        None
    };
    let cell = cells.cell_at(place.row, at_fault);
    let cell = cell.map(|(number, bytes)| (number, String::from_utf8_lossy(bytes)));
    Damaged { place, kind, cell }
}
