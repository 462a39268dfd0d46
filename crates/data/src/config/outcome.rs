//! What a row says of its item: the checked form of `[input.event]` and `[input.label]`. It reads no row.

use super::{EventSection, InputSection, LabelSection, Mode, SamplesSection};
use std::collections::BTreeSet;
use twinspire_core::check::Faults;

/// Positive events are numbered in one byte.
const MOST_POSITIVES: usize = 256;

/// What makes a row a positive.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Every row.
    Always,
    /// The event is one of these; any other event is an impression.
    Event {
        /// Column of the event.
        column: String,
        /// Events that are positives, each with its weight in the loss.
        positive: Vec<(String, f32)>,
        /// Events that refuse the item.
        rejected: Vec<String>,
    },
    /// The value is 1, or reaches `at_least`.
    Label {
        /// Column of the label.
        column: String,
        /// Least value of a positive; without it only 0 and 1 are allowed.
        at_least: Option<f64>,
        /// Greatest value of a rejection.
        rejected_at_most: Option<f64>,
    },
}

impl Outcome {
    /// Says what is wrong with `[input.event]` or `[input.label]`.
    pub(super) fn check(input: &InputSection, samples: &SamplesSection, faults: &mut Faults) {
        if let Some(event) = &input.event {
            check_event(event, faults);
            faults.require(input.label.is_none(), "input.label", "set", "`event` and `label` exclude each other");
        }
        if let Some(label) = &input.label {
            check_label(label, faults);
        }
        let labelled = samples.mode == Mode::Events || input.event.is_some() || input.label.is_some();
        faults.require(labelled, "samples.mode", "labels", "`labels` needs `input.label` or `input.event`");
    }

    /// Of sound sections.
    pub(super) fn of(input: &InputSection) -> Self {
        match (&input.event, &input.label) {
            (Some(event), _) => Self::Event {
                column: event.column.clone(),
                positive: event.positive.weights(),
                rejected: event.rejected.clone(),
            },
            (None, Some(label)) => Self::Label {
                column: label.column.clone(),
                at_least: label.at_least,
                rejected_at_most: label.rejected_at_most,
            },
            (None, None) => Self::Always,
        }
    }

    /// Names and weights of the positive events by their number; one without a name where no column names events.
    pub fn positives(&self) -> Vec<(&str, f32)> {
        match self {
            Self::Event { positive, .. } => positive.iter().map(|(name, weight)| (name.as_str(), *weight)).collect(),
            Self::Always | Self::Label { .. } => vec![("positive", 1.0)],
        }
    }
}

fn check_event(event: &EventSection, faults: &mut Faults) {
    faults.require(!event.column.is_empty(), "input.event.column", "", "a column name is needed");
    let positive = event.positive.weights();
    let names: BTreeSet<&str> = positive.iter().map(|(name, _)| name.as_str()).collect();
    let sound = !names.is_empty() && names.len() == positive.len() && names.len() <= MOST_POSITIVES;
    let reason = "1 to 256 different events are positives";
    faults.require(sound, "input.event.positive", format!("{names:?}"), reason);
    for (name, weight) in &positive {
        let key = format!("input.event.positive.{name}");
        faults.require(weight.is_finite() && *weight > 0.0, &key, weight, "a finite weight above 0");
    }
    let apart = event.rejected.iter().all(|name| !names.contains(name.as_str()));
    let reason = "an event is a positive or a rejection, not both";
    faults.require(apart, "input.event.rejected", format!("{:?}", event.rejected), reason);
}

fn check_label(label: &LabelSection, faults: &mut Faults) {
    faults.require(!label.column.is_empty(), "input.label.column", "", "a column name is needed");
    let threshold = label.at_least.unwrap_or(0.0);
    faults.require(threshold.is_finite(), "input.label.at_least", threshold, "a finite number");
    if let Some(most) = label.rejected_at_most {
        let below = label.at_least.is_some_and(|least| most < least);
        faults.require(below, "input.label.rejected_at_most", most, "below `input.label.at_least`, which must be set");
    }
}
