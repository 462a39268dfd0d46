//! Softmax of a few numbers.

use crate::kernel::{dot_lanes, exp, for_every_level, for_every_register};

for_every_level! {
    /// Scores become weights, which sum up to 1.
    pub(crate) fn softmax(scores: &mut [f32]) {
        let top = scores.iter().fold(f32::NEG_INFINITY, |top, score| top.max(*score));
        scores.iter_mut().for_each(|score| *score = exp(*score - top));
        let factor = 1.0 / scores.iter().sum::<f32>();
        scores.iter_mut().for_each(|score| *score *= factor);
    }
}

for_every_register! {
    /// Gradients of weights become those of the scores.
    pub(crate) fn softmax_backward<L>(weights: &[f32], slopes: &mut [f32]) {
        // SAFETY: the machine has the instructions.
        let along = unsafe { dot_lanes::<L>(weights, slopes) };
        slopes.iter_mut().zip(weights).for_each(|(slope, weight)| *slope = weight * (*slope - along));
    }
}
