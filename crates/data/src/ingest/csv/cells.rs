//! Splits a row into cells: at delimiters, or, where a cell begins with a quote, by the rules of RFC 4180.

use crate::ingest::record::Span;
use crate::ingest::window::{MAX_RECORD, Window};
use std::io::{self, Read};
use std::str::Utf8Error;

/// How a row with quotes ended.
pub(super) enum Quoted {
    /// So many bytes without the line end, and with it.
    Whole { length: usize, with_end: usize },
    /// Behind a closing quote stands neither a delimiter nor a line end; `at` is where.
    TextAfterQuote { at: usize },
    /// A quote is still open at the end of the source or after 1 MiB.
    Open,
}

/// What ended a cell.
enum End {
    Delimiter,
    Row { length: usize, with_end: usize },
    TextAfterQuote { at: usize },
    Open,
}

/// The cells of the last row.
pub(super) struct Cells {
    delimiter: u8,
    /// Where each cell stands.
    spans: Vec<Span>,
    /// Cells without their quotes, with a delimiter between them.
    unescaped: Vec<u8>,
    was_quoted: bool,
}

impl Cells {
    pub fn new(delimiter: u8) -> Self {
        Self { delimiter, spans: Vec::new(), unescaped: Vec::new(), was_quoted: false }
    }

    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// The text that the spans refer to: the row that was split, or its unescaped form.
    pub fn text<'a>(&'a self, row: &'a [u8]) -> Result<&'a str, Utf8Error> {
        std::str::from_utf8(if self.was_quoted { &self.unescaped } else { row })
    }

    /// Number and bytes of the cell that holds a byte of a row without quotes.
    pub fn cell_at<'r>(&self, row: &'r [u8], byte: Option<usize>) -> Option<(usize, &'r [u8])> {
        let before = &row[..byte?];
        if memchr::memchr(b'"', row).is_some() {
            return None;
        }
        let number = memchr::memchr_iter(self.delimiter, before).count();
        row.split(|&byte| byte == self.delimiter).nth(number).map(|cell| (number, cell))
    }

    /// Splits a line without quotes.
    pub fn split(&mut self, line: &[u8]) {
        self.was_quoted = false;
        self.spans.clear();
        let mut start = 0;
        for at in memchr::memchr_iter(self.delimiter, line) {
            self.spans.push(Span { start, end: at as u32 });
            start = at as u32 + 1;
        }
        self.spans.push(Span { start, end: line.len() as u32 });
    }

    /// Splits the row at the front of the window, over as many lines as its quotes ask for.
    pub fn read_quoted<R: Read>(&mut self, window: &mut Window<R>) -> io::Result<Quoted> {
        self.was_quoted = true;
        self.spans.clear();
        self.unescaped.clear();
        let mut at = 0;
        loop {
            let start = self.unescaped.len() as u32;
            let end = if window.byte(at)? == Some(b'"') {
                at += 1;
                self.quoted_cell(window, &mut at)?
            } else {
                self.plain_cell(window, &mut at)?
            };
            self.spans.push(Span { start, end: self.unescaped.len() as u32 });
            match end {
                End::Delimiter => self.unescaped.push(self.delimiter),
                End::Row { length, with_end } => return Ok(Quoted::Whole { length, with_end }),
                End::TextAfterQuote { at } => return Ok(Quoted::TextAfterQuote { at }),
                End::Open => return Ok(Quoted::Open),
            }
        }
    }

    fn plain_cell<R: Read>(&mut self, window: &mut Window<R>, at: &mut usize) -> io::Result<End> {
        let start = *at;
        loop {
            let found = memchr::memchr2(self.delimiter, b'\n', &window.waiting()[*at..]);
            *at = found.map_or(window.waiting().len(), |found| *at + found);
            let is_too_long = *at - start > MAX_RECORD;
            if found.is_none() && !is_too_long && window.fill()? {
                continue;
            }
            let cell = &window.waiting()[start..*at];
            if found.is_some() && window.waiting()[*at] == self.delimiter {
                self.unescaped.extend_from_slice(cell);
                *at += 1;
                return Ok(End::Delimiter);
            }
            let cell = cell.strip_suffix(b"\r").unwrap_or(cell);
            self.unescaped.extend_from_slice(cell);
            return Ok(End::Row { length: start + cell.len(), with_end: *at + usize::from(found.is_some()) });
        }
    }

    /// `at` stands behind the opening quote.
    fn quoted_cell<R: Read>(&mut self, window: &mut Window<R>, at: &mut usize) -> io::Result<End> {
        loop {
            let waiting = &window.waiting()[*at..];
            let found = memchr::memchr(b'"', waiting);
            let inside = found.unwrap_or(waiting.len());
            self.unescaped.extend_from_slice(&waiting[..inside]);
            *at += inside;
            if found.is_none() {
                if *at > MAX_RECORD || !window.fill()? {
                    return Ok(End::Open);
                }
                continue;
            }
            *at += 1;
            match window.byte(*at)? {
                Some(b'"') => {
                    self.unescaped.push(b'"');
                    *at += 1;
                }
                Some(byte) if byte == self.delimiter => {
                    *at += 1;
                    return Ok(End::Delimiter);
                }
                Some(b'\n') => return Ok(End::Row { length: *at, with_end: *at + 1 }),
                Some(b'\r') if matches!(window.byte(*at + 1)?, Some(b'\n') | None) => {
                    let has_line_feed = window.byte(*at + 1)?.is_some();
                    return Ok(End::Row { length: *at, with_end: *at + 1 + usize::from(has_line_feed) });
                }
                None => return Ok(End::Row { length: *at, with_end: *at }),
                Some(_) => return Ok(End::TextAfterQuote { at: *at }),
            }
        }
    }
}
