//! Raw values to model inputs.

use super::value::{Input, ValueEncoder};
use super::window::WindowEncoder;
use super::{DenseField, EncodedRows, Fitted, HistoryField, MultiColumn, MultiField, Raw, SingleField, TowerLayout};
use crate::behaviour::{WindowValue, Windows};
use crate::schema::{FeatureKind, FeatureSchema, FeatureSpec, Side};
use crate::stage::fingerprint;
use crate::{CoreError, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The only way from raw values to model inputs, offline and online.
#[derive(Debug, Clone)]
pub struct FeatureEncoder {
    state: State,
    fingerprint: String,
    user: Tower,
    item: Tower,
    windows: Windows,
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
    /// Number of windowed features.
    windows: usize,
    /// In the order of the config.
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
enum Field {
    Value(ValueEncoder),
    Window(WindowEncoder),
}

impl FeatureEncoder {
    /// Joins a schema with what was learnt from the training part.
    ///
    /// # Errors
    /// `Mismatch` when a fitted feature has no learnt state.
    pub fn new(schema: FeatureSchema, fitted: Fitted) -> Result<Self> {
        let item = Tower::new(&schema, true, &fitted, &TowerLayout::default())?;
        let user = Tower::new(&schema, false, &fitted, &item.layout)?;
        let windows = Windows::new(&schema, &item.layout)?;
        let state = State { schema, fitted };
        let value = serde_json::to_value(&state).map_err(|error| CoreError::damaged("features", error.to_string()))?;
        Ok(Self { state, fingerprint: fingerprint(&value), user, item, windows })
    }

    /// The same encoder with other means and deviations for the features that `moments` names.
    ///
    /// # Errors
    /// As [`FeatureEncoder::new`].
    pub fn with_moments(&self, moments: BTreeMap<String, (f64, f64)>) -> Result<Self> {
        let State { schema, mut fitted } = self.state.clone();
        fitted.moments.extend(moments);
        Self::new(schema, fitted)
    }

    /// The features.
    pub fn schema(&self) -> &FeatureSchema {
        &self.state.schema
    }

    /// What was learnt from the training part.
    pub(super) fn fitted(&self) -> &Fitted {
        &self.state.fitted
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
    /// Histories and their windows ask for none.
    pub fn user_columns(&self) -> &[(String, String)] {
        &self.user.columns
    }

    /// Likewise for [`FeatureEncoder::encode_item`].
    pub fn item_columns(&self) -> &[(String, String)] {
        &self.item.columns
    }

    /// The windowed features, whose values [`FeatureEncoder::encode_user`] asks for beside those of the columns.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// Appends one row of the user tower; `values` are in the order of [`FeatureEncoder::user_columns`], and `windows` are
    /// what [`FeatureEncoder::windows`] hold as of the event.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] that names the feature: text that is not a finite number of 32 bits in a numeric feature, a
    /// weight that is not finite or below 0. Nothing is appended then.
    pub fn encode_user(&self, values: &[Raw<'_>], windows: &[WindowValue], rows: &mut EncodedRows) -> Result<()> {
        self.user.encode(values, windows, rows)
    }

    /// Appends one row of the item tower; `values` are in the order of [`FeatureEncoder::item_columns`].
    ///
    /// # Errors
    /// As [`FeatureEncoder::encode_user`].
    pub fn encode_item(&self, values: &[Raw<'_>], rows: &mut EncodedRows) -> Result<()> {
        self.item.encode(values, &[], rows)
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
    /// One side of a schema; `items` are the fields of the item tower, for windows.
    fn new(schema: &FeatureSchema, of_item: bool, fitted: &Fitted, items: &TowerLayout) -> Result<Self> {
        let mut tower = Self::default();
        for feature in schema.features().iter().filter(|feature| (feature.side == Side::Item) == of_item) {
            match &feature.kind {
                FeatureKind::History { of, max_length, shared } => {
                    let (name, of, pooling) = (feature.name.clone(), of.clone(), feature.pooling);
                    let (max_length, shared) = (*max_length, *shared);
                    tower.layout.history.push(HistoryField { name, of, max_length, shared, pooling });
                }
                FeatureKind::Window { rule, .. } => {
                    let encoder = WindowEncoder::new(feature, rule, fitted, items)?;
                    tower.add_input(feature, encoder.input(), encoder.cardinality());
                    tower.windows += 1;
                    tower.fields.push(Field::Window(encoder));
                }
                FeatureKind::Hash { .. }
                | FeatureKind::Vocabulary { .. }
                | FeatureKind::Numeric { .. }
                | FeatureKind::Bucketised { .. } => {
                    let encoder = ValueEncoder::new(feature, fitted)?;
                    tower.add_input(feature, encoder.input(), encoder.cardinality());
                    tower.columns.push((feature.name.clone(), feature.column.clone()));
                    tower.fields.push(Field::Value(encoder));
                }
            }
        }
        Ok(tower)
    }

    fn add_input(&mut self, feature: &FeatureSpec, input: Input, cardinality: u32) {
        let (name, dimension, pooling) = (feature.name.clone(), feature.dimension, feature.pooling);
        match input {
            Input::Single => self.layout.single.push(SingleField { name, cardinality, dimension }),
            Input::Multi => self.layout.multi.push(MultiField { name, cardinality, dimension, pooling }),
            Input::Dense => self.layout.dense.push(DenseField { name }),
        }
    }

    fn empty(&self) -> EncodedRows {
        let column = MultiColumn { offsets: vec![0], ..MultiColumn::default() };
        EncodedRows { multi: vec![column; self.layout.multi.len()], ..EncodedRows::default() }
    }

    fn encode(&self, values: &[Raw<'_>], windows: &[WindowValue], rows: &mut EncodedRows) -> Result<()> {
        assert_eq!(values.len(), self.columns.len(), "one value for each column");
        assert_eq!(windows.len(), self.windows, "one value for each windowed feature");
        let lengths = (rows.single.len(), rows.dense.len());
        let (mut values, mut windows, mut multi) = (values.iter(), windows.iter(), 0);
        for field in &self.fields {
            let (input, done) = match field {
                Field::Value(encoder) => {
                    let value = *values.next().expect("counted above");
                    (encoder.input(), encoder.encode(value, multi, rows).map_err(|reason| (encoder.name(), reason)))
                }
                Field::Window(encoder) => {
                    encoder.encode(windows.next().expect("counted above"), multi, rows);
                    (encoder.input(), Ok(()))
                }
            };
            multi += usize::from(input == Input::Multi);
            if let Err((name, reason)) = done {
                rows.single.truncate(lengths.0);
                rows.dense.truncate(lengths.1);
                rows.multi.iter_mut().for_each(|column| column.truncate(rows.rows));
                return Err(CoreError::Invalid { field: name.to_owned(), reason });
            }
        }
        rows.rows += 1;
        Ok(())
    }
}
