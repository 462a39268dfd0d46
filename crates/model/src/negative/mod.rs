//! Where negatives come from.
//!
//! In: a random stream. Out: items of the corpus. Mined negatives come from files, never from an index.

mod uniform;

pub use uniform::Uniform;

use twinspire_core::rng::Rng;

/// A drawn negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Row of the corpus.
    pub item: u32,
    /// A bias that is wanted: multiplies the loss of the pair and is never corrected away.
    pub weight: f32,
}

/// Draws negatives.
pub trait NegativeSampler: Sync {
    /// The next negative of a stream.
    fn draw(&self, rng: &mut Rng) -> Draw;
    /// Sampling probability of an item in one draw: what logQ corrects.
    fn probability(&self, item: u32) -> f64;
}

/// The contract of every sampler: draws lie in the corpus, repeat with the stream, and come as often as `probability`
/// says, which sums to 1.
#[cfg(test)]
pub(crate) fn check_contract(sampler: &dyn NegativeSampler, corpus: u32) {
    const DRAWS: u32 = 200_000;
    let total: f64 = (0..corpus).map(|item| sampler.probability(item)).sum();
    assert!((total - 1.0).abs() < 1e-9, "the probabilities sum to {total}");
    let draws = |stream| {
        let mut rng = Rng::stream(1, "contract", stream);
        (0..DRAWS).map(|_| sampler.draw(&mut rng)).collect::<Vec<_>>()
    };
    let first = draws(0);
    assert_eq!(first, draws(0));
    assert_ne!(first, draws(1));
    assert!(first.iter().all(|draw| draw.weight.is_finite() && draw.weight >= 0.0));
    let mut counts = vec![0u32; corpus as usize];
    first.iter().for_each(|draw| counts[draw.item as usize] += 1);
    for (item, count) in counts.into_iter().enumerate() {
        let expected = f64::from(DRAWS) * sampler.probability(item as u32);
        let allowed = 6.0 * expected.sqrt().max(1.0);
        assert!((f64::from(count) - expected).abs() < allowed, "item {item}: {count} draws, expected {expected}");
    }
}
