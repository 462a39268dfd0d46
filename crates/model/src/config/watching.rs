//! What a run says of itself while it trains: `[train.tensorboard]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinspire_core::check::Faults;

/// Files for TensorBoard, in `tensorboard/` of the run. They decide nothing of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TensorboardSection {
    /// Are they written; true or false.
    pub enabled: bool,
    /// How often each kind of entry is written.
    pub update_freq: UpdateFrequencySection,
    /// Is the graph of the model written, for the Graphs tab and as `model.svg`; true or false.
    pub graph: bool,
    /// Most items that the projector shows, from the hottest to the coldest; 1 to 100000.
    pub projector_items: u32,
}

impl Default for TensorboardSection {
    fn default() -> Self {
        Self { enabled: true, update_freq: UpdateFrequencySection::default(), graph: true, projector_items: 5000 }
    }
}

/// How often each kind of entry is written: a number of steps, `epoch` or `never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateFrequencySection {
    /// Loss, learning rate, length of the gradient, samples a second; unless `never`, the figures of an epoch are written
    /// too, at its end. Steps (1 or more), `epoch` or `never`.
    pub scalars: Frequency,
    /// Histograms of weights and gradients; steps (1 or more), `epoch` or `never`.
    pub histograms: Frequency,
    /// Item vectors; at the end of training those of the epoch that is kept. Steps (1 or more), `epoch` or `never`.
    pub projector: Frequency,
}

impl Default for UpdateFrequencySection {
    fn default() -> Self {
        let (steps, epoch) = (Frequency::Steps(100), Frequency::Moment(Moment::Epoch));
        Self { scalars: steps, histograms: epoch, projector: epoch }
    }
}

/// How often something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Frequency {
    /// Whenever so many steps are done.
    Steps(u32),
    /// Otherwise.
    Moment(Moment),
}

/// When something is written that does not go by steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// At the end of each epoch.
    Epoch,
    /// At no time.
    Never,
}

impl Frequency {
    /// Is it time, after so many steps?
    pub(crate) fn is_due(self, steps: u64, ends_epoch: bool) -> bool {
        match self {
            Self::Steps(every) => steps.is_multiple_of(u64::from(every)),
            Self::Moment(Moment::Epoch) => ends_epoch,
            Self::Moment(Moment::Never) => false,
        }
    }

    /// Is it time ever?
    pub(crate) fn is_ever(self) -> bool {
        self != Self::Moment(Moment::Never)
    }
}

pub(super) fn check_tensorboard(section: &TensorboardSection, faults: &mut Faults) {
    let UpdateFrequencySection { scalars, histograms, projector } = section.update_freq;
    for (name, frequency) in [("scalars", scalars), ("histograms", histograms), ("projector", projector)] {
        let key = format!("train.tensorboard.update_freq.{name}");
        faults.require(frequency != Frequency::Steps(0), &key, 0, "1 or more steps, \"epoch\" or \"never\"");
    }
    let most = section.projector_items;
    faults.require((1..=100_000).contains(&most), "train.tensorboard.projector_items", most, "1 to 100000");
}
