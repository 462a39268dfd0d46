//! Raw values to model inputs.

use super::value::{Input, ValueEncoder};
use super::{DenseField, EncodedRows, Fitted, HistoryField, MultiColumn, MultiField, Raw, SingleField, TowerLayout};
use crate::schema::{FeatureKind, FeatureSchema, FeatureSpec, Side};
use crate::stage::fingerprint;
use crate::{CoreError, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The only way from raw values to model inputs, offline and online.
#[derive(Debug, Clone)]
pub struct FeatureEncoder {
    state: State,
    fingerprint: String,
    user: Tower,
    item: Tower,
}

/// What `features.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    schema: FeatureSchema,
    fitted: Fitted,
}

/// The features that one tower reads.
#[derive(Debug, Clone, Default)]
struct Tower {
    layout: TowerLayout,
    /// (feature name, column name), in the order of the values.
    columns: Vec<(String, String)>,
    /// One for each column.
    values: Vec<ValueEncoder>,
}

impl FeatureEncoder {
    /// Joins a schema with what was learnt from the training part.
    ///
    /// # Errors
    /// `Mismatch` when a fitted feature has no learnt state.
    pub fn new(schema: FeatureSchema, fitted: Fitted) -> Result<Self> {
        let (mut user, mut item) = (Tower::default(), Tower::default());
        for feature in schema.features() {
            let tower = if feature.side == Side::Item { &mut item } else { &mut user };
            tower.add(feature, &fitted)?;
        }
        let state = State { schema, fitted };
        let value = serde_json::to_value(&state).map_err(|error| CoreError::damaged("features", error.to_string()))?;
        Ok(Self { state, fingerprint: fingerprint(&value), user, item })
    }

    /// The features.
    pub fn schema(&self) -> &FeatureSchema {
        &self.state.schema
    }

    /// SHA-256 of schema and fitted state; equal fingerprints encode equally.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.clone()
    }

    /// Fields of the user tower: user and context features, and histories.
    pub fn user_layout(&self) -> &TowerLayout {
        &self.user.layout
    }

    /// Fields of the item tower.
    pub fn item_layout(&self) -> &TowerLayout {
        &self.item.layout
    }

    /// (feature name, column name) of the values that [`FeatureEncoder::encode_user`] asks for, in its order.
    /// Histories ask for none.
    pub fn user_columns(&self) -> &[(String, String)] {
        &self.user.columns
    }

    /// Likewise for [`FeatureEncoder::encode_item`].
    pub fn item_columns(&self) -> &[(String, String)] {
        &self.item.columns
    }

    /// Appends one row of the user tower; `values` are in the order of [`FeatureEncoder::user_columns`].
    ///
    /// # Errors
    /// [`CoreError::Invalid`] that names the feature: text that is not a finite number of 32 bits in a numeric feature, a
    /// weight that is not finite or below 0. Nothing is appended then.
    pub fn encode_user(&self, values: &[Raw<'_>], rows: &mut EncodedRows) -> Result<()> {
        self.user.encode(values, rows)
    }

    /// Appends one row of the item tower; `values` are in the order of [`FeatureEncoder::item_columns`].
    ///
    /// # Errors
    /// As [`FeatureEncoder::encode_user`].
    pub fn encode_item(&self, values: &[Raw<'_>], rows: &mut EncodedRows) -> Result<()> {
        self.item.encode(values, rows)
    }

    /// No rows, with one multi column for each multi field.
    pub fn empty_user_rows(&self) -> EncodedRows {
        self.user.empty()
    }

    /// Likewise for items.
    pub fn empty_item_rows(&self) -> EncodedRows {
        self.item.empty()
    }

    /// `features.json`: schema and fitted state.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(&self.state).expect("schema and fitted state are plain data")
    }

    /// Reads [`FeatureEncoder::to_json`]; `path` is for the error.
    ///
    /// # Errors
    /// `Damaged` when it is not such a file.
    pub fn from_json(path: &Path, text: &str) -> Result<Self> {
        let state: State = serde_json::from_str(text).map_err(|error| CoreError::damaged(path, error.to_string()))?;
        Self::new(state.schema, state.fitted)
    }
}

impl Tower {
    fn add(&mut self, feature: &FeatureSpec, fitted: &Fitted) -> Result<()> {
        let name = feature.name.clone();
        let layout = &mut self.layout;
        if let FeatureKind::History { of, max_length, shared } = &feature.kind {
            let (of, pooling) = (of.clone(), feature.pooling);
            layout.history.push(HistoryField { name, of, max_length: *max_length, shared: *shared, pooling });
            return Ok(());
        }
        let encoder = ValueEncoder::new(feature, fitted)?;
        let (cardinality, dimension) = (encoder.cardinality(), feature.dimension);
        match encoder.input() {
            Input::Single => layout.single.push(SingleField { name, cardinality, dimension }),
            Input::Multi => layout.multi.push(MultiField { name, cardinality, dimension, pooling: feature.pooling }),
            Input::Dense => layout.dense.push(DenseField { name }),
        }
        self.columns.push((feature.name.clone(), feature.column.clone()));
        self.values.push(encoder);
        Ok(())
    }

    fn empty(&self) -> EncodedRows {
        let column = MultiColumn { offsets: vec![0], ..MultiColumn::default() };
        EncodedRows { multi: vec![column; self.layout.multi.len()], ..EncodedRows::default() }
    }

    fn encode(&self, values: &[Raw<'_>], rows: &mut EncodedRows) -> Result<()> {
        assert_eq!(values.len(), self.values.len(), "one value for each column");
        let lengths = (rows.single.len(), rows.dense.len());
        let mut multi = 0;
        for (encoder, value) in self.values.iter().zip(values) {
            let done = match encoder.input() {
                Input::Single => encoder.single(*value).map(|id| rows.single.push(id)),
                Input::Dense => encoder.number(*value).map(|number| rows.dense.push(number)),
                Input::Multi => {
                    multi += 1;
                    encoder.list(*value, &mut rows.multi[multi - 1])
                }
            };
            if let Err(reason) = done {
                rows.single.truncate(lengths.0);
                rows.dense.truncate(lengths.1);
                rows.multi.iter_mut().for_each(|column| column.truncate(rows.rows));
                return Err(CoreError::Invalid { field: encoder.name().to_owned(), reason });
            }
        }
        rows.rows += 1;
        Ok(())
    }
}
