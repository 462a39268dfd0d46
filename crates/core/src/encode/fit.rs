//! What is learnt from the training part: vocabularies, mean and deviation, collisions.

use super::Raw;
use crate::schema::FeatureSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Learnt state of a schema, by feature name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Values of fitted vocabularies, by falling count, then by text.
    pub vocabularies: BTreeMap<String, Vec<String>>,
    /// `(mean, deviation)` of numeric features, after `log` where it applies; a deviation of 0 counts as 1.
    pub moments: BTreeMap<String, (f64, f64)>,
}

/// Distinct values and collisions of one hashed feature, counted over the training part (and the corpus).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collisions {
    /// Name of the feature.
    pub feature: String,
    /// Buckets of the table.
    pub buckets: u32,
    /// Distinct values seen.
    pub distinct: u64,
    /// Distinct values that share their bucket with another one.
    pub colliding: u64,
}

/// Sees raw values once and returns [`Fitted`]. Several fitters of parts are merged in a fixed order.
#[derive(Debug, Clone)]
pub struct Fitter {
    // private
}

impl Fitter {
    /// Nothing seen yet.
    pub fn new(_schema: &FeatureSchema) -> Self { todo!() }
    /// Sees the values of one training row; `values` in the order of [`super::FeatureEncoder::user_columns`].
    pub fn see_user(&mut self, _values: &[Raw<'_>]) { todo!() }
    /// Sees the values of one item of the corpus.
    pub fn see_item(&mut self, _values: &[Raw<'_>]) { todo!() }
    /// Joins what another part saw.
    pub fn merge(&mut self, _other: Self) { todo!() }
    /// The learnt state and the collisions of each hashed feature.
    pub fn finish(self) -> (Fitted, Vec<Collisions>) { todo!() }
}
