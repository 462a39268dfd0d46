//! The ledger of the samples: what an engineer looks at before she trusts them.
//!
//! In: the interactions of a run and its samples. Out: [`Ledger`]: positives by event and day, what every rule left out
//! and how it changed the weight of the hottest items, their share among positives, samples and impressions, which items
//! the negatives are, and what the hashed features lose to collisions; as text, JSON and a page. It changes nothing and
//! draws nothing: whoever knows the samplers adds what they gave.

mod page;
mod text;

use crate::statistics::Statistics;
use serde::{Deserialize, Serialize};

/// Positives of one event on one day, after every rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayPositives {
    /// The day as YYYY-MM-DD; absent for rows without a time of day.
    pub day: Option<String>,
    /// The event, or `positive` where no column names events.
    pub event: String,
    /// How many.
    pub positives: u64,
}

/// What a rule left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleEffect {
    /// The reason under which it counts; `read` for the first line, before any rule on several rows.
    pub rule: String,
    /// Rows that it left out.
    pub left_out: u64,
    /// Positives that are left after it.
    pub positives: u64,
    /// Share of those that falls on the hottest 1 % of the items (at least one item).
    pub hottest_share: f64,
}

/// How much of something falls on the hottest 1 % of the items: those with the most train positives, at least one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotShare {
    /// What is looked at, such as `corpus` or `train samples`.
    pub of: String,
    /// Rows, or items.
    pub rows: u64,
    /// Share on the hottest items, 0 to 1.
    pub share: f64,
}

/// Which items something falls on: the negatives of a sampler, or the corpus and the positives beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemShares {
    /// Kind of the sampler, or what else it is.
    pub of: String,
    /// Negatives, items or positives.
    pub rows: u64,
    /// Draws that count nothing: the positive itself, another one of the user, or no item at all.
    pub void: u64,
    /// Share on the hottest items, 0 to 1.
    pub hottest_share: f64,
    /// Name of a segment of the items, and the share on it.
    pub segments: Vec<(String, f64)>,
    /// Least and greatest sampling probability of the negatives; absent where nothing was drawn.
    pub probabilities: Option<(f64, f64)>,
    /// Why the sampler cannot be drawn from.
    pub missing: Option<String>,
}

impl ItemShares {
    /// Of the counts of each item; `hottest` are rows of the corpus, as are those of the named `segments`.
    pub fn new(of: &str, counts: &[u64], (hottest, segments): (&[u32], &[(&str, Vec<u32>)])) -> Self {
        let segments = segments.iter().map(|(name, items)| ((*name).to_owned(), share_on(items, counts)));
        Self {
            of: of.to_owned(),
            rows: counts.iter().sum(),
            void: 0,
            hottest_share: share_on(hottest, counts),
            segments: segments.collect(),
            probabilities: None,
            missing: None,
        }
    }
}

/// What one look at the samples shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// By day, then in the order of the events.
    pub positives: Vec<DayPositives>,
    /// In the order in which the rules are applied.
    pub rules: Vec<RuleEffect>,
    /// Number of the hottest items.
    pub hottest_items: u64,
    /// Shares of the hottest items.
    pub shares: Vec<HotShare>,
    /// Which items the negatives of each sampler are; empty until somebody who knows the samplers fills it.
    pub negatives: Vec<ItemShares>,
    /// What the samples stage counted.
    pub statistics: Statistics,
}

/// The share of `counts` on the rows of the corpus that `hottest` names; 0 without counts.
pub(crate) fn share_on(hottest: &[u32], counts: &[u64]) -> f64 {
    let all: u64 = counts.iter().sum();
    let hot: u64 = hottest.iter().map(|&item| counts[item as usize]).sum();
    if all == 0 { 0.0 } else { hot as f64 / all as f64 }
}

/// The hottest 1 % of the items, at least one: those with the greatest counts, the first of equals first.
pub fn hottest_items(counts: &[u64]) -> Vec<u32> {
    let mut items: Vec<u32> = (0..counts.len() as u32).collect();
    items.sort_by_key(|&item| std::cmp::Reverse(counts[item as usize]));
    items.truncate(counts.len().div_ceil(100));
    items
}
