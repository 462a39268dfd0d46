//! Raw values to model inputs.

use super::{EncodedRows, Fitted, Raw, TowerLayout};
use crate::schema::FeatureSchema;
use crate::Result;

/// The only way from raw values to model inputs, offline and online.
#[derive(Debug, Clone)]
pub struct FeatureEncoder {
    // schema, fitted, layouts, and per-feature plans (private)
}

impl FeatureEncoder {
    /// Joins a schema with what was learnt from the training part.
    pub fn new(_schema: FeatureSchema, _fitted: Fitted) -> Result<Self> { todo!() }
    /// The features.
    pub fn schema(&self) -> &FeatureSchema { todo!() }
    /// SHA-256 of schema and fitted state; equal fingerprints encode equally.
    pub fn fingerprint(&self) -> String { todo!() }
    /// Fields of the user tower: user and context features, and history.
    pub fn user_layout(&self) -> &TowerLayout { todo!() }
    /// Fields of the item tower.
    pub fn item_layout(&self) -> &TowerLayout { todo!() }
    /// Columns that [`FeatureEncoder::encode_user`] asks for, in its order: (feature name, column name). History features ask for none.
    pub fn user_columns(&self) -> Vec<(&str, &str)> { todo!() }
    /// Likewise for [`FeatureEncoder::encode_item`].
    pub fn item_columns(&self) -> Vec<(&str, &str)> { todo!() }
    /// Appends one row of the user tower; `values` are in the order of [`FeatureEncoder::user_columns`].
    ///
    /// # Errors
    /// [`crate::CoreError::Invalid`] for text that is not a finite number in a numeric feature, or a bad list weight. Nothing is appended then.
    pub fn encode_user(&self, _values: &[Raw<'_>], _rows: &mut EncodedRows) -> Result<()> { todo!() }
    /// Appends one row of the item tower; `values` are in the order of [`FeatureEncoder::item_columns`].
    pub fn encode_item(&self, _values: &[Raw<'_>], _rows: &mut EncodedRows) -> Result<()> { todo!() }
    /// An empty [`EncodedRows`] with one multi column for each multi field.
    pub fn empty_user_rows(&self) -> EncodedRows { todo!() }
    /// Likewise for items.
    pub fn empty_item_rows(&self) -> EncodedRows { todo!() }
    /// `features.json`: schema and fitted state.
    pub fn to_json(&self) -> String { todo!() }
    /// Reads [`FeatureEncoder::to_json`].
    pub fn from_json(_path: &std::path::Path, _text: &str) -> Result<Self> { todo!() }
}
