//! What an index says of itself: how it was built, and what it was measured to find.

use serde::{Deserialize, Serialize};

/// Which kind an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuiltKind {
    /// Every item is looked at.
    Exact,
    /// Cells of near items, of which some are looked at.
    Ivf,
}

/// The description that lies in the file of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexReport {
    /// Which kind it is.
    pub kind: BuiltKind,
    /// Why this kind.
    pub reason: String,
    /// Number of items.
    pub items: usize,
    /// Length of a vector.
    pub dimension: usize,
    /// Length of the lists that the recall is about.
    pub k: usize,
    /// Share of the exact best `k` that a list holds on average, over queries that nothing was fitted to; 1 where every
    /// item is looked at.
    pub recall: f64,
    /// Items that found themselves when they were searched for, of those that were searched for.
    pub self_recall: f64,
    /// How the cells were fitted, where there are cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<CellsReport>,
}

/// How the cells of an index were fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellsReport {
    /// Number of cells.
    pub cells: usize,
    /// Recall that was asked for.
    pub recall_target: f64,
    /// The fitted reach.
    pub reach: f32,
    /// Queries that the reach was fitted to.
    pub fitted_queries: usize,
    /// Queries that the recall was measured with.
    pub judged_queries: usize,
    /// True where the queries were made from items, since none were given.
    pub made_up_queries: bool,
    /// Items that did not find themselves at first; the spread of their cell was raised so that they do.
    pub repaired_items: Vec<u32>,
    /// Recall and cost at other reaches.
    pub curve: Vec<CurvePoint>,
}

/// One point of the curve of recall and cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// The reach.
    pub reach: f32,
    /// Share of the exact best `k` that is found.
    pub recall: f64,
    /// Share of all items that is looked at.
    pub looked_at: f64,
}

impl std::fmt::Display for IndexReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { items, k, recall, reason, .. } = self;
        match &self.cells {
            None => write!(formatter, "index: exact over {items} items ({reason})"),
            Some(cells) => {
                let looked_at = cells.curve.iter().find(|point| point.reach == cells.reach);
                let share = looked_at.map_or(1.0, |point| point.looked_at) * 100.0;
                write!(
                    formatter,
                    "index: {} cells over {items} items, recall@{k} {recall:.4} on {} held-out queries, {share:.1} % of the \
                     items looked at ({reason})",
                    cells.cells, cells.judged_queries
                )
            }
        }
    }
}
