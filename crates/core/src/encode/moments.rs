//! Mean and deviation of numbers that were seen; of windowed features, in a pass of their own, since a window counts
//! values of items that must be known first.

use super::value::before_moments;
use crate::behaviour::WindowValue;
use crate::schema::{FeatureKind, FeatureSchema, Normalise, NumberForm, WindowRule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Numbers that were seen: how many, their mean, and the sum of their squared distances from it. Two of them are joined
/// without taking the difference of large squares, so that a constant has the deviation 0 (Chan, Golub, LeVeque:
/// "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    /// One number that is seen so many times.
    pub(super) fn of(mean: f64, times: u64) -> Self {
        Self { count: times as f64, mean, squares: 0.0 }
    }

    pub(super) fn join(&mut self, other: Self) {
        if other.count == 0.0 {
            return;
        }
        let count = self.count + other.count;
        let (apart, share) = (other.mean - self.mean, other.count / count);
        self.squares += other.squares + apart * apart * self.count * share;
        self.mean += apart * share;
        self.count = count;
    }

    /// A deviation that 32 bits take for 0 becomes 1.
    pub(super) fn mean_and_deviation(self) -> (f64, f64) {
        let deviation = (self.squares / self.count.max(1.0)).sqrt();
        (self.mean, if deviation > f64::from(f32::MIN_POSITIVE) { deviation } else { 1.0 })
    }
}

/// Sees what windows hold as of the training rows, and learns the moments of those numbers that are normalised.
#[derive(Debug, Clone)]
pub struct WindowFitter {
    /// One a windowed feature, in the order of the schema.
    features: Vec<Option<Normalised>>,
}

#[derive(Debug, Clone)]
struct Normalised {
    name: String,
    normalise: Normalise,
    spread: Spread,
}

impl WindowFitter {
    /// Nothing seen yet.
    pub fn new(schema: &FeatureSchema) -> Self {
        let windowed = schema.features().iter().filter(|feature| matches!(feature.kind, FeatureKind::Window { .. }));
        let normalised = windowed.map(|feature| {
            let FeatureKind::Window { rule: WindowRule::Number { form: NumberForm::Numeric(normalise), .. }, .. } =
                &feature.kind
            else {
                return None;
            };
            let of_feature =
                || Normalised { name: feature.name.clone(), normalise: *normalise, spread: Spread::default() };
            (*normalise != Normalise::None).then(of_feature)
        });
        Self { features: normalised.collect() }
    }

    /// True when there is something to learn.
    pub fn is_needed(&self) -> bool {
        self.features.iter().any(Option::is_some)
    }

    /// Sees the values of one training row, in the order of the schema; missing ones do not count.
    pub fn see(&mut self, values: &[WindowValue]) {
        for (feature, value) in self.features.iter_mut().zip(values) {
            if let (Some(feature), WindowValue::Number(Some(number))) = (feature, value) {
                feature.spread.join(Spread::of(before_moments(feature.normalise, *number), 1));
            }
        }
    }

    /// Joins what another part saw.
    pub fn merge(&mut self, other: Self) {
        for (ours, theirs) in self.features.iter_mut().flatten().zip(other.features.into_iter().flatten()) {
            ours.spread.join(theirs.spread);
        }
    }

    /// `(mean, deviation)` by name, for [`super::Fitted::moments`]; (0, 1) where nothing was seen.
    pub fn moments(&self) -> BTreeMap<String, (f64, f64)> {
        let normalised = self.features.iter().flatten();
        normalised.map(|feature| (feature.name.clone(), feature.spread.mean_and_deviation())).collect()
    }
}
