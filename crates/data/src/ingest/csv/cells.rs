//! Splits a row into cells: at delimiters, or, where a cell begins with a quote, by the rules of RFC 4180.

use super::buffer::{MAX_RECORD, Window};
use std::io::{self, Read};

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
    /// End of each cell; the next one begins one byte later.
    ends: Vec<u32>,
    /// Cells without their quotes, with a delimiter between them.
    unescaped: Vec<u8>,
    was_quoted: bool,
}

impl Cells {
    pub fn new(delimiter: u8) -> Self {
        Self { delimiter, ends: Vec::new(), unescaped: Vec::new(), was_quoted: false }
    }

    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// The text that the ends refer to, if it is not the row itself.
    pub fn unescaped(&self) -> Option<&[u8]> {
        self.was_quoted.then_some(self.unescaped.as_slice())
    }

    /// Number of the cell that holds a byte of a row without quotes.
    pub fn number_at(&self, row: &[u8], byte: Option<usize>) -> Option<usize> {
        let before = &row[..byte?];
        let has_quotes = memchr::memchr(b'"', row).is_some();
        (!has_quotes).then(|| memchr::memchr_iter(self.delimiter, before).count())
    }

    /// Splits a line without quotes.
    pub fn split(&mut self, line: &[u8]) {
        self.was_quoted = false;
        self.ends.clear();
        self.ends.extend(memchr::memchr_iter(self.delimiter, line).map(|at| at as u32));
        self.ends.push(line.len() as u32);
    }

    /// Splits the row at the front of the window, over as many lines as its quotes ask for.
    pub fn read_quoted<R: Read>(&mut self, window: &mut Window<R>) -> io::Result<Quoted> {
        self.was_quoted = true;
        self.ends.clear();
        self.unescaped.clear();
        let mut at = 0;
        loop {
            let end = if window.byte(at)? == Some(b'"') {
                at += 1;
                self.quoted_cell(window, &mut at)?
            } else {
                self.plain_cell(window, &mut at)?
            };
            self.ends.push(self.unescaped.len() as u32);
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
