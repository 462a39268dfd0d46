//! The histories of a batch as packed tokens: one token an item, sequence after sequence, without padding.
//!
//! In: rows with their histories. Out: the items of every sequence, and for each row which tokens it sees. Rows of one
//! user that follow each other can be joined: her history is there once, and each row sees a prefix of it.

use crate::input::{Row, RowSource};
use crate::kernel::prefetch_run;
use std::ops::Range;
use twinspire_core::ids::MISSING;

/// So many rows ahead of its turn, a history is asked for: in the order of an epoch they lie anywhere.
const AHEAD: usize = 4;

/// Cuts rows into up to `count` parts, with each of which a sequence starts however they are read. Returns the first row of
/// each, and the number of rows.
pub(crate) fn starts(source: &impl RowSource, rows: usize, count: usize) -> Vec<usize> {
    let user = |row: usize| source.row(row).user;
    let continues = |row: usize| row > 0 && row < rows && user(row) != MISSING && user(row) == user(row - 1);
    let start = |part: usize| (rows * part / count..rows).find(|row| !continues(*row));
    let mut starts: Vec<usize> = (0..count).filter_map(start).chain([rows]).collect();
    starts.dedup();
    starts
}

/// Packed histories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Corpus row of each token.
    items: Vec<u32>,
    /// End of each sequence; starts with 0.
    ends: Vec<usize>,
    /// First row of each sequence, and the number of rows.
    rows: Vec<usize>,
    /// For each row, the end of the tokens that it sees; they start where its sequence does.
    seen: Vec<usize>,
}

/// The last sequence, which the next row may continue.
struct Window {
    user: u32,
    /// Positions of the user's history.
    start: usize,
    end: usize,
}

/// Asks for a history, unless it starts where the one that is read does.
fn ask_for(history: &[u32], read: &[u32]) {
    if history.as_ptr() != read.as_ptr() {
        prefetch_run(history, 0, history.len());
    }
}

impl Window {
    fn takes(&self, row: &Row<'_>, max_length: usize) -> bool {
        let length = row.history.len();
        row.user == self.user && row.skip == MISSING && (self.end..=self.start + max_length).contains(&length)
    }
}

impl Tokens {
    /// Reads the newest `max_length` items of each history of some rows. With `joined`, rows of one user that follow each other,
    /// oldest first, share a sequence as long as it has at most `max_length` items; where it would grow longer, another
    /// one starts with half as many.
    pub(crate) fn read(
        &mut self,
        (source, rows): (&impl RowSource, Range<usize>),
        (max_length, joined): (usize, bool),
    ) {
        self.clear();
        let mut open: Option<Window> = None;
        for number in rows.clone() {
            let row = source.row(number);
            match open.as_mut().filter(|window| window.takes(&row, max_length)) {
                Some(window) => {
                    self.items.extend_from_slice(&row.history[window.end..]);
                    window.end = row.history.len();
                    self.ends.pop();
                }
                None => {
                    if number + AHEAD < rows.end {
                        ask_for(source.row(number + AHEAD).history, row.history);
                    }
                    self.rows.push(number);
                    let can_join = joined && row.user != MISSING && row.skip == MISSING;
                    open = can_join.then(|| self.start(&row, max_length));
                    if open.is_none() {
                        self.push_newest(&row, max_length);
                    }
                }
            }
            self.ends.push(self.items.len());
            self.seen.push(self.items.len());
        }
        self.rows.push(rows.end);
    }

    /// Becomes these parts, whose rows follow each other from row 0 on.
    pub(crate) fn join<'p>(&mut self, parts: impl Iterator<Item = &'p Self>) {
        self.clear();
        self.rows.push(0);
        for part in parts {
            let before = self.items.len();
            self.items.extend_from_slice(&part.items);
            self.ends.extend(part.ends[1..].iter().map(|end| before + end));
            self.seen.extend(part.seen.iter().map(|end| before + end));
            self.rows.pop();
            self.rows.extend_from_slice(&part.rows);
        }
    }

    fn clear(&mut self) {
        [&mut self.ends, &mut self.rows, &mut self.seen].into_iter().for_each(Vec::clear);
        self.items.clear();
        self.ends.push(0);
    }

    /// Starts a sequence that later rows may continue.
    fn start(&mut self, row: &Row<'_>, max_length: usize) -> Window {
        let end = row.history.len();
        let start = if end <= max_length { 0 } else { end - max_length.div_ceil(2) };
        self.items.extend_from_slice(&row.history[start..]);
        Window { user: row.user, start, end }
    }

    fn push_newest(&mut self, row: &Row<'_>, max_length: usize) {
        let (history, skip) = (row.history, row.skip as usize);
        let kept = history.len() - usize::from(skip < history.len());
        let others = history.iter().enumerate().filter(|(position, _)| *position != skip);
        self.items.extend(others.skip(kept.saturating_sub(max_length)).map(|(_, item)| *item));
    }

    /// Corpus rows of all tokens.
    pub(crate) fn items(&self) -> &[u32] {
        &self.items
    }

    /// First row of each sequence, and the number of rows.
    pub(crate) fn first_rows(&self) -> impl Iterator<Item = usize> {
        self.rows.iter().copied()
    }

    /// The sequence whose first row this is; behind the last row, the number of sequences.
    pub(crate) fn starting_at(&self, row: usize) -> Option<usize> {
        self.rows.binary_search(&row).ok()
    }

    /// Tokens of all rows before this one, where a sequence starts with it, or none is left.
    pub(crate) fn before(&self, row: usize) -> Option<usize> {
        self.starting_at(row).map(|sequence| self.ends[sequence])
    }

    /// Tokens that have a next one.
    pub(crate) fn steps(&self) -> usize {
        self.ends.windows(2).map(|pair| (pair[1] - pair[0]).saturating_sub(1)).sum()
    }

    /// Number of sequences.
    pub(crate) fn sequences(&self) -> usize {
        self.ends.len() - 1
    }

    /// Ends of these sequences, after that of the one before.
    pub(crate) fn ends(&self, sequences: &Range<usize>) -> &[usize] {
        &self.ends[sequences.start..=sequences.end]
    }

    /// Rows that read these sequences.
    pub(crate) fn rows(&self, sequences: &Range<usize>) -> Range<usize> {
        self.rows[sequences.start]..self.rows[sequences.end]
    }

    /// Tokens of these sequences.
    pub(crate) fn range(&self, sequences: &Range<usize>) -> Range<usize> {
        self.ends[sequences.start]..self.ends[sequences.end]
    }

    /// Calls `visit` for each row of these sequences with the tokens that it sees.
    pub(crate) fn for_each_row(&self, sequences: &Range<usize>, mut visit: impl FnMut(usize, Range<usize>)) {
        for sequence in sequences.clone() {
            let rows = self.rows[sequence]..self.rows[sequence + 1];
            rows.for_each(|row| visit(row, self.ends[sequence]..self.seen[row]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::encode::EncodedView;

    /// User, length of the history, skipped position.
    struct Rows<'a>(&'a EncodedView<'a>, &'a [(u32, usize, u32)]);

    const HISTORY: [u32; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

    impl RowSource for Rows<'_> {
        fn row(&self, number: usize) -> Row<'_> {
            let (user, length, skip) = self.1[number];
            Row { user, history: &HISTORY[..length], skip, ..Row::of(self.0, number) }
        }
    }

    fn seen(rows: &[(u32, usize, u32)], max_length: usize, joined: bool) -> (usize, Vec<Vec<u32>>) {
        let features = twinspire_core::encode::EncodedRows::default();
        let mut tokens = Tokens::default();
        let source = Rows(&features.view(), rows);
        tokens.read((&source, 0..rows.len()), (max_length, joined));
        for count in [1, 2, 5] {
            let parts: Vec<Tokens> = starts(&source, rows.len(), count)
                .windows(2)
                .map(|ends| {
                    let mut part = Tokens::default();
                    part.read((&source, ends[0]..ends[1]), (max_length, joined));
                    part
                })
                .collect();
            let mut whole = Tokens::default();
            whole.join(parts.iter());
            assert_eq!(whole, tokens, "{count} parts");
        }
        let mut seen = vec![Vec::new(); rows.len()];
        tokens.for_each_row(&(0..tokens.sequences()), |row, range| seen[row] = tokens.items()[range].to_vec());
        (tokens.items().len(), seen)
    }

    #[test]
    fn a_part_starts_with_another_user_and_no_part_is_empty() {
        let features = twinspire_core::encode::EncodedRows::default();
        let starts = |users: &[u32], count: usize| {
            let rows: Vec<_> = users.iter().map(|user| (*user, 0, MISSING)).collect();
            starts(&Rows(&features.view(), &rows), rows.len(), count)
        };
        assert_eq!(starts(&[5, 5, 5, 6, 6, 7], 3), [0, 3, 5, 6]);
        assert_eq!(starts(&[5, 5, 5, 5], 4), [0, 4]);
        assert_eq!(starts(&[MISSING; 4], 2), [0, 2, 4]);
        assert_eq!(starts(&[], 2), [0]);
    }

    #[test]
    fn each_row_sees_its_newest_items_without_the_skipped_one() {
        let (count, rows) = seen(&[(0, 5, MISSING), (0, 5, 1), (1, 0, MISSING), (1, 3, 9)], 4, false);
        assert_eq!(rows, [vec![1, 2, 3, 4], vec![0, 2, 3, 4], vec![], vec![0, 1, 2]]);
        assert_eq!(count, 11);
    }

    #[test]
    fn rows_of_a_user_share_one_sequence_as_long_as_it_fits() {
        let own: Vec<_> = [0, 1, 3, 4, 5, 6, 7].map(|length| (3, length, MISSING)).to_vec();
        let (count, rows) = seen(&own, 4, true);
        let first: Vec<Vec<u32>> = vec![vec![], vec![0], vec![0, 1, 2], vec![0, 1, 2, 3]];
        let second: Vec<Vec<u32>> = vec![vec![3, 4], vec![3, 4, 5], vec![3, 4, 5, 6]];
        assert_eq!((count, rows), (8, [first, second].concat()), "four items, then from half of them on");
    }

    #[test]
    fn other_users_shorter_histories_and_skipped_items_start_anew() {
        let rows = [(3, 3, MISSING), (4, 3, MISSING), (4, 2, MISSING), (4, 3, 0), (MISSING, 3, MISSING)];
        let (count, joined) = seen(&rows, 9, true);
        assert_eq!((count, joined), (13, seen(&rows, 9, false).1));
    }
}
