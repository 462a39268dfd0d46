//! The plain form, which says what the others compute.

use super::super::codes::{CodeBlocks, CodedQuery};
use super::super::survivors::Survivors;
use super::{GROUP, LANES};

/// Scores of one block: the integer product, exact, times the scale of the vector.
#[inline(always)]
fn score(codes: &[u8], scales: &[f32], query: &CodedQuery) -> [f32; LANES] {
    let mut sums = [0i32; LANES];
    for (group, words) in codes.chunks_exact(LANES * GROUP).zip(query.words().chunks_exact(GROUP)) {
        for (sum, codes) in sums.iter_mut().zip(group.chunks_exact(GROUP)) {
            let products = codes.iter().zip(words).map(|(&code, &word)| i32::from(code) * i32::from(word));
            *sum = sum.wrapping_add(products.sum());
        }
    }
    std::array::from_fn(|lane| sums[lane].wrapping_sub(query.bias()) as f32 * scales[lane])
}

pub(super) fn collect(blocks: CodeBlocks<'_>, query: &CodedQuery, first: u32, found: &mut Survivors) {
    let (threshold, mut row) = (found.threshold(), first);
    for ((codes, scales), error) in blocks.iter().zip(blocks.errors) {
        let error = error * query.per_error();
        for (score, row) in score(codes, scales, query).into_iter().zip(row..) {
            if score + error >= threshold {
                found.push(score - error, row);
            }
        }
        row += LANES as u32;
    }
}

pub(super) fn scores(blocks: CodeBlocks<'_>, query: &CodedQuery, scores: &mut [f32]) {
    for ((codes, scales), scores) in blocks.iter().zip(scores.chunks_exact_mut(LANES)) {
        scores.copy_from_slice(&score(codes, scales, query));
    }
}
