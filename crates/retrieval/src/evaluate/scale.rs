//! From tallies to figures: means, intervals and segments. In: what is known of the queries and the items before any list
//! is made, and a [`Tally`]. Out: [`ReportRow`]s, or the figures of each query.

use super::Truth;
use super::bootstrap::Bootstrap;
use super::figures::{FigureTable, Scorer};
use super::report::{ReportRow, SegmentSize};
use super::segment::{ItemSegment, UserSegment};
use super::tally::Tally;
use std::collections::BTreeMap;

/// What the figures of every way are measured with.
pub(super) struct Scale<'a> {
    truth: Truth<'a>,
    /// Training positives, one an item.
    positives: &'a [u64],
    scorer: Scorer,
    bootstrap: Bootstrap,
    items: Vec<ItemSegment>,
    users: Vec<UserSegment>,
}

impl<'a> Scale<'a> {
    pub fn new(truth: Truth<'a>, positives: &'a [u64], lengths: &[usize], bootstrap: Bootstrap) -> Self {
        let (scorer, items) = (Scorer::new(lengths), ItemSegment::of_items(positives));
        let users = UserSegment::of_queries(&truth.history_lengths());
        Self { truth, positives, scorer, bootstrap, items, users }
    }

    /// How many items, true items and queries each segment has.
    pub fn sizes(&self) -> Vec<SegmentSize> {
        let judged: Vec<usize> = self.judged().collect();
        let of_items = ItemSegment::ALL.map(|segment| {
            let is_in = |item: &u32| self.items[*item as usize] == segment;
            let hits_of = |&row: &usize| self.truth.of(row).iter().filter(|item| is_in(item)).count();
            let true_items: Vec<usize> = judged.iter().map(hits_of).filter(|&count| count > 0).collect();
            SegmentSize {
                name: segment.name().to_owned(),
                items: Some(self.items.iter().filter(|&&one| one == segment).count()),
                queries: true_items.len(),
                true_items: true_items.iter().sum(),
            }
        });
        let of_users = UserSegment::ALL.map(|segment| {
            let rows: Vec<usize> = judged.iter().copied().filter(|&row| self.users[row] == segment).collect();
            SegmentSize {
                name: segment.name().to_owned(),
                items: None,
                queries: rows.len(),
                true_items: rows.iter().map(|&row| self.truth.of(row).len()).sum(),
            }
        });
        of_items.into_iter().chain(of_users).collect()
    }

    /// Rows of the query table that are judged: those with true items.
    pub fn judged(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.truth.len()).filter(|&row| !self.truth.of(row).is_empty())
    }

    /// The figures of all judged queries.
    pub fn table(&self, tally: &Tally) -> FigureTable {
        tally.table(self.truth, &self.scorer, |_, _| true)
    }

    /// The figures of one way of making lists.
    pub fn row(&self, name: &str, tally: &Tally) -> ReportRow {
        let table = self.table(tally);
        let intervals = self.bootstrap.intervals(&table.values, self.scorer.columns());
        let mut metrics = table.means();
        metrics.extend(tally.impressions.figures(self.positives));
        ReportRow {
            name: name.to_owned(),
            metrics,
            intervals: table.names.into_iter().zip(intervals).collect(),
            segments: self.segments(tally),
        }
    }

    fn segments(&self, tally: &Tally) -> BTreeMap<String, BTreeMap<String, f64>> {
        let mut segments = BTreeMap::new();
        let mut see = |name: &str, table: FigureTable| {
            if table.queries() > 0 {
                segments.insert(name.to_owned(), table.means());
            }
        };
        for segment in ItemSegment::ALL {
            see(segment.name(), tally.table(self.truth, &self.scorer, |_, item| self.items[item as usize] == segment));
        }
        for segment in UserSegment::ALL {
            see(segment.name(), tally.table(self.truth, &self.scorer, |row, _| self.users[row] == segment));
        }
        segments
    }
}
