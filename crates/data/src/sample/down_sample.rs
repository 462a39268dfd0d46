//! Down-sampling of popular positives, so that a few hot items do not fill the training part. In: the counts of the
//! corpus and one positive. Out: whether it becomes a training sample. What is left out stays in histories, in the counts
//! of items and in the judged parts.

use crate::bucket::Row;
use crate::config::DownSample;
use twinspire_core::interaction::Part;
use twinspire_core::rng::Rng;

/// The rule with all that it looks at.
pub(super) struct DownSampling<'a> {
    rule: DownSample,
    seed: u64,
    /// Train positives of each item of the corpus.
    counts: &'a [u64],
    all: f64,
}

impl<'a> DownSampling<'a> {
    /// The rule for a corpus with these counts.
    pub fn new(rule: DownSample, seed: u64, counts: &'a [u64]) -> Self {
        Self { rule, seed, counts, all: counts.iter().sum::<u64>() as f64 }
    }

    /// False for a train positive that is left out; each is drawn by its position, so the others do not matter.
    pub fn keeps(&self, row: &Row, item: u32) -> bool {
        if !row.is_positive() || row.part != Part::Train {
            return true;
        }
        let share = self.share(self.counts[item as usize] as f64);
        share >= 1.0 || Rng::stream(self.seed, "down-sampling", row.position).unit() < share
    }

    /// The probability with which a positive of an item with so many of them is kept. `word2vec` is the form of its
    /// published program: sqrt(t / f) + t / f with f the item's share (Mikolov et al., "Distributed Representations of
    /// Words and Phrases and their Compositionality", NIPS 2013, state 1 − sqrt(t / f) for leaving out).
    fn share(&self, count: f64) -> f64 {
        match self.rule {
            DownSample::None {} => 1.0,
            DownSample::Word2vec { threshold } => {
                let ratio = threshold * self.all / count;
                ratio.sqrt() + ratio
            }
            DownSample::Cap { at_most } => at_most as f64 / count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_formulas() {
        let counts = [900, 90, 10];
        let share = |rule: DownSample, item: usize| DownSampling::new(rule, 1, &counts).share(counts[item] as f64);
        let word2vec = DownSample::Word2vec { threshold: 0.01 };
        assert!((share(word2vec, 0) - ((0.01f64 / 0.9).sqrt() + 0.01 / 0.9)).abs() < 1e-12);
        assert!((share(word2vec, 1) - ((0.01f64 / 0.09).sqrt() + 0.01 / 0.09)).abs() < 1e-12);
        assert!(share(word2vec, 2) >= 1.0, "an item at the threshold is kept");
        assert_eq!(share(DownSample::Cap { at_most: 45 }, 1), 0.5);
        assert_eq!(share(DownSample::None {}, 0), 1.0);
    }
}
