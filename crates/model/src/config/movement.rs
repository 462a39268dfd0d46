//! How parameters move: `[train.optimizer]`, `[train.clip]`, `[train.schedule]`, `[train.early_stopping]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinspire_core::check::Faults;

/// How parameters move. Embedding rows move, decay and age only in steps that read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerSection {
    /// Adam.
    Adam(AdamSection),
    /// Adam with a weight decay that does not pass through its moments.
    AdamW(AdamWSection),
    /// Adagrad.
    Adagrad(AdagradSection),
    /// Stochastic gradient descent.
    Sgd(SgdSection),
}

impl Default for OptimizerSection {
    fn default() -> Self {
        Self::Adam(AdamSection::default())
    }
}

/// Settings of `adam`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamSection {
    /// Decay of the mean of gradients; 0.0 to below 1.0.
    pub beta1: f64,
    /// Decay of the mean of squared gradients; 0.0 to below 1.0.
    pub beta2: f64,
    /// Keeps the division from 0; above 0.
    pub epsilon: f64,
    /// So many times a parameter is added to its gradient; 0.0 or more.
    pub weight_decay: f64,
}

impl Default for AdamSection {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// Settings of `adam_w`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdamWSection {
    /// Decay of the mean of gradients; 0.0 to below 1.0.
    pub beta1: f64,
    /// Decay of the mean of squared gradients; 0.0 to below 1.0.
    pub beta2: f64,
    /// Keeps the division from 0; above 0.
    pub epsilon: f64,
    /// The learning rate times this is the share of a parameter that a step takes away; 0.0 or more.
    pub weight_decay: f64,
}

impl Default for AdamWSection {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 }
    }
}

/// Settings of `adagrad`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdagradSection {
    /// What a sum of squares is at first; 0.0 or more.
    pub initial: f64,
    /// Keeps the division from 0; above 0.
    pub epsilon: f64,
    /// One sum for each embedding row, which takes a fraction of the memory; true or false.
    pub row_wise: bool,
    /// So many times a parameter is added to its gradient; 0.0 or more.
    pub weight_decay: f64,
}

impl Default for AdagradSection {
    fn default() -> Self {
        Self { initial: 0.0, epsilon: 1e-10, row_wise: false, weight_decay: 0.0 }
    }
}

/// Settings of `sgd`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SgdSection {
    /// Share of the last movement that is kept; 0.0 to below 1.0. 0.0 remembers nothing.
    pub momentum: f64,
    /// Looks ahead by the momentum; true or false.
    pub nesterov: bool,
    /// So many times a parameter is added to its gradient; 0.0 or more.
    pub weight_decay: f64,
}

/// How far a gradient may reach, once it is divided by the sum of weights of the batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClipSection {
    /// A longer gradient of all parameters together is shortened to this length; above 0. Without it, none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm: Option<f64>,
    /// Then each number is cut to this size; above 0. Without it, none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// How the learning rate falls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleSection {
    /// It does not.
    Constant {},
    /// By the factor `rate` in every `epochs` epochs, from epoch to epoch.
    Exponential {
        /// Factor; above 0, at most 1.
        rate: f64,
        /// Epochs in which the learning rate falls by the factor; above 0.
        #[serde(default = "one")]
        epochs: f64,
    },
    /// Along half a cosine over all steps.
    Cosine {
        /// Share of the learning rate at its end; 0.0 to 1.0.
        #[serde(default)]
        floor: f64,
    },
    /// By the factor `factor` whenever epochs do not get better.
    Plateau {
        /// Factor; above 0, below 1.
        #[serde(default = "half")]
        factor: f64,
        /// Epochs that may be no better, one after the other; the next one lets the learning rate fall.
        #[serde(default = "once")]
        patience: u32,
        /// By how much a metric must be higher (a loss lower) to be better; 0.0 or more.
        #[serde(default)]
        min_delta: f64,
    },
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self::Constant {}
    }
}

fn one() -> f64 {
    1.0
}
fn half() -> f64 {
    0.5
}
fn once() -> u32 {
    1
}

/// Ends training when epochs do not get better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EarlyStoppingSection {
    /// Epochs without a better one after which training ends; 1 or more.
    pub patience: u32,
    /// By how much a metric must be higher (a loss lower) to be better; 0.0 or more.
    pub min_delta: f64,
}

impl Default for EarlyStoppingSection {
    fn default() -> Self {
        Self { patience: 3, min_delta: 0.0 }
    }
}

fn is_above_zero(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn check_above_zero(key: &str, value: f64, faults: &mut Faults) {
    faults.require(is_above_zero(value), key, value, "a finite number above 0");
}

fn check_not_negative(key: &str, value: f64, faults: &mut Faults) {
    faults.require(value.is_finite() && value >= 0.0, key, value, "a finite number, 0.0 or more");
}

pub(super) fn check_optimizer(optimizer: &OptimizerSection, faults: &mut Faults) {
    let check_adam = |[beta1, beta2, epsilon]: [f64; 3], faults: &mut Faults| {
        for (key, beta) in [("beta1", beta1), ("beta2", beta2)] {
            faults.require((0.0..1.0).contains(&beta), &format!("train.optimizer.{key}"), beta, "0.0 to below 1.0");
        }
        check_above_zero("train.optimizer.epsilon", epsilon, faults);
    };
    let decay = match optimizer {
        OptimizerSection::Adam(own) => {
            check_adam([own.beta1, own.beta2, own.epsilon], faults);
            own.weight_decay
        }
        OptimizerSection::AdamW(own) => {
            check_adam([own.beta1, own.beta2, own.epsilon], faults);
            own.weight_decay
        }
        OptimizerSection::Adagrad(own) => {
            check_not_negative("train.optimizer.initial", own.initial, faults);
            check_above_zero("train.optimizer.epsilon", own.epsilon, faults);
            own.weight_decay
        }
        OptimizerSection::Sgd(own) => {
            let momentum = own.momentum;
            let sound = (0.0..1.0).contains(&momentum);
            faults.require(sound, "train.optimizer.momentum", momentum, "0.0 to below 1.0");
            let looks = momentum > 0.0 || !own.nesterov;
            faults.require(
                looks,
                "train.optimizer.nesterov",
                true,
                "without momentum there is nothing to look ahead by",
            );
            own.weight_decay
        }
    };
    check_not_negative("train.optimizer.weight_decay", decay, faults);
}

pub(super) fn check_clip(clip: &ClipSection, faults: &mut Faults) {
    for (key, value) in [("norm", clip.norm), ("value", clip.value)] {
        check_above_zero(&format!("train.clip.{key}"), value.unwrap_or(1.0), faults);
    }
}

pub(super) fn check_schedule(schedule: &ScheduleSection, faults: &mut Faults) {
    match *schedule {
        ScheduleSection::Constant {} => {}
        ScheduleSection::Exponential { rate, epochs } => {
            faults.require(is_above_zero(rate) && rate <= 1.0, "train.schedule.rate", rate, "above 0, at most 1");
            check_above_zero("train.schedule.epochs", epochs, faults);
        }
        ScheduleSection::Cosine { floor } => {
            faults.require((0.0..=1.0).contains(&floor), "train.schedule.floor", floor, "0.0 to 1.0");
        }
        ScheduleSection::Plateau { factor, min_delta, patience: _ } => {
            let sound = is_above_zero(factor) && factor < 1.0;
            faults.require(sound, "train.schedule.factor", factor, "above 0, below 1");
            check_not_negative("train.schedule.min_delta", min_delta, faults);
        }
    }
}

pub(super) fn check_early_stopping(section: Option<&EarlyStoppingSection>, faults: &mut Faults) {
    let Some(EarlyStoppingSection { patience, min_delta }) = section.copied() else { return };
    faults.require(patience > 0, "train.early_stopping.patience", patience, "1 or more");
    check_not_negative("train.early_stopping.min_delta", min_delta, faults);
}
