//! Exact top-K: every item is scored by its dot product with the query.
//!
//! In: item vectors once ([`ItemBlocks`]), then batches of query vectors. Out: the best `k` items of each query in the
//! one order of candidates ([`Scored::order`]), excluded items left out. It approximates nothing.
//!
//! # Why the answer is exact
//! The kernel's scores are f32: summed over d dimensions in any order, they differ from x·y by at most
//! d·2^-23·‖x‖·‖y‖ =: m (Higham, Accuracy and Stability of Numerical Algorithms, 3.1; twice its bound). Let t be the k-th best f32 score. So k items have
//! x·y >= t - m, and an item whose f32 score is below t - 2m is worse than those k. All others are kept, and at the end
//! their f64 scores (`rows`) decide. So a query alone gets the same bits as in a batch, and on every machine.

mod best;
mod kernel;
#[cfg(test)]
mod tests;

use crate::rows::Rows;
use crate::set::ItemSet;
use best::Best;
use kernel::{Kernel, Operands, PANEL, QUERIES, Tile, kernel};
use rayon::prelude::*;
use std::borrow::Cow;
use twinspire_core::query::Scored;

/// Queries of one unit of work: how often a panel of items is used while it is in the cache.
const GROUP: usize = 128;

/// Item vectors in panels in which the numbers of one dimension lie side by side: `[panels, dimension, PANEL]`.
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    items: usize,
    dimension: usize,
    values: Vec<f32>,
    /// Length of the longest vector, those that are not finite set aside.
    longest: f64,
}

/// Item vectors, ready for batches of queries.
#[derive(Debug, Clone)]
pub struct ItemBlocks<'a> {
    rows: &'a [f32],
    panels: Cow<'a, Panels>,
}

/// Query vectors and, for each, what must not come back.
#[derive(Debug, Clone, Copy)]
pub struct ScanQueries<'a> {
    /// `[queries, dimension]`, row-major, finite.
    pub vectors: &'a [f32],
    /// One list a query: item indices, ascending.
    pub excluded: &'a [&'a [u32]],
}

impl Panels {
    /// Lays out `vectors`, `[items, dimension]`, row-major; `dimension` is above 0.
    pub fn new(vectors: &[f32], dimension: usize) -> Self {
        let items = vectors.len() / dimension;
        let mut values = vec![0.0; items.div_ceil(PANEL) * PANEL * dimension];
        for (panel, rows) in values.chunks_exact_mut(PANEL * dimension).zip(vectors.chunks(PANEL * dimension)) {
            for (position, row) in rows.chunks_exact(dimension).enumerate() {
                for (number, &value) in row.iter().enumerate() {
                    panel[number * PANEL + position] = value;
                }
            }
        }
        let lengths = vectors.chunks_exact(dimension).map(length).filter(|length| length.is_finite());
        Self { items, dimension, values, longest: lengths.fold(0.0, f64::max) }
    }

    /// Most by which two f32 scores of a query may differ from their order in truth.
    fn margin(&self, query: &[f32]) -> f64 {
        let smallest = f64::from(f32::MIN_POSITIVE);
        2.0 * self.dimension as f64 * (0.5f64.powi(23) * self.longest * length(query) + smallest)
    }
}

fn length(vector: &[f32]) -> f64 {
    vector.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
}

impl<'a> ItemBlocks<'a> {
    /// Lays out `vectors`, `[items, dimension]`, row-major; `dimension` is above 0.
    pub fn new(vectors: &'a [f32], dimension: usize) -> Self {
        Self { rows: vectors, panels: Cow::Owned(Panels::new(vectors, dimension)) }
    }

    /// `panels` are those of `vectors`.
    pub(crate) fn of(vectors: &'a [f32], panels: &'a Panels) -> Self {
        Self { rows: vectors, panels: Cow::Borrowed(panels) }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.panels.items
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The best `k` items of each query, best first; fewer only where the corpus has no more. Queries are spread over
    /// the threads of the current pool.
    pub fn top_k(&self, queries: ScanQueries<'_>, k: usize) -> Vec<Vec<Scored>> {
        self.top_k_among(queries, k, None)
    }

    /// As [`ItemBlocks::top_k`], of the items that are `allowed`; without it, every item is.
    pub fn top_k_among(&self, queries: ScanQueries<'_>, k: usize, allowed: Option<&ItemSet>) -> Vec<Vec<Scored>> {
        let vectors = queries.vectors.par_chunks(GROUP * self.panels.dimension);
        let (groups, kernel) = (vectors.zip(queries.excluded.par_chunks(GROUP)), kernel());
        groups
            .flat_map_iter(|(vectors, excluded)| {
                self.top_k_of_group(ScanQueries { vectors, excluded }, (k, allowed), kernel)
            })
            .collect()
    }

    fn top_k_of_group(
        &self,
        queries: ScanQueries<'_>,
        (k, allowed): (usize, Option<&ItemSet>),
        kernel: Kernel,
    ) -> Vec<Vec<Scored>> {
        let Panels { items, dimension, ref values, .. } = *self.panels;
        let rows = Rows { values: self.rows, dimension, items: None };
        let (mut tile, asked) = (Tile::new(), queries.vectors.chunks_exact(dimension).zip(queries.excluded));
        let best = |(query, &excluded)| Best::new((rows, query), (k.min(items), excluded), self.panels.margin(query));
        let mut best: Vec<Best<'_>> = asked.map(best).collect();
        for (first, panel) in (0..items).step_by(PANEL).zip(values.chunks_exact(PANEL * dimension)) {
            // Lanes beyond the last item hold nothing.
            let lanes = PANEL.min(items - first);
            let valid = allowed.map_or(u64::MAX >> (u64::BITS as usize - lanes), |allowed| allowed.bits(first, lanes));
            if valid == 0 {
                continue;
            }
            for (queries, best) in queries.vectors.chunks(QUERIES * dimension).zip(best.chunks_mut(QUERIES)) {
                let mut thresholds = [0.0; QUERIES];
                thresholds.iter_mut().zip(best.iter()).for_each(|(threshold, best)| *threshold = best.threshold());
                let thresholds = &thresholds[..best.len()];
                kernel(Operands { panel, queries, thresholds, dimension }, &mut tile);
                for ((best, scores), above) in best.iter_mut().zip(&tile.scores).zip(tile.above) {
                    if above & valid != 0 {
                        best.take(first as u32, scores, above & valid);
                    }
                }
            }
        }
        best.into_iter().map(Best::finish).collect()
    }
}
