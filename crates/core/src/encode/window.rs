//! One windowed feature: what a window holds to an id, a number, or weighted ids.

use super::value::{Input, Scale, interval};
use super::{EncodedRows, Fitted, TowerLayout};
use crate::Result;
use crate::behaviour::WindowValue;
use crate::ids::MISSING;
use crate::schema::{FeatureSpec, NumberForm, WindowRule};

/// Encodes the values of one windowed feature.
#[derive(Debug, Clone)]
pub(super) enum WindowEncoder {
    Number(Scale),
    Interval(Vec<f64>),
    /// Rows of the embedding table: as many as the item feature has.
    Ids(u32),
}

impl WindowEncoder {
    /// `items` are the fields of the item tower.
    pub(super) fn new(feature: &FeatureSpec, rule: &WindowRule, fitted: &Fitted, items: &TowerLayout) -> Result<Self> {
        Ok(match rule {
            WindowRule::Number { form: NumberForm::Bucketised(boundaries), .. } => Self::Interval(boundaries.clone()),
            WindowRule::Number { form: NumberForm::Numeric(normalise), .. } => {
                Self::Number(Scale::new(feature, *normalise, fitted)?)
            }
            WindowRule::Top { of, .. } => {
                let single = items.single.iter().map(|field| (&field.name, field.cardinality));
                let multi = items.multi.iter().map(|field| (&field.name, field.cardinality));
                let found = single.chain(multi).find(|(name, _)| *name == of);
                Self::Ids(found.map_or(0, |(_, cardinality)| cardinality))
            }
        })
    }

    pub(super) fn input(&self) -> Input {
        match self {
            Self::Number(_) => Input::Dense,
            Self::Interval(_) => Input::Single,
            Self::Ids(_) => Input::Multi,
        }
    }

    /// Rows of the embedding table; 0 for numbers.
    pub(super) fn cardinality(&self) -> u32 {
        match self {
            Self::Number(_) => 0,
            Self::Interval(boundaries) => boundaries.len() as u32 + 1,
            Self::Ids(cardinality) => *cardinality,
        }
    }

    /// Appends one value; `multi` is the number of the next multi field.
    pub(super) fn encode(&self, value: &WindowValue, multi: usize, rows: &mut EncodedRows) {
        match (self, value) {
            (Self::Number(scale), WindowValue::Number(number)) => {
                rows.dense.push(number.map_or(0.0, |number| scale.apply(number)));
            }
            (Self::Interval(boundaries), WindowValue::Number(number)) => {
                rows.single.push(number.map_or(MISSING, |number| interval(boundaries, number)));
            }
            (Self::Ids(_), WindowValue::Top(values)) => {
                let column = &mut rows.multi[multi];
                column.ids.extend(values.iter().map(|(id, _)| id));
                column.weights.extend(values.iter().map(|(_, count)| count));
                column.end_row();
            }
            (Self::Number(_) | Self::Interval(_), WindowValue::Top(_)) | (Self::Ids(_), WindowValue::Number(_)) => {
                unreachable!("the values come from the windows of the same schema")
            }
        }
    }
}
