//! Lines that need no care: ASCII without quotes and zero bytes, as most lines of most logs are. In: the bytes that wait.
//! Out: the cells of the lines at their front, found in one look at the bytes. Any other line is left to `record` and
//! `cells`.

use crate::ingest::record::Span;
use crate::ingest::window::MAX_RECORD;
use std::ops::Range;

/// Bytes that are compared at a time.
const BLOCK: usize = 64;

/// Bytes that are looked at before the lines in them are handed out.
const AHEAD: usize = 1 << 13;

/// A line that needs no care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlainLine {
    /// Bytes without the line end.
    pub length: usize,
    /// Bytes with the line end.
    pub with_end: usize,
    /// Its cells, among those of all lines.
    pub cells: Range<usize>,
}

/// Lines that need no care and have not been handed out yet: those at the front of the bytes that wait.
#[derive(Default)]
pub(super) struct PlainLines {
    lines: Vec<PlainLine>,
    spans: Vec<Span>,
    handed_out: usize,
}

impl PlainLines {
    /// The line at the front of the bytes that wait, unless it needs care or has no end in them. The line before it must
    /// have been consumed.
    pub fn next(&mut self, waiting: &[u8], delimiter: u8) -> Option<PlainLine> {
        if self.handed_out == self.lines.len() {
            self.look(waiting, delimiter);
        }
        let line = self.lines.get(self.handed_out).cloned();
        self.handed_out += usize::from(line.is_some());
        line
    }

    /// Where the cells of a line stand in it.
    pub fn cells(&self, line: &PlainLine) -> &[Span] {
        &self.spans[line.cells.clone()]
    }

    fn look(&mut self, bytes: &[u8], delimiter: u8) {
        self.lines.clear();
        self.spans.clear();
        self.handed_out = 0;
        let (mut line, mut cell, mut first) = (0, 0, 0);
        for base in (0..bytes.len().min(MAX_RECORD)).step_by(BLOCK) {
            if base >= AHEAD && !self.lines.is_empty() {
                return;
            }
            let Some(mut marks) = marks(&block_at(bytes, base), delimiter) else { return };
            while marks != 0 {
                let at = base + marks.trailing_zeros() as usize;
                marks &= marks - 1;
                let ends_line = bytes[at] == b'\n';
                let end = at - usize::from(ends_line && bytes[line..at].ends_with(b"\r"));
                self.spans.push(Span { start: (cell - line) as u32, end: (end - line) as u32 });
                cell = at + 1;
                if ends_line {
                    let cells = first..self.spans.len();
                    first = cells.end;
                    self.lines.push(PlainLine { length: end - line, with_end: cell - line, cells });
                    line = cell;
                }
            }
        }
    }
}

/// The block from `base` on; behind the last byte stand spaces.
fn block_at(bytes: &[u8], base: usize) -> [u8; BLOCK] {
    bytes[base..].first_chunk().copied().unwrap_or_else(|| {
        let mut block = [b' '; BLOCK];
        block[..bytes.len() - base].copy_from_slice(&bytes[base..]);
        block
    })
}

/// One bit for each byte that is a delimiter or a line feed; `None` where a byte needs care. Written without branches, so
/// that it is compiled to comparisons of many bytes at once.
fn marks(block: &[u8; BLOCK], delimiter: u8) -> Option<u64> {
    let needs_care = block.iter().fold(false, |found, &byte| found | (byte == b'"') | (byte == 0) | !byte.is_ascii());
    if needs_care {
        return None;
    }
    let is_mark = block.map(|byte| u8::from((byte == delimiter) | (byte == b'\n')));
    let (words, _) = is_mark.as_chunks::<8>();
    let bits = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(LOWEST_BITS_TO_TOP_BYTE) >> 56;
    Some((0..).step_by(8).zip(words).fold(0, |marks, (place, word)| marks | bits(word) << place))
}

/// Times a word whose bytes are 0 or 1, it has byte `i` as bit `56 + i`.
const LOWEST_BITS_TO_TOP_BYTE: u64 = 0x0102_0408_1020_4080;

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths with line end, and cells, of the lines that are found.
    fn found(bytes: &[u8]) -> Vec<(usize, Vec<&[u8]>)> {
        let (mut lines, mut found, mut start) = (PlainLines::default(), Vec::new(), 0);
        while let Some(line) = lines.next(&bytes[start..], b',') {
            let text = &bytes[start..start + line.length];
            let cells = lines.cells(&line).iter().map(|span| &text[span.start as usize..span.end as usize]).collect();
            found.push((line.with_end, cells));
            start += line.with_end;
        }
        found
    }

    #[test]
    fn cells_are_those_of_a_split_wherever_blocks_end() {
        for length in 0..200 {
            for period in [1, 2, 7, 64] {
                let text: Vec<u8> = (0..length).map(|at| if at % period == 0 { b',' } else { b'x' }).collect();
                let cells: Vec<&[u8]> = text.split(|&byte| byte == b',').collect();
                for end in ["\n", "\r\n"] {
                    let line = [&text, end.as_bytes()].concat();
                    let bytes = [line.repeat(100), text.clone()].concat();
                    assert_eq!(found(&bytes), vec![(length + end.len(), cells.clone()); 100], "{length} {period}");
                }
            }
        }
    }

    #[test]
    fn a_line_that_needs_care_is_left_to_others_wherever_it_does() {
        for at in 0..150 {
            for byte in [b'"', 0, 0x80, 0xff] {
                let mut bytes = [b'x'; 151];
                bytes[at] = byte;
                bytes[150] = b'\n';
                assert_eq!(found(&bytes), [], "{byte} at {at}");
                let before = [vec![b'y'; BLOCK - 1], vec![b'\n']].concat();
                assert_eq!(found(&[&before[..], &bytes].concat()), [(BLOCK, vec![&before[..BLOCK - 1]])]);
            }
        }
        let long = [vec![b'x'; MAX_RECORD + BLOCK], vec![b'\n']].concat();
        assert_eq!(found(&long), []);
    }
}
