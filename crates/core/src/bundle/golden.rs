//! The golden set: raw inputs with what they must become, recomputed through the serving path when a bundle is opened.

use crate::encode::RawFeatures;
use serde::{Deserialize, Serialize};

/// One raw input and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoldenCase {
    /// User key, if the case has one.
    pub user: Option<String>,
    /// Raw features as a request would send them.
    pub features: RawFeatures,
    /// Item ids of the history, oldest first.
    pub history: Vec<String>,
    /// Their times, microseconds UTC.
    pub history_times: Vec<i64>,
    /// When the query is asked, microseconds UTC.
    pub time: i64,
    /// Encoded single ids.
    pub single: Vec<u32>,
    /// Encoded numbers.
    pub dense: Vec<f32>,
    /// Encoded (id, weight) lists, one a multi field.
    pub multi: Vec<Vec<(u32, f32)>>,
    /// User vector, or those of all interests in turn.
    pub vector: Vec<f32>,
    /// Exact top items of the two-tower channel, best first.
    pub top: Vec<GoldenItem>,
}

/// An item of the exact top-K.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GoldenItem {
    /// Item id.
    pub item: String,
    /// Score.
    pub score: f32,
}

/// `golden.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Golden {
    /// Instruction set that the vectors were computed with: bit-equal on the same, else within 1e-5.
    pub instruction_set: String,
    /// Up to 256 cases.
    pub cases: Vec<GoldenCase>,
}
