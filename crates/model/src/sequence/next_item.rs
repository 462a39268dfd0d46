//! The auxiliary loss of DIEN (Zhou et al., AAAI 2019): the state after an item shall go with the next item of the history and
//! not with another one, `-ln σ(h · e) - ln σ(-h · e')`. It is there while training only.
//!
//! The other one is any other token of the chunk: what some user chose, so that frequent items are drawn as often as they are
//! right.

use crate::kernel::{add_scaled, dot};
use crate::loss::bce::cross_entropy;
use twinspire_core::rng::Rng;

/// The loss over the steps of a chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct NextItem {
    /// What its negatives are drawn from; without it there is no such loss.
    pub(crate) rng: Option<Rng>,
    /// What gradients are multiplied by.
    pub(crate) scale: f32,
    /// Sum over the steps of the last pass.
    pub(crate) loss: f64,
    /// State, next token, another token.
    steps: Vec<[usize; 3]>,
}

impl NextItem {
    /// Draws the negatives of sequences with these ends, and computes the loss of states and tokens `[tokens, width]`.
    pub(crate) fn forward(&mut self, ends: &[usize], (states, tokens): (&[f32], &[f32]), width: usize) {
        self.loss = 0.0;
        self.steps.clear();
        let Some(rng) = &mut self.rng else { return };
        let count = ends[ends.len() - 1] - ends[0];
        for pair in ends.windows(2) {
            for next in pair[0] - ends[0] + 1..(pair[1] - ends[0]).max(pair[0] - ends[0] + 1) {
                let other = next + 1 + rng.below(count as u32 - 1) as usize;
                self.steps.push([next - 1, next, other % count]);
            }
        }
        for &[state, next, other] in &self.steps {
            for (token, label) in [(next, 1.0), (other, 0.0)] {
                let score = dot(row(states, state, width), row(tokens, token, width));
                self.loss += f64::from(cross_entropy(score, label).0);
            }
        }
    }

    /// Adds the gradients of the steps that the last forward pass drew to those of states and tokens.
    pub(crate) fn backward(
        &self,
        (states, tokens): (&[f32], &[f32]),
        (state_slopes, token_slopes): (&mut [f32], &mut [f32]),
        width: usize,
    ) {
        for &[state, next, other] in &self.steps {
            for (token, label) in [(next, 1.0), (other, 0.0)] {
                let (own, read) = (row(states, state, width), row(tokens, token, width));
                let slope = (cross_entropy(dot(own, read), label).1 - label) * self.scale;
                add_scaled(&mut state_slopes[state * width..][..width], read, slope);
                add_scaled(&mut token_slopes[token * width..][..width], own, slope);
            }
        }
    }
}

fn row(rows: &[f32], number: usize, width: usize) -> &[f32] {
    &rows[number * width..][..width]
}
