//! AVX2: bytes are widened to words, whose products fit an integer, so that nothing saturates.

use super::super::codes::{CodeBlocks, CodedQuery};
use super::super::survivors::Survivors;
use super::{GROUP, LANES};
use std::arch::x86_64::*;

/// Lanes of one register.
const HALF: usize = 8;
/// Vectors whose group of codes fills one register of words.
const WIDENED: usize = 4;

/// Scores of one block.
///
/// # Safety
/// `codes` holds a block of as many groups as the query, `scales` a lane each.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn score(codes: &[u8], scales: &[f32], query: &CodedQuery) -> [__m256; 2] {
    // Two partial sums of a vector stand side by side in each register.
    let mut sums = [_mm256_setzero_si256(); LANES / WIDENED];
    for (group, words) in codes.chunks_exact(LANES * GROUP).zip(query.words().chunks_exact(GROUP)) {
        // SAFETY: a group of words has eight bytes, a part of a group of codes sixteen.
        unsafe {
            let words = _mm256_set1_epi64x(words.as_ptr().cast::<i64>().read_unaligned());
            for (part, sum) in sums.iter_mut().enumerate() {
                let codes = _mm_loadu_si128(group.as_ptr().add(part * WIDENED * GROUP).cast());
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_cvtepu8_epi16(codes), words));
            }
        }
    }
    std::array::from_fn(|half| {
        let pairs = _mm256_hadd_epi32(sums[2 * half], sums[2 * half + 1]);
        let sums = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
        let sums = _mm256_sub_epi32(sums, _mm256_set1_epi32(query.bias()));
        // SAFETY: there is a scale for each lane, as the caller says.
        _mm256_mul_ps(_mm256_cvtepi32_ps(sums), unsafe { _mm256_loadu_ps(scales.as_ptr().add(half * HALF)) })
    })
}

/// # Safety
/// `blocks` fits `query`.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn collect(blocks: CodeBlocks<'_>, query: &CodedQuery, first: u32, found: &mut Survivors) {
    let threshold = _mm256_set1_ps(found.threshold());
    for (block, (codes, scales)) in blocks.iter().enumerate() {
        let error = _mm256_set1_ps(blocks.errors[block] * query.per_error());
        // SAFETY: the blocks fit the query.
        let halves = unsafe { score(codes, scales, query) };
        for (half, score) in halves.into_iter().enumerate() {
            let reaches = _mm256_cmp_ps::<_CMP_GE_OQ>(_mm256_add_ps(score, error), threshold);
            let mut lanes = _mm256_movemask_ps(reaches) as u32;
            let mut bounds = [0.0; HALF];
            // SAFETY: the array has room for the lanes.
            unsafe { _mm256_storeu_ps(bounds.as_mut_ptr(), _mm256_sub_ps(score, error)) };
            while lanes != 0 {
                let lane = lanes.trailing_zeros() as usize;
                found.push(bounds[lane], first + (block * LANES + half * HALF + lane) as u32);
                lanes &= lanes - 1;
            }
        }
    }
}

/// # Safety
/// `blocks` fits `query`, and there is a score for each lane.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn scores(blocks: CodeBlocks<'_>, query: &CodedQuery, scores: &mut [f32]) {
    for ((codes, scales), scores) in blocks.iter().zip(scores.chunks_exact_mut(LANES)) {
        // SAFETY: the blocks fit the query.
        let halves = unsafe { score(codes, scales, query) };
        for (scores, half) in scores.chunks_exact_mut(HALF).zip(halves) {
            // SAFETY: a chunk has room for the lanes.
            unsafe { _mm256_storeu_ps(scores.as_mut_ptr(), half) };
        }
    }
}
