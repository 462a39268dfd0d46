//! Paired comparisons: two ways of making lists on the same queries. In: their figures, query by query. Out: the mean
//! differences with their intervals.

use super::bootstrap::{Bootstrap, Interval};
use super::figures::FigureTable;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use twinspire_core::text::aligned;

/// Several ways against another bundle, or against one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The bundle, or the way.
    pub against: String,
    /// Queries that were judged by both.
    pub queries: usize,
    /// Resamples behind each interval; 0: there are none.
    pub resamples: usize,
    /// One a way.
    pub rows: Vec<Difference>,
}

/// One way against another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The way.
    pub name: String,
    /// By figure, as in `recall@20`.
    pub metrics: BTreeMap<String, Paired>,
}

/// One figure of both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Of the way.
    pub ours: f64,
    /// Of what it is compared with.
    pub theirs: f64,
    /// Mean of the differences, query by query.
    pub difference: f64,
    /// 95 % interval of the difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

impl Paired {
    /// The interval does not hold 0.
    pub fn is_clear(&self) -> bool {
        self.interval.is_some_and(|interval| interval.low > 0.0 || interval.high < 0.0)
    }
}

impl Difference {
    /// Both tables have the same queries and columns.
    pub(super) fn new(name: &str, ours: &FigureTable, theirs: &FigureTable, bootstrap: Bootstrap) -> Self {
        let values = ours.values.iter().zip(&theirs.values).map(|(ours, theirs)| ours - theirs).collect();
        let differences = FigureTable { names: ours.names.clone(), values };
        let intervals = bootstrap.intervals(&differences.values, differences.names.len());
        let (ours, theirs, difference) = (ours.means(), theirs.means(), differences.means());
        let paired = |(number, figure): (usize, String)| {
            let interval = intervals.get(number).copied();
            let paired =
                Paired { ours: ours[&figure], theirs: theirs[&figure], difference: difference[&figure], interval };
            (figure, paired)
        };
        let metrics = differences.names.into_iter().enumerate().map(paired).collect();
        Self { name: name.to_owned(), metrics }
    }
}

impl Comparison {
    /// A table: for each way recall, NDCG and MAP at `length`, with the difference and its interval. A star marks a
    /// difference whose interval does not hold 0.
    pub fn lines(&self, length: usize) -> Vec<String> {
        let head = ["", "figure", "ours", "theirs", "difference", "low", "high", ""].map(str::to_owned).to_vec();
        let mut rows = vec![head];
        for row in &self.rows {
            for figure in ["recall", "ndcg", "map"].map(|figure| format!("{figure}@{length}")) {
                if let Some(paired) = row.metrics.get(&figure) {
                    rows.push(paired.cells(&row.name, figure));
                }
            }
        }
        aligned(&rows)
    }
}

impl Paired {
    fn cells(&self, name: &str, figure: String) -> Vec<String> {
        let end = |end: fn(Interval) -> f64| self.interval.map_or("-".into(), |one| format!("{:+.4}", end(one)));
        let star = if self.is_clear() { "*" } else { "" };
        let (ours, theirs) = (format!("{:.4}", self.ours), format!("{:.4}", self.theirs));
        let difference = format!("{:+.4}", self.difference);
        let (low, high) = (end(|one| one.low), end(|one| one.high));
        vec![name.to_owned(), figure, ours, theirs, difference, low, high, star.to_owned()]
    }
}
