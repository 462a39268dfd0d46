//! AVX-512 VNNI: a product of 64 bytes at once, with the high and the low byte of the query's words.

use super::super::codes::{CodeBlocks, CodedQuery};
use super::super::survivors::Survivors;
use super::{GROUP, LANES};
use std::arch::x86_64::*;

/// Scores of one block.
///
/// # Safety
/// `codes` holds a block of as many groups as the query, `scales` a lane each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn score(codes: *const u8, scales: *const f32, query: &CodedQuery) -> __m512 {
    let (mut high, mut low) = (_mm512_setzero_si512(), _mm512_setzero_si512());
    for (group, &[of_high, of_low]) in query.bytes().iter().enumerate() {
        // SAFETY: a group has 64 bytes, as the caller says.
        let codes = unsafe { _mm512_loadu_si512(codes.add(group * LANES * GROUP).cast()) };
        high = _mm512_dpbusd_epi32(high, codes, _mm512_set1_epi32(of_high));
        low = _mm512_dpbusd_epi32(low, codes, _mm512_set1_epi32(of_low));
    }
    let sums = _mm512_add_epi32(_mm512_slli_epi32::<8>(high), low);
    let sums = _mm512_sub_epi32(sums, _mm512_set1_epi32(query.bias()));
    // SAFETY: there is a scale for each lane, as the caller says.
    _mm512_mul_ps(_mm512_cvtepi32_ps(sums), unsafe { _mm512_loadu_ps(scales) })
}

/// # Safety
/// `blocks` fits `query`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,popcnt")]
pub(super) unsafe fn collect(blocks: CodeBlocks<'_>, query: &CodedQuery, first: u32, found: &mut Survivors) {
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let threshold = _mm512_set1_ps(found.threshold());
    let (bounds, rows, mut len) = found.spare(blocks.errors.len() * LANES);
    for (block, (codes, scales)) in blocks.iter().enumerate() {
        // SAFETY: the blocks fit the query.
        let score = unsafe { score(codes.as_ptr(), scales.as_ptr(), query) };
        let error = _mm512_set1_ps(blocks.errors[block] * query.per_error());
        let reaches = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(_mm512_add_ps(score, error), threshold);
        if reaches != 0 {
            let row = _mm512_add_epi32(lanes, _mm512_set1_epi32((first as usize + block * LANES) as i32));
            // SAFETY: there is room for all lanes of all blocks. Compressing in a register and storing it whole is
            // much faster than compressing into memory.
            unsafe {
                let bound = _mm512_maskz_compress_ps(reaches, _mm512_sub_ps(score, error));
                _mm512_storeu_ps(bounds.add(len), bound);
                _mm512_storeu_si512(rows.add(len).cast(), _mm512_maskz_compress_epi32(reaches, row));
            }
            len += reaches.count_ones() as usize;
        }
    }
    // SAFETY: the values up to `len` were written.
    unsafe { found.set_len(len) };
}

/// # Safety
/// `blocks` fits `query`, and there is a score for each lane.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn scores(blocks: CodeBlocks<'_>, query: &CodedQuery, scores: &mut [f32]) {
    for ((codes, scales), scores) in blocks.iter().zip(scores.chunks_exact_mut(LANES)) {
        // SAFETY: the blocks fit the query, and a chunk has room for the lanes.
        unsafe { _mm512_storeu_ps(scores.as_mut_ptr(), score(codes.as_ptr(), scales.as_ptr(), query)) };
    }
}
