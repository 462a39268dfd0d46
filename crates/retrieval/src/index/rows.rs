//! f32 scores of chosen rows. In: rows and a query. Out: dot products, summed over the dimensions one after the other with
//! fused steps where the CPU has them, as [`crate::scan`] does it: both give the same bits.

use super::kernel::prefetch;
use twinspire_core::query::Scored;

/// Rows that are summed side by side.
const SIDE_BY_SIDE: usize = 8;
/// Rows whose memory is asked for ahead.
const AHEAD: usize = 16;

/// Item vectors that can be scored one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'a> {
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
        for (number, chunk) in rows.chunks(SIDE_BY_SIDE).enumerate() {
            let ahead = rows.iter().skip(number * SIDE_BY_SIDE + AHEAD).take(SIDE_BY_SIDE);
            ahead.for_each(|&row| prefetch(self.row(row)));
            let side_by_side = std::array::from_fn(|place| self.row(chunk[place.min(chunk.len() - 1)]));
            let scores = dots(&side_by_side, query);
            // Adding 0 turns -0.0 into 0.0: the two are equal scores.
            scored.extend(
                chunk.iter().zip(scores).map(|(&row, score)| Scored { item: self.item(row), score: score + 0.0 }),
            );
        }
    }
}

fn dots(rows: &[&[f32]; SIDE_BY_SIDE], query: &[f32]) -> [f32; SIDE_BY_SIDE] {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "fma,avx2")]
        fn fused(rows: &[&[f32]; SIDE_BY_SIDE], query: &[f32]) -> [f32; SIDE_BY_SIDE] {
            sums(rows, query, f32::mul_add)
        }
        // SAFETY: the CPU has the features.
        return unsafe { fused(rows, query) };
    }
    if cfg!(target_arch = "aarch64") {
        sums(rows, query, f32::mul_add)
    } else {
        sums(rows, query, |a, b, sum| a * b + sum)
    }
}

#[inline(always)]
fn sums(rows: &[&[f32]; SIDE_BY_SIDE], query: &[f32], add: impl Fn(f32, f32, f32) -> f32) -> [f32; SIDE_BY_SIDE] {
    let mut sums = [0.0; SIDE_BY_SIDE];
    let rows = rows.map(|row| &row[..query.len()]);
    for (dimension, &value) in query.iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(rows) {
            *sum = add(row[dimension], value, *sum);
        }
    }
    sums
}

/// A key whose ascending order is [`Scored::order`] of finite scores.
fn key(scored: &Scored) -> u64 {
    let bits = scored.score.to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(!ascending) << 32 | u64::from(scored.item)
}

/// The best `wanted`, in order; scores that are not finite never enter.
pub(super) fn best(mut scored: Vec<Scored>, wanted: usize) -> Vec<Scored> {
    scored.retain(|scored| scored.score.is_finite());
    scored.sort_unstable_by_key(key);
    scored.truncate(wanted);
    scored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_in_the_order_of_candidates() {
        let scores = [0.5, -1.0, 0.5, f32::NAN, 0.0, -0.25, f32::INFINITY, 3.0e38, -3.0e38, 1e-40];
        let scored: Vec<Scored> = (0..10).zip(scores).map(|(item, score)| Scored { item, score }).rev().collect();
        let mut expected: Vec<Scored> = scored.iter().copied().filter(|scored| scored.score.is_finite()).collect();
        expected.sort_by(Scored::order);
        assert_eq!(best(scored.clone(), 100), expected);
        assert_eq!(best(scored, 3), expected[..3]);
    }
}
