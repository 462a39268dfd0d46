//! Figures over scored pairs with labels.
//!
//! In: logits, labels 0 or 1. Out: AUC, accuracy, precision, recall. Pairs without weight do not count; among the
//! others all count alike.

use std::collections::BTreeMap;

/// Scored pairs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// (logit, is positive).
    pairs: Vec<(f32, bool)>,
}

impl Judged {
    /// Adds equally long columns.
    pub(crate) fn extend(&mut self, scores: &[f32], labels: &[f32], weights: &[f32]) {
        let columns = scores.iter().zip(labels).zip(weights);
        self.pairs
            .extend(columns.filter(|(_, weight)| **weight > 0.0).map(|((score, label), _)| (*score, *label > 0.5)));
    }

    /// Area under the ROC curve: the share of (positive, negative) pairs in the right order, ties counting half.
    /// `None` when one of the classes is missing.
    pub(crate) fn auc(&mut self) -> Option<f64> {
        let positives = self.pairs.iter().filter(|(_, positive)| *positive).count() as f64;
        let negatives = self.pairs.len() as f64 - positives;
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        self.pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (mut below, mut right) = (0.0, 0.0);
        for tied in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            let tied_positives = tied.iter().filter(|(_, positive)| *positive).count() as f64;
            let tied_negatives = tied.len() as f64 - tied_positives;
            right += tied_positives * (below + tied_negatives / 2.0);
            below += tied_negatives;
        }
        Some(right / (positives * negatives))
    }

    /// Accuracy, precision and recall of "the probability is at least one half"; what would divide by 0 is left out.
    pub(crate) fn at_one_half(&self) -> BTreeMap<String, f64> {
        let count = |predicted: bool, positive: bool| {
            self.pairs.iter().filter(|(score, label)| (*score >= 0.0) == predicted && *label == positive).count() as f64
        };
        let (hits, false_alarms, misses) = (count(true, true), count(true, false), count(false, true));
        let right = hits + count(false, false);
        let ratios = [
            ("accuracy", right, self.pairs.len() as f64),
            ("precision", hits, hits + false_alarms),
            ("recall", hits, hits + misses),
        ];
        let defined = ratios.into_iter().filter(|(_, _, whole)| *whole > 0.0);
        defined.map(|(name, part, whole)| (name.to_owned(), part / whole)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::rng::Rng;

    fn judged(pairs: &[(f32, f32)]) -> Judged {
        let (scores, labels): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
        let mut judged = Judged::default();
        judged.extend(&scores, &labels, &vec![1.0; pairs.len()]);
        judged
    }

    #[test]
    fn auc_equals_the_count_over_all_pairs() {
        let mut rng = Rng::stream(1, "test", 0);
        // Few distinct scores, so that there are ties.
        let pairs: Vec<(f32, f32)> =
            (0..300).map(|_| (rng.below(40) as f32 - 20.0, (rng.below(3) == 0) as u32 as f32)).collect();
        let (mut right, mut all) = (0.0, 0.0);
        for positive in pairs.iter().filter(|pair| pair.1 == 1.0) {
            for negative in pairs.iter().filter(|pair| pair.1 == 0.0) {
                all += 1.0;
                right += if positive.0 > negative.0 { 1.0 } else { 0.5 * f64::from(positive.0 == negative.0) };
            }
        }
        assert!((judged(&pairs).auc().unwrap() - right / all).abs() < 1e-12);
        assert_eq!(judged(&[(1.0, 1.0), (0.0, 1.0)]).auc(), None);
    }

    #[test]
    fn figures_at_one_half_are_those_of_the_table_of_four() {
        let figures = judged(&[(2.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (3.0, 0.0), (-2.0, 0.0)]).at_one_half();
        assert_eq!((figures["accuracy"], figures["precision"], figures["recall"]), (3.0 / 5.0, 2.0 / 3.0, 2.0 / 3.0));
        assert!(!judged(&[(-1.0, 0.0)]).at_one_half().contains_key("precision"));
    }

    #[test]
    fn pairs_without_weight_do_not_count() {
        let mut judged = Judged::default();
        judged.extend(&[1.0, 5.0, 0.0], &[1.0, 0.0, 0.0], &[1.0, 0.0, 2.0]);
        assert_eq!(judged.auc(), Some(1.0));
    }
}
