//! A figure beyond its threshold, and what to make of it.

use std::fmt;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Mean cosine between two user vectors.
    MeanCosine,
    /// Number of directions in which user vectors differ.
    EffectiveRank,
    /// Share of the places of top lists that the hottest 1 % of items take.
    HotShare,
    /// Loss as a share of that of a model which knows nothing.
    LossShare,
}

/// A figure beyond its threshold.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// What was looked at.
    pub sign: Sign,
    /// What was found.
    pub figure: f64,
    /// The threshold.
    pub limit: f64,
    /// Does it end training?
    pub stops: bool,
}

impl Sign {
    /// Key below `train.alarms`, and name of the figure.
    pub fn name(self) -> &'static str {
        match self {
            Self::MeanCosine => "mean_cosine",
            Self::EffectiveRank => "effective_rank",
            Self::HotShare => "hot_share",
            Self::LossShare => "loss_share",
        }
    }

    /// Is this figure beyond this threshold? A rank may be too low, anything else too high.
    pub(super) fn is_beyond(self, figure: f64, limit: f64) -> bool {
        if self == Self::EffectiveRank { figure < limit } else { figure > limit }
    }

    /// What it means to be beyond the threshold.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::MeanCosine => "the vectors of different users point the same way: all get nearly the same candidates",
            Self::EffectiveRank => {
                "the vectors of users differ in hardly any direction: most of their numbers say nothing"
            }
            Self::HotShare => "the hottest items take nearly all places, whoever asks",
            Self::LossShare => "the loss is that of a model that knows nothing",
        }
    }

    /// What is likely to be the reason.
    pub fn reasons(self) -> &'static str {
        match self {
            Self::MeanCosine => {
                "negatives that are too few or too easy, a learning rate that is too high, or user features that are the \
                 same for all"
            }
            Self::EffectiveRank => {
                "user features that are the same for nearly all, a learning rate that is too high, or too few negatives"
            }
            Self::HotShare => {
                "popular items that are positives more often than negatives: no logQ correction, only uniform negatives, \
                 or no down-sampling"
            }
            Self::LossShare => {
                "a learning rate that is too high or far too low, features that say nothing, or labels that are mixed up"
            }
        }
    }

    /// What to try next.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::MeanCosine => "try a tenth of train.learning_rate, more train.negatives or a larger train.batch_size",
            Self::EffectiveRank => "try features that tell users apart, then a tenth of train.learning_rate",
            Self::HotShare => {
                "try train.loss.logq_correction = true, train.negatives of kind \"popularity\", or samples.down_sample"
            }
            Self::LossShare => "try a tenth of train.learning_rate, then look at what `twinspire samples report` says",
        }
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sign, figure, limit, .. } = self;
        let side = if *sign == Sign::EffectiveRank { "below" } else { "above" };
        write!(f, "{} {figure:.4} is {side} {limit}: {}", sign.name(), sign.meaning())
    }
}
