//! What is minimised, and how rows meet items.

use super::by_item::ByItem;
use super::{Batch, CHUNK_ROWS};
use crate::batch::Samples;
use crate::config::{LossSection, ModelSettings, TrainSection};
use crate::loss::Criterion;
use crate::negative::{Drawn, InBatch, Met};

/// How rows and items are paired.
#[derive(Clone, Copy)]
pub(crate) enum Pairing<'a> {
    /// Each row with its item and its label.
    Own,
    /// Each row with its item, and with drawn negatives.
    Drawn(Drawn<'a>),
}

impl<'a> Pairing<'a> {
    /// How the loss of the settings pairs samples with items.
    pub(crate) fn of(settings: &ModelSettings, drawn: Drawn<'a>) -> Self {
        match settings.train().loss {
            LossSection::Bce {} if !settings.labels_mode() => Self::Drawn(drawn),
            LossSection::SampledSoftmax { .. }
            | LossSection::FullSoftmax { .. }
            | LossSection::Bpr { .. }
            | LossSection::Hinge { .. }
            | LossSection::CosineContrastive { .. } => Self::Drawn(drawn),
            LossSection::Bce {} | LossSection::InBatchSoftmax { .. } => Self::Own,
        }
    }

    /// Items of a row.
    pub(super) fn group(&self) -> usize {
        match self {
            Self::Own => 1,
            Self::Drawn(drawn) => 1 + drawn.mix.own_len(),
        }
    }

    /// Rows of a chunk; with drawn negatives it is their items that fill the cache.
    pub(super) fn chunk_rows(&self) -> usize {
        match self {
            Self::Own => CHUNK_ROWS,
            Self::Drawn(_) => (CHUNK_ROWS * 5 / 4 / self.group()).clamp(16, CHUNK_ROWS),
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
        criterion: Criterion,
        /// Leave out other rows of the same item.
        mask: bool,
        /// Log of each corpus item's share among the positives; empty: not corrected.
        log_probability: Vec<f32>,
    },
    /// The positive against the negatives that the pairing gives.
    Drawn { criterion: Criterion },
}

impl Objective {
    /// The loss of the settings, over the training samples.
    pub(crate) fn new(train: &TrainSection, samples: &Samples<'_>) -> Self {
        let Some(criterion) = Self::criterion_of(train) else { return Self::Bce };
        match &train.loss {
            LossSection::InBatchSoftmax { logq_correction, mask_accidental_hits, temperature: _ } => Self::InBatch {
                criterion,
                mask: *mask_accidental_hits,
                log_probability: if *logq_correction { log_shares(&samples.positives_by_item()) } else { Vec::new() },
            },
            LossSection::Bce {}
            | LossSection::SampledSoftmax { .. }
            | LossSection::FullSoftmax { .. }
            | LossSection::Bpr { .. }
            | LossSection::Hinge { .. }
            | LossSection::CosineContrastive { .. } => Self::Drawn { criterion },
        }
    }

    /// How the loss of the settings compares a row with its negatives; nothing for labelled pairs.
    pub(crate) fn criterion_of(train: &TrainSection) -> Option<Criterion> {
        let smoothing = train.label_smoothing as f32;
        Some(match &train.loss {
            LossSection::Bce {} => return None,
            LossSection::InBatchSoftmax { temperature, .. }
            | LossSection::SampledSoftmax { temperature }
            | LossSection::FullSoftmax { temperature } => {
                Criterion::Softmax { temperature: temperature.start() as f32, smoothing }
            }
            LossSection::Bpr { temperature } => Criterion::Bpr { temperature: *temperature as f32 },
            LossSection::Hinge { margin } => Criterion::Hinge { margin: *margin as f32 },
            LossSection::CosineContrastive { margin, negative_weight } => {
                Criterion::Contrastive { margin: *margin as f32, negative_weight: *negative_weight as f32 }
            }
        })
    }

    /// How a row is compared with its negatives; nothing for labelled pairs.
    pub(super) fn criterion(&self) -> Option<Criterion> {
        match self {
            Self::Bce => None,
            Self::InBatch { criterion, .. } | Self::Drawn { criterion } => Some(*criterion),
        }
    }

    /// Are the rows of a batch negatives of each other?
    pub(super) fn takes_rows(&self, pairing: &Pairing<'_>) -> bool {
        match (self, pairing) {
            (Self::InBatch { .. }, _) => true,
            (Self::Drawn { .. }, Pairing::Drawn(drawn)) => drawn.mix.takes_rows(),
            (Self::Drawn { .. }, Pairing::Own) | (Self::Bce, _) => false,
        }
    }

    /// What the item of a row adds to its score as a negative of the other rows.
    pub(super) fn row_shift(&self, pairing: &Pairing<'_>, met: Met<'_>, item: u32) -> f32 {
        match (self, pairing) {
            (Self::InBatch { log_probability, .. }, _) => log_probability.get(item as usize).map_or(0.0, |log| -log),
            (Self::Drawn { .. }, Pairing::Drawn(drawn)) => drawn.mix.row_shift(met, item),
            (Self::Drawn { .. }, Pairing::Own) | (Self::Bce, _) => f32::NEG_INFINITY,
        }
    }

    /// What an item of an earlier batch adds to its score.
    pub(super) fn earlier_shift(&self, pairing: &Pairing<'_>, met: Met<'_>, item: u32) -> f32 {
        match (self, pairing) {
            (Self::Drawn { .. }, Pairing::Drawn(drawn)) => drawn.mix.earlier_shift(met, item),
            (Self::Drawn { .. }, Pairing::Own) | (Self::InBatch { .. } | Self::Bce, _) => f32::NEG_INFINITY,
        }
    }

    /// How many times the push of an item counts, where rows of earlier batches push none.
    pub(super) fn push(&self, pairing: &Pairing<'_>, met: Met<'_>, item: u32) -> f32 {
        match (self, pairing) {
            (Self::Drawn { .. }, Pairing::Drawn(drawn)) => drawn.mix.push(met, item),
            (Self::Drawn { .. }, Pairing::Own) | (Self::InBatch { .. } | Self::Bce, _) => 1.0,
        }
    }

    /// Appends the candidates that are no negatives of row `row` of the batch.
    pub(super) fn hide(&self, batch: &Batch<'_>, by_item: &ByItem, row: usize, hidden: &mut Vec<u32>) {
        if let Self::InBatch { mask: false, .. } = self {
            return hidden.push(row as u32);
        }
        let sample = batch.rows[row];
        let known = match (self, batch.pairing) {
            (Self::Drawn { .. }, Pairing::Drawn(drawn)) => drawn.mix.known(batch.samples, sample),
            (Self::Drawn { .. }, Pairing::Own) | (Self::InBatch { .. } | Self::Bce, _) => &[],
        };
        let own = batch.samples.outcome(sample).item;
        known.iter().chain([&own]).for_each(|&item| hidden.extend(by_item.candidates(item)));
    }
}

/// The log of what [`InBatch`] gives each item.
fn log_shares(counts: &[u64]) -> Vec<f32> {
    let sampler = InBatch::new(counts);
    (0..counts.len() as u32).map(|item| sampler.share(item).ln() as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sampling_probability_is_the_share_among_positives() {
        for (log, share) in log_shares(&[3, 0, 4]).iter().zip([3.0f32 / 8.0, 1.0 / 8.0, 0.5]) {
            assert!((log.exp() - share).abs() < 1e-6);
        }
    }
}
