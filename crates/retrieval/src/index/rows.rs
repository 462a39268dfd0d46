//! f32 scores of chosen rows. In: rows and a query. Out: dot products, summed over the dimensions one after the other with
//! fused steps where the CPU has them, as [`crate::scan`] does it: both give the same bits.

use super::kernel::prefetch;
use twinspire_core::query::Scored;

/// Rows that are summed in one register.
const LANES: usize = 8;
/// Registers that are summed side by side: one sum alone would wait for itself at every dimension.
const CHAINS: usize = 4;
/// Rows whose memory is asked for ahead.
const AHEAD: usize = 48;

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
        rows.iter().take(AHEAD).for_each(|&row| prefetch(self.row(row)));
        let mut ahead = rows.iter().skip(AHEAD);
        for chunk in rows.chunks(LANES * CHAINS) {
            ahead.by_ref().take(chunk.len()).for_each(|&row| prefetch(self.row(row)));
            // Adding 0 turns -0.0 into 0.0: the two are equal scores.
            let of = |(&row, sum): (&u32, &f32)| Scored { item: self.item(row), score: sum + 0.0 };
            match chunk.len() {
                0..=LANES => scored.extend(chunk.iter().zip(dots::<1>(self, chunk, query).as_flattened()).map(of)),
                _ => scored.extend(chunk.iter().zip(dots::<CHAINS>(self, chunk, query).as_flattened()).map(of)),
            }
        }
    }
}

/// Scores of up to `CHAINS · LANES` rows; what lies behind them repeats the last one.
fn dots<const CHAINS: usize>(rows: &Rows<'_>, wanted: &[u32], query: &[f32]) -> [[f32; LANES]; CHAINS] {
    let row = |place: usize| rows.row(wanted[place.min(wanted.len() - 1)]);
    let rows: [[&[f32]; LANES]; CHAINS] =
        std::array::from_fn(|chain| std::array::from_fn(|lane| row(chain * LANES + lane)));
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
        // SAFETY: the CPU has the features, and every row is as long as the query.
        return unsafe { fused(&rows, query) };
    }
    let is_fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
    let add = |sum: f32, (a, b): (&f32, &f32)| if is_fused { a.mul_add(*b, sum) } else { sum + a * b };
    rows.map(|rows| rows.map(|row| row.iter().zip(query).fold(0.0, add)))
}

/// Four dimensions of eight rows are loaded and turned at once.
///
/// # Safety
/// Every row is as long as the query.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fused<const CHAINS: usize>(rows: &[[&[f32]; LANES]; CHAINS], query: &[f32]) -> [[f32; LANES]; CHAINS] {
    use std::arch::x86_64::*;
    const TURNED: usize = 4;
    let mut sums = [_mm256_setzero_ps(); CHAINS];
    let whole = query.len() / TURNED * TURNED;
    for at in (0..whole).step_by(TURNED) {
        let factors: [__m256; TURNED] = std::array::from_fn(|place| _mm256_set1_ps(query[at + place]));
        for (sum, rows) in sums.iter_mut().zip(rows) {
            // SAFETY: four values from `at` on lie within every row.
            let [a, b, c, d] = std::array::from_fn(|lane| unsafe {
                let low = _mm256_castps128_ps256(_mm_loadu_ps(rows[lane].as_ptr().add(at)));
                _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(rows[lane + TURNED].as_ptr().add(at)))
            });
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            let columns = [
                _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd),
                _mm256_shuffle_ps::<0b01_00_01_00>(ab_high, cd_high),
                _mm256_shuffle_ps::<0b11_10_11_10>(ab_high, cd_high),
            ];
            for (column, factor) in columns.into_iter().zip(factors) {
                *sum = _mm256_fmadd_ps(column, factor, *sum);
            }
        }
    }
    let mut scores = [[0.0; LANES]; CHAINS];
    for ((scores, sum), rows) in scores.iter_mut().zip(sums).zip(rows) {
        // SAFETY: the array has room for the lanes.
        unsafe { _mm256_storeu_ps(scores.as_mut_ptr(), sum) };
        for (score, row) in scores.iter_mut().zip(rows) {
            *score = row[whole..].iter().zip(&query[whole..]).fold(*score, |sum, (a, b)| a.mul_add(*b, sum));
        }
    }
    scores
}

/// A key whose ascending order is [`Scored::order`] of finite scores.
fn key(scored: &Scored) -> u64 {
    let bits = scored.score.to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(!ascending) << 32 | u64::from(scored.item)
}

fn of_key(key: u64) -> Scored {
    let ascending = !((key >> 32) as u32);
    let bits = if ascending >> 31 == 1 { ascending ^ 1 << 31 } else { !ascending };
    Scored { item: key as u32, score: f32::from_bits(bits) }
}

/// The best `wanted`, in order; scores that are not finite never enter.
pub(super) fn best(scored: &[Scored], wanted: usize) -> Vec<Scored> {
    let mut keys: Vec<u64> = scored.iter().filter(|scored| scored.score.is_finite()).map(key).collect();
    keys.sort_unstable();
    keys.truncate(wanted);
    keys.into_iter().map(of_key).collect()
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
        assert_eq!(best(&scored, 100), expected);
        assert_eq!(best(&scored, 3), expected[..3]);
    }
}
