//! Figures of ranked lists. In: a list and the true items of each query. Out: means over the queries. Definitions, with
//! denominators and edge cases, are in `docs/concepts/metrics.md`; they are compared with a public library in
//! `fixtures/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// Sums over queries, by length of the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sums {
    queries: usize,
    by_length: Vec<Figures>,
}

/// Figures of lists that are cut at `length`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Figures {
    length: usize,
    recall: f64,
    hit_rate: f64,
    ndcg: f64,
    mrr: f64,
}

/// Gain of a hit at a position, from 0: 1 / log2(position + 2) (Järvelin and Kekäläinen, "Cumulated Gain-Based
/// Evaluation of IR Techniques", TOIS 2002, with binary relevance).
fn gain(position: usize) -> f64 {
    1.0 / (position as f64 + 2.0).log2()
}

impl Sums {
    /// No queries yet.
    pub fn new(lengths: &[usize]) -> Self {
        let by_length = lengths.iter().map(|&length| Figures { length, ..Figures::default() }).collect();
        Self { queries: 0, by_length }
    }

    /// Adds a query: `list` best first, each item once; `truth` ascending, each item once. A query without true items
    /// is not counted.
    pub fn see(&mut self, list: &[u32], truth: &[u32]) {
        if truth.is_empty() {
            return;
        }
        self.queries += 1;
        let is_hit = |position: &usize| truth.binary_search(&list[*position]).is_ok();
        let hits: Vec<usize> = (0..list.len()).filter(is_hit).collect();
        for sum in &mut self.by_length {
            let hits = &hits[..hits.partition_point(|&position| position < sum.length)];
            let ideal: f64 = (0..sum.length.min(truth.len())).map(gain).sum();
            sum.recall += hits.len() as f64 / truth.len() as f64;
            sum.hit_rate += f64::from(u8::from(!hits.is_empty()));
            sum.ndcg += hits.iter().map(|&position| gain(position)).sum::<f64>() / ideal;
            sum.mrr += hits.first().map_or(0.0, |&first| 1.0 / (first as f64 + 1.0));
        }
    }

    /// Adds the queries of another part.
    pub fn add(&mut self, other: &Self) {
        self.queries += other.queries;
        for (sum, more) in self.by_length.iter_mut().zip(&other.by_length) {
            sum.recall += more.recall;
            sum.hit_rate += more.hit_rate;
            sum.ndcg += more.ndcg;
            sum.mrr += more.mrr;
        }
    }

    /// `recall@K` for each length.
    pub fn recall(&self) -> BTreeMap<String, f64> {
        let mean = |sum: f64| sum / self.queries.max(1) as f64;
        self.by_length.iter().map(|sum| (format!("recall@{}", sum.length), mean(sum.recall))).collect()
    }

    /// All figures for each length.
    pub fn means(&self, coverage: &Coverage) -> BTreeMap<String, f64> {
        let mean = |sum: f64| sum / self.queries.max(1) as f64;
        let mut means = self.recall();
        for sum in &self.by_length {
            let length = sum.length;
            means.insert(format!("hit_rate@{length}"), mean(sum.hit_rate));
            means.insert(format!("ndcg@{length}"), mean(sum.ndcg));
            means.insert(format!("mrr@{length}"), mean(sum.mrr));
            means.insert(format!("coverage@{length}"), coverage.at(length));
        }
        means
    }
}

/// The best position at which each item of the corpus stood in any list. Lists may be seen in any order, by any thread.
#[derive(Debug)]
pub(super) struct Coverage {
    best: Vec<AtomicU32>,
}

impl Coverage {
    /// No lists yet.
    pub fn new(items: usize) -> Self {
        Self { best: (0..items).map(|_| AtomicU32::new(u32::MAX)).collect() }
    }

    /// Sees a list, best first.
    pub fn see(&self, list: &[u32]) {
        for (&item, position) in list.iter().zip(0..) {
            self.best[item as usize].fetch_min(position, Ordering::Relaxed);
        }
    }

    /// Share of the corpus that stood in the first `length` places of some list.
    pub fn at(&self, length: usize) -> f64 {
        let covered = self.best.iter().filter(|best| (best.load(Ordering::Relaxed) as usize) < length);
        covered.count() as f64 / self.best.len().max(1) as f64
    }
}
