//! The score of an item: the dot product of its vector and the query, the same bits wherever it is computed.
//!
//! In: rows and a query. Out: scores of chosen rows in f64. A product of two f32 is exact in f64, and all forms add in one
//! order (eight sums, of the dimensions 0, 8, … to 7, 15, …, then pairs of them), so AVX-512, AVX2 and any other CPU
//! give the same number. Fast searches in f32 or int8 find what may be among the best; this is what decides.

use twinspire_core::query::Scored;

/// Sums side by side.
const LANES: usize = 8;
/// Rows side by side: one alone would wait for itself at every step.
const ROWS: usize = 4;
/// Rows whose memory is asked for ahead.
const AHEAD: usize = 32;

/// Item vectors that can be scored one by one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// `[rows, dimension]`.
    pub values: &'a [f32],
    /// Length of a vector.
    pub dimension: usize,
    /// Item of each row; `None` where the row is the item.
    pub items: Option<&'a [u32]>,
}

impl<'a> Rows<'a> {
    /// Item of a row.
    pub fn item(&self, row: u32) -> u32 {
        self.items.map_or(row, |items| items[row as usize])
    }

    fn row(&self, row: u32) -> &'a [f32] {
        &self.values[row as usize * self.dimension..][..self.dimension]
    }

    /// Appends the items of the rows with their scores.
    pub fn score(&self, rows: &[u32], query: &[f32], scored: &mut Vec<Scored>) {
        assert_eq!(query.len(), self.dimension, "a query of the rows' dimension");
        let query: Vec<f64> = query.iter().copied().map(f64::from).collect();
        let dots = dots_of_this_machine();
        rows.iter().take(AHEAD).for_each(|&row| prefetch(self.row(row)));
        let mut ahead = rows.iter().skip(AHEAD);
        for chunk in rows.chunks(ROWS) {
            ahead.by_ref().take(chunk.len()).for_each(|&row| prefetch(self.row(row)));
            // What lies behind the chunk repeats its last row.
            let vectors = std::array::from_fn(|place| self.row(chunk[place.min(chunk.len() - 1)]));
            let of = |(&row, score): (&u32, f64)| Scored { item: self.item(row), score };
            scored.extend(chunk.iter().zip(dots(vectors, &query)).map(of));
        }
    }
}

type Dots = fn([&[f32]; ROWS], &[f64]) -> [f64; ROWS];

fn dots_of_this_machine() -> Dots {
    #[cfg(target_arch = "x86_64")]
    match twinspire_core::stage::instruction_set() {
        // SAFETY: the name says that the machine has the instructions.
        "x86-64-v4" => return |rows, query| unsafe { dots_v4(rows, query) },
        // SAFETY: likewise.
        "x86-64-v3" => return |rows, query| unsafe { dots_v3(rows, query) },
        _ => {}
    }
    dots
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
fn dots_v4(rows: [&[f32]; ROWS], query: &[f64]) -> [f64; ROWS] {
    dots(rows, query)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn dots_v3(rows: [&[f32]; ROWS], query: &[f64]) -> [f64; ROWS] {
    dots(rows, query)
}

#[inline(always)]
fn dots(rows: [&[f32]; ROWS], query: &[f64]) -> [f64; ROWS] {
    let mut sums = [[0.0; LANES]; ROWS];
    let (steps, rest) = query.as_chunks::<LANES>();
    for (number, step) in steps.iter().enumerate() {
        for (sums, row) in sums.iter_mut().zip(rows) {
            let row = &row[number * LANES..][..LANES];
            for lane in 0..LANES {
                sums[lane] += f64::from(row[lane]) * step[lane];
            }
        }
    }
    for (sums, row) in sums.iter_mut().zip(rows) {
        for ((sum, value), factor) in sums.iter_mut().zip(&row[steps.len() * LANES..]).zip(rest) {
            *sum += f64::from(*value) * factor;
        }
    }
    // Adding 0 turns -0.0 into 0.0: the two are equal scores.
    sums.map(|[a, b, c, d, e, f, g, h]| ((a + e) + (c + g)) + ((b + f) + (d + h)) + 0.0)
}

/// Asks for the cache lines of a row that is read soon.
#[inline(always)]
fn prefetch(row: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in row.chunks(64 / size_of::<f32>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: the address is that of a value, and every x86-64 has the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

/// A key whose ascending order is [`Scored::order`] of finite scores.
fn key(scored: &Scored) -> (u64, u32) {
    let bits = scored.score.to_bits();
    let ascending = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    (!ascending, scored.item)
}

/// The best `wanted`, in order; scores that are not finite never enter.
pub(crate) fn best(mut scored: Vec<Scored>, wanted: usize) -> Vec<Scored> {
    scored.retain(|scored| scored.score.is_finite());
    if (1..scored.len()).contains(&wanted) {
        scored.select_nth_unstable_by_key(wanted - 1, key);
    }
    scored.truncate(wanted);
    scored.sort_unstable_by_key(key);
    scored
}

/// Drops the items of `excluded`, which ascends, and keeps the best `k` of the rest.
pub(crate) fn leave_out(mut found: Vec<Scored>, excluded: &[u32], k: usize) -> Vec<Scored> {
    if !excluded.is_empty() {
        found.retain(|scored| excluded.binary_search(&scored.item).is_err());
    }
    found.truncate(k);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::rng::Rng;

    #[test]
    fn the_best_come_in_the_order_of_candidates() {
        let scores = [0.5, -1.0, 0.5, f64::NAN, 0.0, -0.25, f64::INFINITY, 3.0e300, -3.0e300, 1e-310];
        let scored: Vec<Scored> = (0..10).zip(scores).map(|(item, score)| Scored { item, score }).rev().collect();
        let mut expected: Vec<Scored> = scored.iter().copied().filter(|scored| scored.score.is_finite()).collect();
        expected.sort_by(Scored::order);
        assert_eq!(best(scored.clone(), 100), expected);
        assert_eq!(best(scored.clone(), 3), expected[..3]);
        assert_eq!(best(scored, 0), []);
    }

    #[test]
    fn every_form_gives_the_same_bits_and_those_of_a_plain_sum_within_rounding() {
        for dimension in [1, 7, 8, 33, 64, 515] {
            let mut rng = Rng::stream(1, "rows", dimension as u64);
            let mut random = |count: usize| (0..count).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
            let (values, query) = (random(ROWS * dimension), random(dimension));
            let query: Vec<f64> = query.iter().copied().map(f64::from).collect();
            let rows: [&[f32]; ROWS] = std::array::from_fn(|row| &values[row * dimension..][..dimension]);
            let found = dots_of_this_machine()(rows, &query);
            assert_eq!(found.map(f64::to_bits), dots(rows, &query).map(f64::to_bits));
            for (row, found) in rows.iter().zip(found) {
                let plain: f64 = row.iter().zip(&query).map(|(a, b)| f64::from(*a) * b).sum();
                assert!((plain - found).abs() <= 1e-12 * dimension as f64);
            }
        }
    }
}
