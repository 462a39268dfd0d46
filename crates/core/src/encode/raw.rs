//! Raw values, before encoding. A log cell is text; a request holds text, numbers or lists.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A raw value, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Raw<'a> {
    /// No value: an absent column, an empty cell, JSON `null`.
    Missing,
    /// Text of a cell. If the feature is a list, it is split by the feature's separator.
    Text(&'a str),
    /// Values and weights that were a list already (JSON).
    List(&'a [(String, f32)]),
}

/// A raw value of a request, owned. A number becomes its shortest text (`3`, `0.5`), a boolean `true` or `false`, so
/// that it meets the same bucket as the log's cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RawValue {
    /// JSON `null`.
    Missing,
    /// JSON string, number or boolean, as text.
    Text(String),
    /// JSON array of strings or numbers (weight 1), or of `[value, weight]` pairs.
    List(Vec<(String, f32)>),
}

impl RawValue {
    /// The same value, borrowed.
    pub fn as_raw(&self) -> Raw<'_> {
        match self {
            Self::Missing => Raw::Missing,
            Self::Text(text) => Raw::Text(text),
            Self::List(values) => Raw::List(values),
        }
    }
}

/// Raw features of a request by name.
pub type RawFeatures = BTreeMap<String, RawValue>;
