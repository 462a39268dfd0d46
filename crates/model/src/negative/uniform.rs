//! Every item of the corpus is equally likely.

use super::{NegativeSampler, Positive};
use twinspire_core::rng::Rng;

/// Draws uniformly from the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uniform {
    /// Items of the corpus; above 0.
    pub corpus: u32,
}

impl NegativeSampler for Uniform {
    fn draw(&self, _positive: &Positive<'_>, rng: &mut Rng) -> Option<u32> {
        Some(rng.below(self.corpus))
    }

    fn probability(&self, _positive: &Positive<'_>, _item: u32) -> f64 {
        1.0 / f64::from(self.corpus)
    }
}
