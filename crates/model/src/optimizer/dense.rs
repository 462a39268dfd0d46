//! Adam over the dense parameters: gradients of the groups are summed in the order of the groups.

use super::AdamStep;
use crate::checkpoint::{Pieces, PiecesMut};
use crate::kernel::{Buffer, for_every_level};
use rayon::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Parameters that are summed and moved together; they stay in the L1 cache.
const BLOCK: usize = 2048;

/// Moments of the dense parameters.
#[derive(Debug, Clone)]
pub(crate) struct DenseAdam {
    mean: Buffer,
    square: Buffer,
}

impl DenseAdam {
    /// Zero moments of `count` parameters.
    pub(crate) fn new(count: usize) -> Self {
        Self { mean: Buffer::zeros(count), square: Buffer::zeros(count) }
    }

    /// The moments, as a checkpoint holds them.
    pub(crate) fn moments(&self, tensor: &str) -> Vec<Pieces<'_>> {
        let named = [("mean", &self.mean), ("square", &self.square)];
        named.map(|(role, numbers)| (format!("{role}/{tensor}"), vec![&numbers[..]])).into()
    }

    /// As [`DenseAdam::moments`], to be filled.
    pub(crate) fn moments_mut(&mut self, tensor: &str) -> Vec<PiecesMut<'_>> {
        let named = [("mean", &mut self.mean), ("square", &mut self.square)];
        named.map(|(role, numbers)| (format!("{role}/{tensor}"), vec![&mut numbers[..]])).into()
    }

    /// Moves the parameters by the sum of the gradients, one a group. False when a gradient is not finite; the
    /// parameters are of no use then.
    pub(crate) fn step(&mut self, step: AdamStep, parameters: &mut [f32], gradients: &[Buffer]) -> bool {
        let is_finite = AtomicBool::new(true);
        let moments = self.mean.par_chunks_mut(BLOCK).zip(self.square.par_chunks_mut(BLOCK));
        parameters.par_chunks_mut(BLOCK).zip(moments).enumerate().for_each(|(block, (parameters, (mean, square)))| {
            let mut sum = [0.0; BLOCK];
            let sum = &mut sum[..parameters.len()];
            let range = block * BLOCK..block * BLOCK + parameters.len();
            for gradient in gradients {
                crate::kernel::add_to(sum, &gradient[range.clone()]);
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
