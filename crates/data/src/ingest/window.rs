//! Bytes of a source, with a window that grows only as far as one record needs.
//! It knows lines, and nothing of cells or quotes.

use super::account::MAX_VALUE_BYTES;
use std::io::{self, ErrorKind, Read};

/// Longest record, without its line end, in bytes.
pub(crate) const MAX_RECORD: usize = 1 << 20;

/// A line from the start of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// So many bytes without the line feed, and with it.
    Whole { length: usize, with_end: usize },
    /// More than [`MAX_RECORD`] bytes; the window holds its beginning.
    TooLong,
    /// The source is used up.
    None,
}

/// A window of bytes that have been read and not yet been consumed.
pub(crate) struct Window<R> {
    source: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    block: usize,
    is_at_end: bool,
}

impl<R: Read> Window<R> {
    /// Reads `block` bytes at a time; what is found does not depend on it.
    pub fn new(source: R, block: usize) -> Self {
        Self { source, bytes: vec![0; block.max(1)], start: 0, end: 0, block: block.max(1), is_at_end: false }
    }

    /// The bytes that wait.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Drops bytes from the front.
    pub fn consume(&mut self, bytes: usize) {
        self.start += bytes;
        debug_assert!(self.start <= self.end);
    }

    /// Reads more; false when there is no more.
    pub fn fill(&mut self) -> io::Result<bool> {
        if self.is_at_end {
            return Ok(false);
        }
        if self.end == self.bytes.len() {
            if self.start > self.bytes.len() / 2 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        }
        let room = self.end..self.bytes.len().min(self.end + self.block);
        loop {
            match self.source.read(&mut self.bytes[room.clone()]) {
                Ok(0) => {
                    self.is_at_end = true;
                    return Ok(false);
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The byte at a distance from the front, or `None` behind the end of the source.
    pub fn byte(&mut self, at: usize) -> io::Result<Option<u8>> {
        while at >= self.end - self.start {
            if !self.fill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.bytes[self.start + at]))
    }

    /// Finds the line at the front.
    pub fn line(&mut self) -> io::Result<Line> {
        let mut searched = 0;
        loop {
            let waiting = &self.bytes[self.start..self.end];
            if let Some(found) = memchr::memchr(b'\n', &waiting[searched..]) {
                let length = searched + found;
                return Ok(if length > MAX_RECORD {
                    Line::TooLong
                } else {
                    Line::Whole { length, with_end: length + 1 }
                });
            }
            searched = waiting.len();
            if searched > MAX_RECORD {
                return Ok(Line::TooLong);
            }
            if !self.fill()? {
                return Ok(if searched == 0 {
                    Line::None
                } else {
                    Line::Whole { length: searched, with_end: searched }
                });
            }
        }
    }

    /// Consumes the byte order mark of UTF-8, if it is there; returns how many bytes that were.
    pub fn skip_byte_order_mark(&mut self) -> io::Result<u64> {
        let mark = [0xef, 0xbb, 0xbf];
        for (at, byte) in mark.iter().enumerate() {
            if self.byte(at)? != Some(*byte) {
                return Ok(0);
            }
        }
        self.consume(mark.len());
        Ok(mark.len() as u64)
    }

    /// Consumes up to and including the next line feed, in constant memory; returns how many bytes that were, and in
    /// `beginning` the first of them, as many as a reject shows.
    pub fn skip_line(&mut self, beginning: &mut Vec<u8>) -> io::Result<u64> {
        let waiting = self.waiting();
        beginning.clear();
        beginning.extend_from_slice(&waiting[..waiting.len().min(MAX_VALUE_BYTES)]);
        let mut skipped = 0;
        loop {
            let waiting = self.waiting();
            if let Some(found) = memchr::memchr(b'\n', waiting) {
                self.consume(found + 1);
                return Ok(skipped + found as u64 + 1);
            }
            let all = waiting.len();
            self.consume(all);
            skipped += all as u64;
            if !self.fill()? {
                return Ok(skipped);
            }
        }
    }
    /// Consumes so many bytes in constant memory; false when the source ends before.
    pub fn skip(&mut self, mut bytes: u64) -> io::Result<bool> {
        loop {
            let now = bytes.min(self.waiting().len() as u64);
            self.consume(now as usize);
            bytes -= now;
            if bytes == 0 {
                return Ok(true);
            }
            if !self.fill()? {
                return Ok(false);
            }
        }
    }
}
