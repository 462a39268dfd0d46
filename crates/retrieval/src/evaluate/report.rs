//! The figures of an evaluation, as JSON (`report.json` of a bundle) and as a table for people.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Figures of every channel, the merged list, and popularity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// `validation` or `test`.
    pub part: String,
    /// Queries that were judged.
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
    /// Channels by priority, then `merged`, then `popularity`.
    pub rows: Vec<ReportRow>,
}

/// Figures of one way of making lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportRow {
    /// Name of the channel.
    pub name: String,
    /// `recall@K`, `hit_rate@K`, `ndcg@K`, `mrr@K` and `coverage@K` for each length, 0 to 1.
    pub metrics: BTreeMap<String, f64>,
}

/// The length at which a table shows more than recall, where it was judged.
const SHOWN: usize = 20;

impl Report {
    /// The row called `name`.
    pub fn row(&self, name: &str) -> Option<&ReportRow> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// A table with aligned columns: recall at every length, the other figures at one of them.
    pub fn lines(&self) -> Vec<String> {
        let shown = self.lengths.iter().copied().find(|&length| length == SHOWN).or(self.lengths.first().copied());
        let others =
            ["hit_rate", "ndcg", "mrr", "coverage"].map(|name| format!("{name}@{}", shown.unwrap_or_default()));
        let columns: Vec<String> = self.lengths.iter().map(|length| format!("recall@{length}")).chain(others).collect();
        let first = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max("channel".len());
        let mut head = format!("{:first$}", "channel");
        columns.iter().for_each(|column| head.push_str(&format!("  {column}")));
        let mut lines = vec![head];
        for row in &self.rows {
            let mut line = format!("{:first$}", row.name);
            for column in &columns {
                let value = row.metrics.get(column).copied().unwrap_or(f64::NAN);
                line.push_str(&format!("  {value:>width$.4}", width = column.len()));
            }
            lines.push(line);
        }
        lines
    }
}
