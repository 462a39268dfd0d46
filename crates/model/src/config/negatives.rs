//! `[[train.negatives]]`: where negatives come from, one entry a sampler.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One sampler of the mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum NegativesSection {
    /// Every item of the corpus is equally likely.
    Uniform(UniformSection),
    /// An item's share of `count^alpha` of the training positives, over a uniform floor.
    Popularity(PopularitySection),
    /// Items of the other rows of the batch.
    InBatch(InBatchSection),
    /// Items of the rows of earlier batches, with the vectors that they had then; not for `bce`, and only beside `in_batch` without a count, whose rows push items away in their stead.
    CrossBatch(CrossBatchSection),
    /// Items that the user was shown in the training part and never chose.
    Impressed(ImpressedSection),
    /// Items that the user refused in the training part.
    Rejected(ListedSection),
    /// Items that share a value of an item feature with the positive.
    SameAttribute(SameAttributeSection),
    /// Items of a rank band of an earlier bundle's search, as `twinspire mine` wrote them.
    Mined(ListedSection),
}

/// Settings of `uniform`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UniformSection {
    /// Negatives for each positive, or with `shared` for the whole batch; 1 to 1048576.
    pub count: u32,
    /// Drawn once for all positives of the batch; softmax only; true or false.
    pub shared: bool,
    /// Corrects the sampling probability (softmax only); true or false.
    pub logq: bool,
    /// Multiplies what a negative counts in the loss; above 0.
    pub weight: f64,
}

impl Default for UniformSection {
    fn default() -> Self {
        Self { count: 4, shared: false, logq: true, weight: 1.0 }
    }
}

/// Settings of `popularity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PopularitySection {
    /// Negatives for each positive, or with `shared` for the whole batch; 1 to 1048576.
    pub count: u32,
    /// Drawn once for all positives of the batch; softmax only; true or false.
    pub shared: bool,
    /// Power of an item's count; 0.0 to 2.0. More than 0 draws popular items more often.
    pub alpha: f64,
    /// Share of the draws that is uniform over the corpus, so that cold items appear; 0.0 to 1.0.
    pub uniform_floor: f64,
    /// Corrects the sampling probability (softmax only); false keeps the over-sampling of popular items as a bias.
    pub logq: bool,
    /// Multiplies what a negative counts in the loss; above 0.
    pub weight: f64,
}

impl Default for PopularitySection {
    fn default() -> Self {
        Self { count: 4, shared: false, alpha: 0.75, uniform_floor: 0.1, logq: true, weight: 1.0 }
    }
}

/// Settings of `in_batch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InBatchSection {
    /// Rows that are drawn for each positive, 1 to 1048576; without it all rows, which only a softmax can take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Corrects the sampling probability (softmax only); true or false.
    pub logq: bool,
    /// Multiplies what a negative counts in the loss; above 0.
    pub weight: f64,
}

impl Default for InBatchSection {
    fn default() -> Self {
        Self { count: None, logq: true, weight: 1.0 }
    }
}

/// Settings of `cross_batch`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CrossBatchSection {
    /// How many batches are kept, each of `train.batch_size` rows; 1 or more, at most 1048576 rows in all.
    pub batches: u32,
    /// Steps before the first that meets them: vectors of the first steps are soon out of date; 0 or more.
    pub warm_up_steps: u64,
    /// Corrects the sampling probability (softmax only); true or false.
    pub logq: bool,
    /// Multiplies what a negative counts in the loss; above 0.
    pub weight: f64,
}

impl Default for CrossBatchSection {
    fn default() -> Self {
        Self { batches: 4, warm_up_steps: 100, logq: true, weight: 1.0 }
    }
}

/// Settings of `impressed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImpressedSection {
    /// Negatives for each positive; 1 to 1048576.
    pub count: u32,
    /// The newest impressions as of the event that are drawn from; 1 or more.
    pub recent: u32,
    /// Corrects the sampling probability (softmax only); true or false.
    pub logq: bool,
    /// Multiplies what a negative counts in the loss; above 0.
    pub weight: f64,
}

impl Default for ImpressedSection {
    fn default() -> Self {
        Self { count: 1, recent: 50, logq: false, weight: 1.0 }
    }
}

/// Settings of `rejected` and of `mined`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListedSection {
    /// Negatives for each positive; 1 to 1048576.
    pub count: u32,
    /// Corrects the sampling probability (softmax only); true or false.
    pub logq: bool,
    /// Multiplies what a negative counts in the loss; above 0.
    pub weight: f64,
}

impl Default for ListedSection {
    fn default() -> Self {
        Self { count: 1, logq: false, weight: 1.0 }
    }
}

/// Settings of `same_attribute`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SameAttributeSection {
    /// An item feature of the kind hash, vocabulary or bucketised; its list may have several values.
    pub feature: String,
    /// Negatives for each positive; 1 to 1048576.
    #[serde(default = "one")]
    pub count: u32,
    /// Corrects the sampling probability (softmax only); true or false.
    #[serde(default)]
    pub logq: bool,
    /// Multiplies what a negative counts in the loss; above 0.
    #[serde(default = "plain")]
    pub weight: f64,
}

fn one() -> u32 {
    1
}
fn plain() -> f64 {
    1.0
}

/// Which positives of a user are never her negatives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownPositives {
    /// All of the training part.
    #[default]
    Train,
    /// Those of her history as of the event.
    History,
    /// Only the item of the sample.
    Own,
}

/// What all samplers have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Common {
    /// Negatives for each positive, or for the batch; `None`: all rows of the batch, or of earlier ones.
    pub(crate) count: Option<u32>,
    pub(crate) shared: bool,
    pub(crate) logq: bool,
    pub(crate) weight: f64,
}

impl NegativesSection {
    /// Its `kind` in the config.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Uniform(_) => "uniform",
            Self::Popularity(_) => "popularity",
            Self::InBatch(_) => "in_batch",
            Self::CrossBatch(_) => "cross_batch",
            Self::Impressed(_) => "impressed",
            Self::Rejected(_) => "rejected",
            Self::SameAttribute(_) => "same_attribute",
            Self::Mined(_) => "mined",
        }
    }

    /// What the entry says beside what is its own.
    pub(crate) fn common(&self) -> Common {
        let per_positive = |count, logq, weight| Common { count: Some(count), shared: false, logq, weight };
        match self {
            Self::Uniform(own) => {
                Common { count: Some(own.count), shared: own.shared, logq: own.logq, weight: own.weight }
            }
            Self::Popularity(own) => {
                Common { count: Some(own.count), shared: own.shared, logq: own.logq, weight: own.weight }
            }
            Self::InBatch(own) => {
                Common { count: own.count, shared: own.count.is_none(), logq: own.logq, weight: own.weight }
            }
            Self::CrossBatch(own) => Common { count: None, shared: true, logq: own.logq, weight: own.weight },
            Self::Impressed(own) => per_positive(own.count, own.logq, own.weight),
            Self::Rejected(own) | Self::Mined(own) => per_positive(own.count, own.logq, own.weight),
            Self::SameAttribute(own) => per_positive(own.count, own.logq, own.weight),
        }
    }
}
