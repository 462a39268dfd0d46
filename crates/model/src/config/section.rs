//! The `[model]` and `[train]` sections as they are written.

use super::activation::Activation;
use super::alarms::AlarmsSection;
use super::encoders::EncoderSection;
use super::movement::{ClipSection, EarlyStoppingSection, OptimizerSection, ScheduleSection};
use super::negatives::{KnownPositives, NegativesSection};
use super::score::Score;
use super::temperature::Temperature;
use super::watching::TensorboardSection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The two towers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelSection {
    /// Width of an embedding where the feature names none; 1 to 1024.
    pub embedding_dimension: u32,
    /// Length of a user or item vector; 2 to 1024.
    pub output_dimension: u32,
    /// What two vectors score: `cosine` (of length 1 each) or `dot` (the dot product of vectors of any length).
    #[serde(skip_serializing_if = "Score::is_cosine")]
    #[schemars(extend("default" = "cosine"))]
    pub score: Score,
    /// The tower of user and context features.
    pub user_tower: TowerSection,
    /// The tower of item features.
    pub item_tower: TowerSection,
    /// How histories become one vector, one entry a history feature; without an entry, they are pooled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encoders: Vec<EncoderSection>,
}

impl Default for ModelSection {
    fn default() -> Self {
        let (user_tower, item_tower) = (TowerSection::default(), TowerSection::default());
        let (score, encoders) = (Score::default(), Vec::new());
        Self { embedding_dimension: 16, output_dimension: 32, score, user_tower, item_tower, encoders }
    }
}

/// One tower: cross layers if there are any, hidden layers, then, unless it is left out, a linear layer, then, where the score is
/// the cosine, division by the length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TowerSection {
    /// Widths of the hidden layers, 2 to 4096 each; `[]` makes the tower linear.
    pub hidden: Vec<u32>,
    /// What bends the outputs of hidden layers: `relu` or `gelu` (its tanh form).
    #[serde(skip_serializing_if = "Activation::is_relu")]
    #[schemars(extend("default" = "relu"))]
    pub activation: Activation,
    /// Adds a hidden layer's input to its output where both are equally wide; true or false.
    pub residual: bool,
    /// Ends with a linear layer to `output_dimension`; without it the input itself, as wide as `output_dimension`, becomes
    /// the vector, and `hidden` is `[]`; true or false.
    pub project: bool,
    /// Layers below the hidden ones that multiply the input with itself (DCN-v2); without it, there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross: Option<CrossSection>,
}

/// Cross layers, `x0 * (x W + b) + x` each, where `x0` is the tower's input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CrossSection {
    /// How many, one on top of the other; 1 to 8.
    pub layers: u32,
    /// Makes `W` of two matrices, as wide as the input and this narrow: 1 or more, below the width of the input. Without it, `W`
    /// is one matrix, as wide as the input and as high.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u32>,
}

impl Default for CrossSection {
    fn default() -> Self {
        Self { layers: 2, rank: None }
    }
}

impl Default for TowerSection {
    fn default() -> Self {
        let (activation, hidden) = (Activation::Relu, vec![128, 64]);
        Self { hidden, activation, residual: false, project: true, cross: None }
    }
}

/// How the towers are trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrainSection {
    /// Number of passes over the samples; 1 or more.
    pub epochs: u32,
    /// Samples a step; 2 to 1048576. With drawn negatives, positives a step.
    pub batch_size: u32,
    /// Which positions of a history one pass trains: `single` (each sample has a history of its own) or `all` (a user's
    /// samples stand in one batch, her history is encoded once, and each position predicts the next item; needs a causal
    /// encoder).
    pub positions: TrainedPositions,
    /// What is minimised: `bce`, `in_batch_softmax`, `sampled_softmax`, `full_softmax`, `bpr`, `hinge` or
    /// `cosine_contrastive`.
    pub loss: LossSection,
    /// Share of a softmax's target that is spread evenly over all that a positive meets; 0.0 to below 1.0.
    pub label_smoothing: f64,
    /// Where negatives come from, one entry a sampler, for all losses but `in_batch_softmax` and `full_softmax`. Without an
    /// entry they are uniform over the corpus: 1024 for each batch of `sampled_softmax`, else 4 for each positive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub negatives: Vec<NegativesSection>,
    /// Which positives of a user are never her negatives (drawn ones, and those of `full_softmax`): `train` (all of the
    /// training part), `history` (those before the event) or `own` (only the item of the sample).
    pub known_positives: KnownPositives,
    /// Learning rate that the schedule starts from; above 0.
    pub learning_rate: f64,
    /// How the learning rate falls: `constant`, `exponential`, `cosine` or `plateau`.
    pub schedule: ScheduleSection,
    /// Steps in which the learning rate rises to that of the schedule, in a line; 0: it starts there.
    pub warm_up_steps: u64,
    /// Most steps of one epoch; all samples without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps_per_epoch: Option<u64>,
    /// Most batches of the validation part that are judged after an epoch; all without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_steps: Option<u64>,
    /// Which epoch is kept: `best` (by the validation part) or `last`.
    pub keep: Keep,
    /// The metric of the validation part that ranks epochs, such as `recall@20`, `auc` or `loss`; without it, the first
    /// full-corpus metric by name, and where there is none the validation loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Ends training when epochs do not get better; without it, all epochs are trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingSection>,
    /// How parameters move: `adam`, `adam_w`, `adagrad` or `sgd`.
    pub optimizer: OptimizerSection,
    /// How far a gradient may reach.
    pub clip: ClipSection,
    /// When a checkpoint is written, beside the end of every epoch.
    pub checkpoints: CheckpointsSection,
    /// The earlier model that training starts from, with what its optimizer remembered: the `YYYY-MM-DD` of a run, the id of a
    /// bundle, or `previous` (the latest earlier run that has a model; where there is none, training begins anew). Without
    /// it, training starts from random parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_start: Option<String>,
    /// Files for TensorBoard.
    pub tensorboard: TensorboardSection,
    /// Signs of a model whose vectors collapse.
    pub alarms: AlarmsSection,
}

impl Default for TrainSection {
    fn default() -> Self {
        Self {
            epochs: 5,
            batch_size: 1024,
            positions: TrainedPositions::Single,
            loss: LossSection::default(),
            label_smoothing: 0.0,
            negatives: Vec::new(),
            known_positives: KnownPositives::Train,
            learning_rate: 1e-3,
            schedule: ScheduleSection::default(),
            warm_up_steps: 0,
            steps_per_epoch: None,
            validation_steps: None,
            keep: Keep::Best,
            metric: None,
            early_stopping: None,
            optimizer: OptimizerSection::default(),
            clip: ClipSection::default(),
            checkpoints: CheckpointsSection::default(),
            warm_start: None,
            tensorboard: TensorboardSection::default(),
            alarms: AlarmsSection::default(),
        }
    }
}

/// When a checkpoint is written, beside the end of every epoch. It decides what a run that ends early loses, and nothing of
/// the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointsSection {
    /// Seconds since the last one; 0: not by time.
    pub seconds: u32,
    /// Steps between two; without it, not by steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// How many of the newest are kept, beside the one of the best epoch; 1 to 1000.
    pub keep: u32,
}

impl Default for CheckpointsSection {
    fn default() -> Self {
        Self { seconds: 60, steps: None, keep: 2 }
    }
}

/// What is minimised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LossSection {
    /// Of cosines only: to `(c + 1) / 2`, logit, a sigmoid layer of one unit, binary cross-entropy. Each positive meets the negatives
    /// of `train.negatives`; labelled samples bring their own.
    Bce {},
    /// Softmax over the items of the batch, `score / temperature`.
    InBatchSoftmax {
        /// Divides the score: 0.02 to 10, or `"learned"`, or a table with the start and the bounds of a learned one.
        #[serde(default = "default_temperature")]
        temperature: Temperature,
        /// Subtracts the log of an item's share among the sampled positives (logQ correction); true or false.
        #[serde(default = "yes")]
        logq_correction: bool,
        /// Leaves out other rows of the batch that hold the same item; true or false.
        #[serde(default = "yes")]
        mask_accidental_hits: bool,
    },
    /// Softmax of a positive against the negatives of `train.negatives`, `score / temperature`.
    SampledSoftmax {
        /// Divides the score: 0.02 to 10, or `"learned"`, or a table with the start and the bounds of a learned one.
        #[serde(default = "default_temperature")]
        temperature: Temperature,
    },
    /// Bayesian personalised ranking: `-ln σ` of the difference to each negative of `train.negatives`, of
    /// `score / temperature`.
    Bpr {
        /// Divides the score; 0.02 to 10.
        #[serde(default = "ranking_temperature")]
        temperature: f64,
    },
    /// Triplets: a positive's score is to be higher than that of each negative of `train.negatives`, by a margin.
    Hinge {
        /// By how much; above 0, and of cosines at most 2.
        #[serde(default = "hinge_margin")]
        margin: f64,
    },
    /// Cosine contrastive, of cosines only: positives are pulled, and negatives of `train.negatives` pushed below a margin.
    CosineContrastive {
        /// Cosine of a negative that is low enough; -1.0 to below 1.0.
        #[serde(default = "contrastive_margin")]
        margin: f64,
        /// Weight of the negatives' mean against the positive; above 0.
        #[serde(default = "one")]
        negative_weight: f64,
    },
    /// Softmax of a positive against the whole corpus, `score / temperature`; for up to 131072 items.
    FullSoftmax {
        /// Divides the score: 0.02 to 10, or `"learned"`, or a table with the start and the bounds of a learned one.
        #[serde(default = "default_temperature")]
        temperature: Temperature,
    },
}

fn default_temperature() -> Temperature {
    Temperature::Fixed(0.05)
}
fn ranking_temperature() -> f64 {
    0.2
}
fn hinge_margin() -> f64 {
    0.2
}
fn contrastive_margin() -> f64 {
    0.4
}
fn one() -> f64 {
    1.0
}
fn yes() -> bool {
    true
}

impl LossSection {
    /// Is it a softmax, which has a partition function to estimate and a target to spread?
    pub(crate) fn is_softmax(&self) -> bool {
        match self {
            Self::InBatchSoftmax { .. } | Self::SampledSoftmax { .. } | Self::FullSoftmax { .. } => true,
            Self::Bce {} | Self::Bpr { .. } | Self::Hinge { .. } | Self::CosineContrastive { .. } => false,
        }
    }
}

impl Default for LossSection {
    fn default() -> Self {
        Self::InBatchSoftmax { temperature: default_temperature(), logq_correction: true, mask_accidental_hits: true }
    }
}

/// Which positions of a history one pass trains.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrainedPositions {
    /// Each sample has a history of its own.
    #[default]
    Single,
    /// The samples of a user share one.
    All,
}

/// Which epoch is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The epoch that `train.metric` ranks first.
    #[default]
    Best,
    /// The last epoch.
    Last,
}
