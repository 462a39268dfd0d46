//! The reach that meets a recall, and what an index finds.
//!
//! In: an index with cells, queries it was not built from, and their exact lists. Out: the smallest reach that meets the
//! target on one half of the queries, and recall and cost on the other half. It moves no cell.

use super::about::CurvePoint;
use super::ivf::IvfIndex;
use crate::scan::{ItemBlocks, ScanQueries};
use rayon::prelude::*;
use twinspire_core::query::Scored;

/// Reaches that are tried.
const REACHES: (f32, f32) = (0.02, 4.0);
/// Halvings of the interval of reaches.
const HALVINGS: usize = 10;
/// The fitted half must exceed the target by so many standard errors of its mean, so that it is not luck of these queries:
/// one side of a 95 % interval.
const RESERVE: f64 = 1.64;
/// Points of the curve, relative to the fitted reach.
const CURVE: [f32; 8] = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0];

/// Queries with their exact lists.
pub(super) struct Judged {
    dimension: usize,
    k: usize,
    vectors: Vec<f32>,
    truth: Vec<Vec<u32>>,
}

impl Judged {
    /// Deals the queries out in turn: one half to fit with, one half to judge with.
    pub fn halves(self) -> [Self; 2] {
        let mut halves =
            [0, 1].map(|_| Self { dimension: self.dimension, k: self.k, vectors: Vec::new(), truth: Vec::new() });
        for (number, (query, truth)) in self.vectors.chunks_exact(self.dimension).zip(self.truth).enumerate() {
            halves[number % 2].vectors.extend_from_slice(query);
            halves[number % 2].truth.push(truth);
        }
        halves
    }

    /// Finds the exact best `k` of `queries`, `[queries, dimension]`, among `vectors`.
    pub fn of(vectors: &[f32], queries: &[f32], dimension: usize, k: usize) -> Self {
        let excluded = vec![&[][..]; queries.len() / dimension];
        let lists = ItemBlocks::new(vectors, dimension).top_k(ScanQueries { vectors: queries, excluded: &excluded }, k);
        Self { dimension, k, vectors: queries.to_vec(), truth: lists.iter().map(|list| sorted_items(list)).collect() }
    }

    /// Share of the exact lists that `lists` hold, one a query.
    pub fn recall_of(&self, lists: &[Vec<Scored>]) -> f64 {
        let all: usize = self.truth.iter().map(Vec::len).sum();
        if all == 0 { 1.0 } else { self.hits(lists).sum::<usize>() as f64 / all as f64 }
    }

    fn hits(&self, lists: &[Vec<Scored>]) -> impl Iterator<Item = usize> {
        let is_true = |truth: &[u32], scored: &Scored| truth.binary_search(&scored.item).is_ok();
        lists.iter().zip(&self.truth).map(move |(list, truth)| list.iter().filter(|one| is_true(truth, one)).count())
    }

    /// The recall that queries like these have at least, luck of the draw aside.
    fn sure_recall(&self, lists: &[Vec<Scored>]) -> f64 {
        let (recall, queries) = (self.recall_of(lists), self.len().max(1) as f64);
        let share = |(hits, truth): (usize, &Vec<u32>)| hits as f64 / truth.len().max(1) as f64 - recall;
        let square: f64 = self.hits(lists).zip(&self.truth).map(share).map(|off| off * off).sum();
        recall - RESERVE * square.sqrt() / queries
    }

    /// Number of queries.
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Lists, and the blocks that were looked at for each.
    fn probe(&self, index: &IvfIndex, reach: f32) -> (Vec<Vec<Scored>>, Vec<usize>) {
        let queries = self.vectors.par_chunks_exact(self.dimension);
        let probed = queries.map(|query| index.probe(query, (self.k, None), reach));
        probed.map(|probed| (probed.found, probed.blocks)).unzip()
    }

    /// Recall and cost of a reach; recall is 1 without queries.
    pub fn judge(&self, index: &IvfIndex, reach: f32) -> CurvePoint {
        let (lists, blocks) = self.probe(index, reach);
        let most = (index.image().sizes().blocks * self.len()).max(1);
        let looked_at = blocks.iter().sum::<usize>() as f64 / most as f64;
        CurvePoint { reach, recall: self.recall_of(&lists), looked_at }
    }

    /// The smallest reach, to about three digits, whose recall is surely `target`; the largest one where none is.
    pub fn fit(&self, index: &IvfIndex, target: f64) -> f32 {
        let (mut low, mut high) = REACHES;
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            if self.sure_recall(&self.probe(index, middle).0) >= target {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// Recall and cost around a reach.
    pub fn curve(&self, index: &IvfIndex, reach: f32) -> Vec<CurvePoint> {
        CURVE.iter().map(|factor| self.judge(index, factor * reach)).collect()
    }
}

fn sorted_items(list: &[Scored]) -> Vec<u32> {
    let mut items: Vec<u32> = list.iter().map(|scored| scored.item).collect();
    items.sort_unstable();
    items
}
