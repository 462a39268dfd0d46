//! How long after each item of a history the next one came, and how long after the newest one the query. In: packed
//! histories and their rows. Out: a bucket for each token, of which every one is twice as long as the one before, as in the
//! time bias of HSTU (Zhai et al.: "Actions Speak Louder than Words", ICML 2024), where it is added to scores of attention.

use super::Tokens;
use crate::input::RowSource;

/// Number of buckets; the last one begins at 34 years.
pub(crate) const GAPS: usize = 32;

const SECOND: i64 = 1_000_000;

/// The bucket of a gap in microseconds: 0 below a second, then one for each power of two of seconds.
fn bucket(gap: i64) -> u32 {
    let seconds = gap.max(0) as u64 / SECOND as u64;
    (u64::BITS - seconds.leading_zeros()).min(GAPS as u32 - 1)
}

/// Writes the bucket of each token. Where rows of one user share a sequence, a token's next one is that of the newest row:
/// the query of an older row is asked when that came.
pub(super) fn read(tokens: &Tokens, source: &impl RowSource, buckets: &mut Vec<u32>) {
    buckets.clear();
    for sequence in 0..tokens.sequences() {
        let own = sequence..sequence + 1;
        let (newest, count) = (tokens.rows(&own).end - 1, tokens.range(&own).len());
        let (skip, (times, asked)) = (source.row(newest).skip, source.times(newest));
        let others = times.iter().enumerate().filter(|(position, _)| *position != skip as usize);
        let times: Vec<i64> = others.map(|(_, time)| *time).collect();
        let newest = &times[times.len() - count..];
        let next = newest.iter().skip(1).chain([&asked]);
        buckets.extend(newest.iter().zip(next).map(|(time, next)| bucket(next.saturating_sub(*time))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Row;
    use twinspire_core::encode::{EncodedRows, EncodedView};
    use twinspire_core::ids::MISSING;

    #[test]
    fn each_bucket_is_twice_as_long_as_the_one_before() {
        let seconds = [-5, 0, 1, 2, 3, 4, 7, 8, 86_400, 1 << 29, 1 << 30, 1 << 40];
        let expected = [0, 0, 1, 2, 2, 3, 3, 4, 17, 30, 31, 31];
        assert_eq!(seconds.map(|seconds| bucket(seconds * SECOND)), expected);
        assert_eq!((bucket(SECOND - 1), bucket(i64::MAX), bucket(i64::MIN)), (0, 31, 0));
    }

    /// Length of the history, skipped position, time of the event in seconds.
    struct Rows<'a>(&'a EncodedView<'a>, &'a [(usize, u32, i64)]);

    const ITEMS: [u32; 4] = [0, 1, 2, 3];
    const TIMES: [i64; 4] = [0, 2 * SECOND, 10 * SECOND, 11 * SECOND];

    impl RowSource for Rows<'_> {
        fn row(&self, number: usize) -> Row<'_> {
            let (length, skip, _) = self.1[number];
            Row { user: 1, history: &ITEMS[..length], skip, ..Row::of(self.0, number) }
        }

        fn times(&self, number: usize) -> (&[i64], i64) {
            let (length, _, seconds) = self.1[number];
            (&TIMES[..length], seconds * SECOND)
        }
    }

    fn buckets(rows: &[(usize, u32, i64)], max_length: usize, joined: bool) -> Vec<u32> {
        let features = EncodedRows::default();
        let view = features.view();
        let (source, mut tokens, mut found) = (Rows(&view, rows), Tokens::default(), vec![9]);
        tokens.read((&source, 0..rows.len()), (max_length, joined));
        read(&tokens, &source, &mut found);
        found
    }

    #[test]
    fn a_token_has_the_gap_to_the_next_one_and_the_newest_that_to_the_query() {
        assert_eq!(buckets(&[(4, MISSING, 15)], 9, false), [2, 4, 1, 3]);
        assert_eq!(buckets(&[(4, MISSING, 15), (0, MISSING, 4), (1, MISSING, 1)], 2, false), [1, 3, 1]);
        assert_eq!(buckets(&[(4, 2, 15)], 9, false), [2, 4, 3], "the skipped item is not there");
        let joined = [(1, MISSING, 2), (2, MISSING, 10), (4, MISSING, 15)];
        assert_eq!(buckets(&joined, 9, true), [2, 4, 1, 3], "one history for all three");
    }
}
