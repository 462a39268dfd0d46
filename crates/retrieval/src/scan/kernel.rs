//! The inner loop of a scan: a few queries against one panel of items, with the scores in registers.
//!
//! In: vectors and one threshold a query. Out: scores, and which of them are above the threshold ([`Tile`]). A general
//! matrix product would write every score to memory for somebody else to read; here most are compared and forgotten.
//! The best form for the machine is chosen once a scan.
//!
//! A score is summed over the dimensions in their order, one fused multiply-add after the other, whatever the number of
//! queries: AVX-512 and AVX2 give the same bits. The portable form rounds each product where the target has no fused
//! instruction.

use twinspire_core::stage::instruction_set;

/// Items of a panel.
pub(super) const PANEL: usize = 48;
/// Most queries of one call.
pub(super) const QUERIES: usize = 8;

/// What one call finds.
#[derive(Debug)]
pub(super) struct Tile {
    /// `[QUERIES, PANEL]`.
    pub scores: [[f32; PANEL]; QUERIES],
    /// A bit for each finite score above the threshold of its query.
    pub above: [u64; QUERIES],
}

impl Tile {
    /// Nothing scored yet.
    pub fn new() -> Self {
        Self { scores: [[0.0; PANEL]; QUERIES], above: [0; QUERIES] }
    }
}

/// One panel of items, `[dimension, PANEL]`, and up to [`QUERIES`] queries, `[queries, dimension]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands<'a> {
    pub panel: &'a [f32],
    pub queries: &'a [f32],
    /// One a query.
    pub thresholds: &'a [f32],
    pub dimension: usize,
}

/// Scores the queries against the panel.
pub(super) type Kernel = fn(Operands<'_>, &mut Tile);

/// The best kernel for this machine.
pub(super) fn kernel() -> Kernel {
    #[cfg(target_arch = "x86_64")]
    match instruction_set() {
        // SAFETY: the name says that the machine has the instructions.
        "x86-64-v4" => return |operands, tile| unsafe { x86::score_v4(operands, tile) },
        // SAFETY: likewise.
        "x86-64-v3" => return |operands, tile| unsafe { x86::score_v3(operands, tile) },
        _ => {}
    }
    portable
}

/// The form for any machine.
pub(super) fn portable(operands: Operands<'_>, tile: &mut Tile) {
    // SAFETY: arrays need no instruction that a machine may lack.
    unsafe { score::<[f32; 8], 2, 4>(operands, tile) }
}

/// A vector register. Methods may only be called where the machine has its instructions.
trait Lanes: Copy {
    const WIDTH: usize;
    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(values: &[f32]) -> Self;
    unsafe fn store(self, values: &mut [f32]);
    /// `self + a · b`.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
    /// A bit for each finite lane above `threshold`.
    unsafe fn above(self, threshold: Self) -> u64;
}

/// Cuts the queries into tiles of at most `MOST` queries that fit the registers. `VECTORS · WIDTH` divides [`PANEL`].
#[inline(always)]
unsafe fn score<L: Lanes, const VECTORS: usize, const MOST: usize>(operands: Operands<'_>, tile: &mut Tile) {
    let (queries, mut first) = (operands.thresholds.len(), 0);
    while first < queries {
        let left = queries - first;
        // SAFETY: the caller says that the machine has the instructions of `L`.
        first += unsafe {
            match left {
                _ if left >= MOST => score_some::<L, VECTORS, MOST>(operands, first, tile),
                4.. => score_some::<L, VECTORS, 4>(operands, first, tile),
                2.. => score_some::<L, VECTORS, 2>(operands, first, tile),
                _ => score_some::<L, VECTORS, 1>(operands, first, tile),
            }
        };
    }
}

/// Scores `COUNT` queries from `first` on; returns `COUNT`.
#[inline(always)]
unsafe fn score_some<L: Lanes, const VECTORS: usize, const COUNT: usize>(
    operands: Operands<'_>,
    first: usize,
    tile: &mut Tile,
) -> usize {
    let Operands { panel, queries, thresholds, dimension } = operands;
    let queries = &queries[first * dimension..(first + COUNT) * dimension];
    let mut above = [0; COUNT];
    for start in (0..PANEL).step_by(VECTORS * L::WIDTH) {
        // SAFETY: the caller says that the machine has the instructions of `L`.
        unsafe {
            let mut sums = [[L::splat(0.0); VECTORS]; COUNT];
            for (number, row) in panel.chunks_exact(PANEL).enumerate() {
                let mut items = [L::splat(0.0); VECTORS];
                for (vector, items) in items.iter_mut().enumerate() {
                    *items = L::load(&row[start + vector * L::WIDTH..]);
                }
                for (query, sums) in sums.iter_mut().enumerate() {
                    let value = L::splat(*queries.get_unchecked(query * dimension + number));
                    for (sum, items) in sums.iter_mut().zip(items) {
                        *sum = sum.add_product(items, value);
                    }
                }
            }
            for (query, sums) in sums.iter().enumerate() {
                let threshold = L::splat(thresholds[first + query]);
                for (vector, sum) in sums.iter().enumerate() {
                    let at = start + vector * L::WIDTH;
                    above[query] |= sum.above(threshold) << at;
                    sum.store(&mut tile.scores[first + query][at..]);
                }
            }
        }
    }
    tile.above[first..first + COUNT].copy_from_slice(&above);
    COUNT
}

impl Lanes for [f32; 8] {
    const WIDTH: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; 8]
    }

    #[inline(always)]
    unsafe fn load(values: &[f32]) -> Self {
        std::array::from_fn(|lane| values[lane])
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f32]) {
        values[..8].copy_from_slice(&self);
    }

    #[inline(always)]
    unsafe fn add_product(self, a: Self, b: Self) -> Self {
        // Without the instruction a fused product is a call that takes a hundred times longer.
        let is_fused = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        let one = |lane: usize| {
            if is_fused { a[lane].mul_add(b[lane], self[lane]) } else { self[lane] + a[lane] * b[lane] }
        };
        std::array::from_fn(one)
    }

    #[inline(always)]
    unsafe fn above(self, threshold: Self) -> u64 {
        let bit = |lane: usize| u64::from(self[lane] > threshold[lane] && self[lane] < f32::INFINITY) << lane;
        (0..8).map(bit).sum()
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The forms for AVX-512 and AVX2: 24 and 8 sums stay in registers.

    use super::{Lanes, Operands, Tile, score};
    use std::arch::x86_64::{
        __m256, __m512, _CMP_GT_OQ, _CMP_LT_OQ, _mm256_and_ps, _mm256_cmp_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
        _mm256_movemask_ps, _mm256_set1_ps, _mm256_storeu_ps, _mm512_cmp_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_set1_ps, _mm512_storeu_ps,
    };

    #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
    pub(super) fn score_v4(operands: Operands<'_>, tile: &mut Tile) {
        // SAFETY: the instructions are enabled here.
        unsafe { score::<__m512, 3, 8>(operands, tile) }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn score_v3(operands: Operands<'_>, tile: &mut Tile) {
        // SAFETY: the instructions are enabled here.
        unsafe { score::<__m256, 2, 4>(operands, tile) }
    }

    impl Lanes for __m512 {
        const WIDTH: usize = 16;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller has the instructions, here and below.
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(values: &[f32]) -> Self {
            debug_assert!(values.len() >= Self::WIDTH);
            // SAFETY: as above; the kernel cuts its slices so that a register fits.
            unsafe { _mm512_loadu_ps(values.as_ptr()) }
        }

        #[inline(always)]
        unsafe fn store(self, values: &mut [f32]) {
            debug_assert!(values.len() >= Self::WIDTH);
            // SAFETY: as above.
            unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self) }
        }

        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(a, b, self) }
        }

        #[inline(always)]
        unsafe fn above(self, threshold: Self) -> u64 {
            // SAFETY: as above.
            unsafe {
                let finite = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self, _mm512_set1_ps(f32::INFINITY));
                u64::from(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(self, threshold) & finite)
            }
        }
    }

    impl Lanes for __m256 {
        const WIDTH: usize = 8;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller has the instructions, here and below.
            unsafe { _mm256_set1_ps(value) }
        }

        #[inline(always)]
        unsafe fn load(values: &[f32]) -> Self {
            debug_assert!(values.len() >= Self::WIDTH);
            // SAFETY: as above; the kernel cuts its slices so that a register fits.
            unsafe { _mm256_loadu_ps(values.as_ptr()) }
        }

        #[inline(always)]
        unsafe fn store(self, values: &mut [f32]) {
            debug_assert!(values.len() >= Self::WIDTH);
            // SAFETY: as above.
            unsafe { _mm256_storeu_ps(values.as_mut_ptr(), self) }
        }

        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm256_fmadd_ps(a, b, self) }
        }

        #[inline(always)]
        unsafe fn above(self, threshold: Self) -> u64 {
            // SAFETY: as above.
            unsafe {
                let finite = _mm256_cmp_ps::<_CMP_LT_OQ>(self, _mm256_set1_ps(f32::INFINITY));
                let above = _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self, threshold), finite);
                u64::from(_mm256_movemask_ps(above).cast_unsigned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::rng::Rng;

    /// Scores and bits of every number of queries, by one kernel.
    fn tiles(kernel: impl Fn(Operands<'_>, &mut Tile), dimension: usize) -> Vec<(Vec<u32>, Vec<u64>)> {
        let mut rng = Rng::stream(9, "kernel", dimension as u64);
        let mut random = |count: usize| (0..count).map(|_| rng.normal() as f32).collect::<Vec<f32>>();
        let (panel, queries) = (random(dimension * PANEL), random(dimension * QUERIES));
        let tile_of = |count: usize| {
            let mut tile = Tile::new();
            let queries = &queries[..count * dimension];
            kernel(Operands { panel: &panel, queries, thresholds: &[0.5; QUERIES][..count], dimension }, &mut tile);
            let scores = tile.scores[..count].iter().flatten().map(|score| score.to_bits());
            (scores.collect(), tile.above[..count].to_vec())
        };
        (1..=QUERIES).map(tile_of).collect()
    }

    #[test]
    fn a_bit_is_set_for_each_finite_score_above_the_threshold() {
        for dimension in [1, 7, 64] {
            for (scores, above) in tiles(kernel(), dimension) {
                for (scores, above) in scores.chunks_exact(PANEL).zip(above) {
                    let bits = scores.iter().enumerate();
                    let expected = bits.map(|(lane, bits)| u64::from(f32::from_bits(*bits) > 0.5) << lane);
                    assert_eq!(above, expected.sum::<u64>());
                }
            }
        }
        let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -1.0, 0.5, 0.75, 0.0];
        let mut panel = [0.0; PANEL];
        panel[..8].copy_from_slice(&values);
        for kernel in [kernel(), portable] {
            let mut tile = Tile::new();
            kernel(Operands { panel: &panel, queries: &[1.0], thresholds: &[0.5], dimension: 1 }, &mut tile);
            assert_eq!(tile.above[0], 0b0100_1000);
        }
    }

    #[test]
    fn the_portable_form_agrees_within_rounding() {
        for dimension in [1, 7, 64, 300] {
            for (ours, plain) in tiles(kernel(), dimension).iter().zip(tiles(portable, dimension)) {
                for (ours, plain) in ours.0.iter().zip(&plain.0) {
                    let (ours, plain) = (f32::from_bits(*ours), f32::from_bits(*plain));
                    assert!((ours - plain).abs() <= 2e-6 * dimension as f32, "{ours} {plain}");
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn both_vector_forms_give_the_same_bits() {
        if instruction_set() != "x86-64-v4" {
            return;
        }
        for dimension in [1, 7, 64, 300] {
            // SAFETY: a machine of level 4 has the instructions of both.
            let v4 = tiles(|operands, tile| unsafe { x86::score_v4(operands, tile) }, dimension);
            // SAFETY: likewise.
            assert_eq!(v4, tiles(|operands, tile| unsafe { x86::score_v3(operands, tile) }, dimension));
        }
    }
}
