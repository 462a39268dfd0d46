//! What is minimised, and how rows meet items.

use super::CHUNK_ROWS;
use crate::config::LossSection;
use crate::negative::Uniform;

/// How rows and items are paired.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pairing {
    /// Each row with its item and its label.
    Own,
    /// Each row with its item, and with drawn negatives from the stream `purpose` of `seed`.
    Drawn { negatives: usize, sampler: Uniform, seed: u64, purpose: &'static str },
}

impl Pairing {
    /// Items of a row.
    pub(super) fn group(&self) -> usize {
        match self {
            Self::Own => 1,
            Self::Drawn { negatives, .. } => 1 + negatives,
        }
    }

    /// Rows of a chunk; with drawn negatives it is their items that fill the cache.
    pub(super) fn chunk_rows(&self) -> usize {
        match self {
            Self::Own => CHUNK_ROWS,
            Self::Drawn { .. } => (CHUNK_ROWS * 5 / 4 / self.group()).clamp(16, CHUNK_ROWS),
        }
    }
}

/// What is minimised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Objective {
    /// Binary cross-entropy of pairs.
    Bce,
    /// Softmax over the items of the batch.
    InBatch {
        temperature: f32,
        /// Leave out other rows of the same item.
        mask: bool,
        /// Log of each corpus item's share among the positives; empty: not corrected.
        log_probability: Vec<f32>,
    },
}

impl Objective {
    /// The loss of the settings; `counts` are the positives of each item of the corpus.
    pub(crate) fn new(loss: &LossSection, counts: &[u64]) -> Self {
        match loss {
            LossSection::Bce { .. } => Self::Bce,
            LossSection::InBatchSoftmax { temperature, logq_correction, mask_accidental_hits } => Self::InBatch {
                temperature: *temperature as f32,
                mask: *mask_accidental_hits,
                log_probability: if *logq_correction { log_shares(counts) } else { Vec::new() },
            },
        }
    }
}

/// `ln(count / Σ count)`; an item that was never a positive counts once.
fn log_shares(counts: &[u64]) -> Vec<f32> {
    let at_least_once = |count: &u64| (*count).max(1) as f64;
    let total: f64 = counts.iter().map(at_least_once).sum();
    counts.iter().map(|count| (at_least_once(count) / total).ln() as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sampling_probability_is_the_share_among_positives() {
        let objective = Objective::new(&LossSection::default(), &[3, 0, 4]);
        let Objective::InBatch { log_probability, .. } = objective else { panic!("in-batch is the default") };
        for (log, share) in log_probability.iter().zip([3.0f32 / 8.0, 1.0 / 8.0, 0.5]) {
            assert!((log.exp() - share).abs() < 1e-6);
        }
    }
}
