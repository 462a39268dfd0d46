//! Adam over the dense parameters: gradients of the chunks are summed in the order of the chunks.

use super::AdamStep;
use crate::kernel::for_every_level;
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Parameters that are summed and moved together; they stay in the L1 cache.
const BLOCK: usize = 2048;

/// Moments of the dense parameters.
#[derive(Debug, Clone)]
pub(crate) struct DenseAdam {
    mean: Vec<f32>,
    square: Vec<f32>,
}

impl DenseAdam {
    /// Zero moments of `count` parameters.
    pub(crate) fn new(count: usize) -> Self {
        Self { mean: vec![0.0; count], square: vec![0.0; count] }
    }

    /// Moves the parameters. `gradient(chunk)` is the gradient of each of `chunks` chunks. False when a gradient is
    /// not finite; the parameters are of no use then.
    pub(crate) fn step<'g>(
        &mut self,
        step: AdamStep,
        parameters: &mut [f32],
        chunks: usize,
        gradient: impl Fn(usize) -> &'g [f32] + Sync,
    ) -> bool {
        let is_finite = AtomicBool::new(true);
        let moments = self.mean.par_chunks_mut(BLOCK).zip(self.square.par_chunks_mut(BLOCK));
        parameters.par_chunks_mut(BLOCK).zip(moments).enumerate().for_each(|(block, (parameters, (mean, square)))| {
            let mut sum = [0.0; BLOCK];
            let sum = &mut sum[..parameters.len()];
            let range = block * BLOCK..block * BLOCK + parameters.len();
            for chunk in 0..chunks {
                crate::kernel::add_to(sum, &gradient(chunk)[range.clone()]);
            }
            if !move_block(step, parameters, mean, square, sum) {
                is_finite.store(false, Ordering::Relaxed);
            }
        });
        is_finite.into_inner()
    }
}

for_every_level! {
    /// Moves one block; false when a gradient is not finite.
    pub(crate) fn move_block(
        step: AdamStep,
        parameters: &mut [f32],
        mean: &mut [f32],
        square: &mut [f32],
        gradient: &[f32],
    ) -> bool {
        step.apply(parameters, mean, square, gradient);
        gradient.iter().fold(true, |finite, value| finite & value.is_finite())
    }
}
