//! What the samples stage counted, for people (`lines`) and for `statistics.json`. It computes nothing from rows.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use twinspire_core::encode::Collisions;
use twinspire_core::interaction::Part;
use twinspire_core::text::{aligned, grouped};

/// Counts of one part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCounts {
    /// Rows of the log, after the duplicate filter.
    pub interactions: u64,
    /// Rows that were encoded: the positives, and in `labels` mode the negatives.
    pub samples: u64,
    /// Clicks, or labels 1.
    pub positives: u64,
    /// Train positives that down-sampling left out of the samples.
    pub down_sampled: u64,
    /// Labels 0 (`labels` mode).
    pub negatives: u64,
    /// Rows that are neither positives nor rejections (`events` mode): they show that an item exists.
    pub impressions: u64,
    /// Rows that refuse their item (`events` mode; with labels they are negatives).
    pub rejected: u64,
    /// Judged users, or judged events without a user.
    pub queries: u64,
    /// Queries that have no user.
    pub queries_without_user: u64,
    /// Queries whose history is empty.
    pub queries_without_history: u64,
}

impl PartCounts {
    /// Adds the counts of another bucket.
    pub(crate) fn add(&mut self, other: &Self) {
        self.interactions += other.interactions;
        self.samples += other.samples;
        self.positives += other.positives;
        self.down_sampled += other.down_sampled;
        self.negatives += other.negatives;
        self.impressions += other.impressions;
        self.rejected += other.rejected;
        self.queries += other.queries;
        self.queries_without_user += other.queries_without_user;
        self.queries_without_history += other.queries_without_history;
    }
}

/// Positives per user, over all parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryLengths {
    /// The shortest.
    pub min: u64,
    /// Half of the users have at most so many; the mean of the middle two where their number is even.
    pub median: f64,
    /// The longest.
    pub max: u64,
}

impl HistoryLengths {
    pub(crate) fn of(mut lengths: Vec<u64>) -> Self {
        lengths.sort_unstable();
        let (Some(&min), Some(&max)) = (lengths.first(), lengths.last()) else { return Self::default() };
        let (below, above) = (lengths[(lengths.len() - 1) / 2], lengths[lengths.len() / 2]);
        Self { min, median: (below + above) as f64 / 2.0, max }
    }
}

/// What the samples stage counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Rows that ingest accepted: the interactions of all parts plus the filtered rows.
    pub read: u64,
    /// Rows that were left out, by reason.
    pub filtered: BTreeMap<String, u64>,
    /// Users with at least one row.
    pub users: u64,
    /// Items that some row or the item table shows.
    pub items: u64,
    /// Items without a positive in the train part.
    pub cold_items: u64,
    /// Share of the train positives that falls on the hottest 1 % of the items (at least one item).
    pub hottest_share: f64,
    /// Positives per user.
    pub history_lengths: HistoryLengths,
    /// Counts of each part.
    pub parts: BTreeMap<Part, PartCounts>,
    /// Distinct values and collisions of each hashed feature, over the train part and the corpus.
    pub collisions: Vec<Collisions>,
}

/// Share of the positives on the hottest 1 % of the items, at least one item; 0 without positives.
pub(crate) fn hottest_share(counts: &[u64]) -> f64 {
    let mut falling = counts.to_vec();
    falling.sort_unstable_by(|left, right| right.cmp(left));
    let hottest: u64 = falling.iter().take(counts.len().div_ceil(100)).sum();
    let all: u64 = falling.iter().sum();
    if all == 0 { 0.0 } else { hottest as f64 / all as f64 }
}

impl Statistics {
    /// Plain text for people: totals, a table of the parts, and a table of the hashed features.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = aligned(&self.totals());
        lines.push(String::new());
        lines.extend(aligned(&self.part_table()));
        if !self.collisions.is_empty() {
            lines.push(String::new());
            lines.extend(aligned(&self.collision_table()));
        }
        lines
    }

    pub(crate) fn totals(&self) -> Vec<Vec<String>> {
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let mut totals = vec![row("rows read", grouped(self.read))];
        for (reason, count) in &self.filtered {
            totals.push(row(&format!("filtered: {reason}"), grouped(*count)));
        }
        let lengths = self.history_lengths;
        totals.extend([
            row("users", grouped(self.users)),
            row("items", grouped(self.items)),
            row("cold items (no train positive)", grouped(self.cold_items)),
            row("train positives on the hottest 1 % of items", format!("{:.1} %", self.hottest_share * 100.0)),
            row("positives per user: least", grouped(lengths.min)),
            row("positives per user: median", lengths.median.to_string()),
            row("positives per user: most", grouped(lengths.max)),
        ]);
        totals
    }

    pub(crate) fn part_table(&self) -> Vec<Vec<String>> {
        let head = [
            "part",
            "rows",
            "samples",
            "positives",
            "down-sampled",
            "negatives",
            "impressions",
            "rejected",
            "queries",
            "without user",
            "without history",
        ];
        let mut table = vec![head.map(str::to_owned).to_vec()];
        for (part, counts) in &self.parts {
            let numbers = [
                counts.interactions,
                counts.samples,
                counts.positives,
                counts.down_sampled,
                counts.negatives,
                counts.impressions,
                counts.rejected,
                counts.queries,
                counts.queries_without_user,
                counts.queries_without_history,
            ];
            table.push(std::iter::once(part.name().to_owned()).chain(numbers.map(grouped)).collect());
        }
        table
    }

    pub(crate) fn collision_table(&self) -> Vec<Vec<String>> {
        let head = ["hashed feature", "buckets", "values", "colliding", "share"];
        let mut table = vec![head.map(str::to_owned).to_vec()];
        for found in &self.collisions {
            let share = found.colliding as f64 / found.distinct.max(1) as f64 * 100.0;
            let numbers = [u64::from(found.buckets), found.distinct, found.colliding].map(grouped);
            let cells = std::iter::once(found.feature.clone()).chain(numbers);
            table.push(cells.chain(std::iter::once(format!("{share:.1} %"))).collect());
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_a_median_for_odd_and_even_numbers_of_users() {
        assert_eq!(HistoryLengths::of(vec![]), HistoryLengths::default());
        assert_eq!(HistoryLengths::of(vec![5, 1, 3]), HistoryLengths { min: 1, median: 3.0, max: 5 });
        assert_eq!(HistoryLengths::of(vec![5, 1, 2, 3]), HistoryLengths { min: 1, median: 2.5, max: 5 });
    }

    #[test]
    fn the_hottest_share_counts_at_least_one_item() {
        assert_eq!(hottest_share(&[]), 0.0);
        assert_eq!(hottest_share(&[0, 0]), 0.0);
        assert_eq!(hottest_share(&[1, 6, 1]), 0.75);
        let mut two_hundred = vec![1; 200];
        two_hundred[7] = 51;
        two_hundred[9] = 51;
        assert_eq!(hottest_share(&two_hundred), 102.0 / 300.0);
    }

    #[test]
    fn lines_are_aligned_and_grouped() {
        let mut statistics = Statistics { read: 1_234_567, users: 12, ..Statistics::default() };
        statistics.filtered.insert("duplicate".into(), 3);
        statistics.parts.insert(Part::Train, PartCounts { interactions: 1_000, samples: 7, ..PartCounts::default() });
        let collisions = Collisions { feature: "item".into(), buckets: 1_000, distinct: 8, colliding: 2 };
        statistics.collisions.push(collisions);
        let lines = statistics.lines();
        assert_eq!(lines[0], "rows read                                    1,234,567");
        assert_eq!(lines[1], "filtered: duplicate                                  3");
        let train = lines.iter().find(|line| line.starts_with("train  ")).unwrap();
        assert!(train.starts_with("train  1,000        7"), "{train}");
        assert_eq!(lines.last().unwrap(), "item              1,000       8          2  25.0 %");
    }

    #[test]
    fn json_reads_back_equal() {
        let mut statistics = Statistics { hottest_share: 1.0 / 3.0, ..Statistics::default() };
        statistics.parts.insert(Part::Validation, PartCounts { queries: 4, ..PartCounts::default() });
        let text = serde_json::to_string(&statistics).unwrap();
        assert!(text.contains("\"validation\":{"), "{text}");
        assert_eq!(serde_json::from_str::<Statistics>(&text).unwrap(), statistics);
    }
}
