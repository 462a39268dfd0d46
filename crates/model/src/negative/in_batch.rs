//! The items of the batch: popular ones come as often as they are positives.

use super::{NegativeSampler, Positive};
use twinspire_core::rng::Rng;

/// Draws from the items of the batch. Its probability is that of the rows of a shuffled epoch, an item's share among the
/// positives (Yi et al.: "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019);
/// an item that was never a positive counts once.
#[derive(Debug, Clone, PartialEq)]
pub struct InBatch {
    probability: Vec<f64>,
}

impl InBatch {
    /// `counts` are the positive training samples of each item of the corpus.
    pub fn new(counts: &[u64]) -> Self {
        let at_least_once = |count: &u64| (*count).max(1) as f64;
        let total: f64 = counts.iter().map(at_least_once).sum();
        Self { probability: counts.iter().map(|count| at_least_once(count) / total).collect() }
    }

    /// Share of an item among the positives.
    pub(crate) fn share(&self, item: u32) -> f64 {
        self.probability[item as usize]
    }
}

impl NegativeSampler for InBatch {
    fn draw(&self, positive: &Positive<'_>, rng: &mut Rng) -> Option<u32> {
        let rows = positive.batch;
        (!rows.is_empty()).then(|| rows[rng.below(rows.len() as u32) as usize])
    }

    fn probability(&self, _positive: &Positive<'_>, item: u32) -> f64 {
        self.share(item)
    }
}
