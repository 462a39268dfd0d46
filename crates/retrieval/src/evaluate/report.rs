//! The figures of an evaluation, as they are stored (`report.json` of a bundle).

use super::approximate::IndexJudgement;
use super::bootstrap::Interval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Figures of every channel, the merged list, and popularity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `validation` or `test`.
    pub part: String,
    /// Queries of the part.
    pub queries: usize,
    /// Items in the corpus.
    pub items: usize,
    /// True items of all queries.
    pub true_items: usize,
    /// True items that no list could have, because they are in the history that was left out; they count as missed.
    pub true_items_left_out: usize,
    /// The items of a query's history were left out of its lists.
    pub leave_out_seen: bool,
    /// Lengths of the judged lists, ascending.
    pub lengths: Vec<usize>,
    /// Resamples behind each interval; 0: there are none.
    pub resamples: usize,
    /// Segments of items (`head`, `torso`, `tail`, `cold`), then of users (`new`, `light`, `heavy`).
    pub segments: Vec<SegmentSize>,
    /// What the index misses, where it approximates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<IndexJudgement>,
    /// Channels by priority, then the exact form of those that approximate, then `merged`, then `popularity`.
    pub rows: Vec<ReportRow>,
}

/// What a segment holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentSize {
    /// Name of the segment.
    pub name: String,
    /// Items in it, if it is one of items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<usize>,
    /// Queries that have a true item in it.
    pub queries: usize,
    /// Their true items in it.
    pub true_items: usize,
}

/// Figures of one way of making lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Name of the channel.
    pub name: String,
    /// `recall@K`, `hit_rate@K`, `ndcg@K`, `mrr@K`, `map@K`, `coverage@K`, `gini@K`, `popularity@K` and `novelty@K` for
    /// each length.
    pub metrics: BTreeMap<String, f64>,
    /// 95 % intervals of those that are means over queries.
    pub intervals: BTreeMap<String, Interval>,
    /// For each segment that has queries the figures that are means over queries.
    pub segments: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Report {
    /// The row called `name`.
    pub fn row(&self, name: &str) -> Option<&ReportRow> {
        self.rows.iter().find(|row| row.name == name)
    }
}
