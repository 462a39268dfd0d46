//! Inner loops over coded vectors, for AVX-512 VNNI, for AVX2 and for any CPU; the best one is taken at run time.
//!
//! In: [`CodeBlocks`] and a [`CodedQuery`]. Out: the scores, or the rows whose score may reach a threshold. Sums are exact
//! integers, and what follows them is rounded in the same way everywhere, so every instruction set gives the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vnni;

use super::codes::{CodeBlocks, CodedQuery};
use super::survivors::Survivors;

/// Vectors of a block: one lane each.
pub(super) const LANES: usize = 16;
/// Dimensions whose codes of one vector lie side by side.
pub(super) const GROUP: usize = 4;

/// Which of the forms runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Any CPU.
    Portable,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

/// The levels that this CPU has, the best one first.
pub(super) fn levels() -> &'static [Level] {
    #[cfg(target_arch = "x86_64")]
    {
        let has_avx2 = is_x86_feature_detected!("avx2");
        let has_avx512 = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        if has_avx2 && has_avx512 && is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("popcnt") {
            return &[Level::Vnni, Level::Avx2, Level::Portable];
        }
        if has_avx2 {
            return &[Level::Avx2, Level::Portable];
        }
    }
    &[Level::Portable]
}

/// Appends the rows of `blocks` whose upper bound is at least the threshold of `found`, each with its lower bound. The
/// first vector of the blocks has the row `first`.
pub(super) fn collect(level: Level, blocks: CodeBlocks<'_>, query: &CodedQuery, first: u32, found: &mut Survivors) {
    blocks.check(query);
    match level {
        Level::Portable => portable::collect(blocks, query, first, found),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a level is only given out where the CPU has it, and the blocks fit the query.
        Level::Avx2 => unsafe { avx2::collect(blocks, query, first, found) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: likewise.
        Level::Vnni => unsafe { vnni::collect(blocks, query, first, found) },
    }
}

/// Writes the score of every vector of `blocks`, in units of the query's step; lanes without a vector get NaN.
pub(super) fn scores(level: Level, blocks: CodeBlocks<'_>, query: &CodedQuery, scores: &mut [f32]) {
    blocks.check(query);
    assert_eq!(scores.len(), blocks.scales.len(), "one score for each lane");
    match level {
        Level::Portable => portable::scores(blocks, query, scores),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a level is only given out where the CPU has it, and the blocks fit the query.
        Level::Avx2 => unsafe { avx2::scores(blocks, query, scores) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: likewise.
        Level::Vnni => unsafe { vnni::scores(blocks, query, scores) },
    }
}
