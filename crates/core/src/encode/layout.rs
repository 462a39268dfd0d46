//! What each tower reads, field by field, in the order of the config.

use crate::schema::Pooling;
use serde::{Deserialize, Serialize};

/// A field with at most one id a row; [`crate::ids::MISSING`] reads as the zero vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SingleField {
    /// Name of the feature.
    pub name: String,
    /// Ids are below this; rows of the embedding table.
    pub cardinality: u32,
    /// Width of the embedding; `None`: the model's default.
    pub dimension: Option<u32>,
}

/// A field with any number of weighted ids a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MultiField {
    /// Name of the feature.
    pub name: String,
    /// Ids are below this; rows of the embedding table.
    pub cardinality: u32,
    /// Width of the embedding; `None`: the model's default.
    pub dimension: Option<u32>,
    /// How the embeddings become one.
    pub pooling: Pooling,
}

/// A field with one number a row; missing is 0 after normalisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DenseField {
    /// Name of the feature.
    pub name: String,
}

/// A field that pools embeddings of the items in the user's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryField {
    /// Name of the feature.
    pub name: String,
    /// Names of single or multi fields of the item tower; their pooled embeddings are joined in this order.
    pub of: Vec<String>,
    /// Most items that are used, counted from the newest.
    pub max_length: u32,
    /// Use the item tower's tables.
    pub shared: bool,
    /// How the embeddings become one.
    pub pooling: Pooling,
}

/// The fields of one tower. The tower's input is their embeddings joined in this order: single, multi, dense, history.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TowerLayout {
    /// Columns of [`super::EncodedRows::single`].
    pub single: Vec<SingleField>,
    /// Entries of [`super::EncodedRows::multi`].
    pub multi: Vec<MultiField>,
    /// Columns of [`super::EncodedRows::dense`].
    pub dense: Vec<DenseField>,
    /// Fields of the history; only in the user tower.
    pub history: Vec<HistoryField>,
}
