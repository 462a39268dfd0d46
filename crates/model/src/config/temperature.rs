//! What divides the score in a softmax: a number, or one that training moves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;
use twinspire_core::check::Faults;

/// Temperatures whose exponentials stay in the range of `f32`.
const ALLOWED: RangeInclusive<f64> = 0.02..=10.0;

/// What divides the score in a softmax.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Temperature {
    /// A number.
    Fixed(f64),
    /// `learned`, with the defaults of the table.
    Learned(Learned),
    /// Learned, with its start and its bounds.
    Within(LearnedTemperature),
}

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Learned {
    /// Training moves it.
    Learned,
}

/// A temperature that training moves by its logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LearnedTemperature {
    /// Where it starts; `lowest` to `highest`.
    pub start: f64,
    /// It never falls below; 0.02 to 10.
    pub lowest: f64,
    /// It never rises above; 0.02 to 10.
    pub highest: f64,
}

impl Default for LearnedTemperature {
    fn default() -> Self {
        Self { start: 0.07, lowest: *ALLOWED.start(), highest: *ALLOWED.end() }
    }
}

impl Temperature {
    /// What it is before the first step.
    pub(crate) fn start(self) -> f64 {
        match self {
            Self::Fixed(number) => number,
            Self::Learned(Learned::Learned) => LearnedTemperature::default().start,
            Self::Within(learned) => learned.start,
        }
    }

    /// Its start and bounds, where training moves it.
    pub(crate) fn learned(self) -> Option<LearnedTemperature> {
        match self {
            Self::Fixed(_) => None,
            Self::Learned(Learned::Learned) => Some(LearnedTemperature::default()),
            Self::Within(learned) => Some(learned),
        }
    }
}

pub(super) fn check_temperature(temperature: Temperature, faults: &mut Faults) {
    let key = "train.loss.temperature";
    let Some(LearnedTemperature { start, lowest, highest }) = temperature.learned() else {
        let start = temperature.start();
        return faults.require(ALLOWED.contains(&start), key, start, "0.02 to 10, or \"learned\"");
    };
    let is_allowed = ALLOWED.contains(&lowest);
    faults.require(is_allowed, &format!("{key}.lowest"), lowest, "0.02 to 10");
    let is_allowed = ALLOWED.contains(&highest) && highest > lowest;
    faults.require(is_allowed, &format!("{key}.highest"), highest, "above `lowest`, at most 10");
    faults.require((lowest..=highest).contains(&start), &format!("{key}.start"), start, "`lowest` to `highest`");
}
