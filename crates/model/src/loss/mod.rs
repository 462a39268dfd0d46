//! Losses over vectors of users and items.
//!
//! In: vectors, labels, weights. Out: the sum of weighted losses and the gradients of that sum; dividing by the sum of
//! weights is the optimizer's business, so that chunks need not know of each other.

use serde::{Deserialize, Serialize};

pub(crate) mod bce;
mod criterion;
pub(crate) mod softmax;

pub(crate) use criterion::Criterion;

/// Sums over the rows of a chunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossSum {
    /// `Σ weight · loss`.
    pub(crate) loss: f64,
    /// `Σ weight`.
    pub(crate) weight: f64,
}

impl LossSum {
    /// Adds another chunk.
    pub(crate) fn add(&mut self, other: Self) {
        self.loss += other.loss;
        self.weight += other.weight;
    }

    /// The weighted mean; 0 where nothing has weight.
    pub(crate) fn mean(self) -> f64 {
        if self.weight > 0.0 || !self.loss.is_finite() { self.loss / self.weight } else { 0.0 }
    }
}
