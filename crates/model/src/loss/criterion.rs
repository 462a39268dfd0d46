//! What a row loses to its negatives, as a function of scores.
//!
//! BPR: Rendle et al.: "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009. Cosine contrastive: Mao et al.:
//! "SimpleX: A Simple and Strong Baseline for Collaborative Filtering", CIKM 2021. A loss over pairs is the mean over the
//! negatives of a row, each with its weight.

use crate::kernel::{LANES, exp, for_every_level, lane_sum, ln};

/// Which loss it is. `s` is the score of the positive, `s_j` that of a negative; a score is the model's divided by the
/// temperature, where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Criterion {
    /// `-ln softmax`; the share `smoothing` of the target is spread evenly over all that the row meets.
    Softmax { temperature: f32, smoothing: f32 },
    /// `-ln σ(s - s_j)`.
    Bpr { temperature: f32 },
    /// `max(0, margin - s + s_j)`.
    Hinge { margin: f32 },
    /// `(1 - s) + negative_weight · max(0, s_j - margin)`.
    Contrastive { margin: f32, negative_weight: f32 },
}

impl Criterion {
    /// Divides the model's score.
    pub(crate) fn temperature(self) -> f32 {
        match self {
            Self::Softmax { temperature, .. } | Self::Bpr { temperature } => temperature,
            Self::Hinge { .. } | Self::Contrastive { .. } => 1.0,
        }
    }

    /// The same softmax at another temperature.
    pub(crate) fn at(self, temperature: f32) -> Self {
        match self {
            Self::Softmax { smoothing, .. } => Self::Softmax { temperature, smoothing },
            Self::Bpr { .. } | Self::Hinge { .. } | Self::Contrastive { .. } => self,
        }
    }

    /// Are negatives compared one by one?
    pub(super) fn is_of_pairs(self) -> bool {
        !matches!(self, Self::Softmax { .. })
    }

    /// By how much a row of weight 1 pulls the score of its positive, whatever the negatives are.
    pub(super) fn pull(self) -> f32 {
        match self {
            Self::Softmax { smoothing, .. } => 1.0 - smoothing,
            Self::Bpr { .. } | Self::Hinge { .. } => 0.0,
            Self::Contrastive { .. } => 1.0,
        }
    }

    /// Multiplies the mean over the negatives.
    pub(super) fn factor(self) -> f32 {
        match self {
            Self::Softmax { .. } | Self::Bpr { .. } | Self::Hinge { .. } => 1.0,
            Self::Contrastive { negative_weight, .. } => negative_weight,
        }
    }
}

/// Sums over the negatives of a row: weighted losses, weighted slopes by the negative's score, weights.
pub(super) type Sums = [f32; 3];

/// Scores become weighted slopes; a score of negative infinity is no negative. `pair` gives loss and slope of a score.
#[inline(always)]
fn each(scores: &mut [f32], weights: &[f32], pair: impl Fn(f32) -> (f32, f32)) -> Sums {
    let mut sums = [[0.0f32; LANES]; 3];
    for (scores, weights) in scores.chunks_mut(LANES).zip(weights.chunks(LANES)) {
        for (lane, (score, weight)) in scores.iter_mut().zip(weights).enumerate() {
            let weight = if *score > f32::NEG_INFINITY { *weight } else { 0.0 };
            let (loss, slope) = pair(*score);
            *score = weight * slope;
            sums[0][lane] += weight * loss;
            sums[1][lane] += *score;
            sums[2][lane] += weight;
        }
    }
    sums.map(lane_sum)
}

for_every_level! {
    /// Scores of negatives become weighted slopes against a positive.
    pub(crate) fn pair_slopes(scores: &mut [f32], weights: &[f32], criterion: Criterion, positive: f32) -> [f32; 3] {
        match criterion {
            Criterion::Softmax { .. } => [0.0; 3],
            Criterion::Bpr { .. } => each(scores, weights, |score| {
                let difference = score - positive;
                let small = exp(-difference.abs());
                let share = 1.0 / (1.0 + small);
                (difference.max(0.0) + ln(1.0 + small), if difference >= 0.0 { share } else { small * share })
            }),
            Criterion::Hinge { margin } => each(scores, weights, |score| {
                let loss = margin - positive + score;
                (loss.max(0.0), if loss > 0.0 { 1.0 } else { 0.0 })
            }),
            Criterion::Contrastive { margin, .. } => each(scores, weights, |score| {
                let loss = score - margin;
                (loss.max(0.0), if loss > 0.0 { 1.0 } else { 0.0 })
            }),
        }
    }
}
