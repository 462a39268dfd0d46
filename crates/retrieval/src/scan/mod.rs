//! Exact top-K: every item is scored by its dot product with the query.
//!
//! In: item vectors once ([`ItemBlocks`]), then batches of query vectors. Out: the best `k` items of each query in the
//! one order of candidates ([`Scored::order`]), excluded items left out. It approximates nothing.
//!
//! A score does not depend on the batch it was computed in: whatever the number of queries, it is summed over the
//! dimensions in the same order, so a single query gets the same bits as 30,000.

mod best;
mod kernel;
#[cfg(test)]
mod tests;

use best::Best;
use kernel::{Kernel, Operands, PANEL, QUERIES, Tile, kernel};
use rayon::prelude::*;
use twinspire_core::query::Scored;

/// Queries of one unit of work: how often a panel of items is used while it is in the cache.
const GROUP: usize = 128;

/// Item vectors, in panels in which the numbers of one dimension lie side by side: `[panels, dimension, PANEL]`.
#[derive(Debug, Clone)]
pub struct ItemBlocks {
    items: usize,
    dimension: usize,
    values: Vec<f32>,
}

/// Query vectors and, for each, what must not come back.
#[derive(Debug, Clone, Copy)]
pub struct ScanQueries<'a> {
    /// `[queries, dimension]`, row-major, finite.
    pub vectors: &'a [f32],
    /// One list a query: item indices, ascending.
    pub excluded: &'a [&'a [u32]],
}

impl ItemBlocks {
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
        Self { items, dimension, values }
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.items
    }

    /// True without items.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// The best `k` items of each query, best first; fewer only where the corpus has no more. Queries are spread over
    /// the threads of the current pool.
    pub fn top_k(&self, queries: ScanQueries<'_>, k: usize) -> Vec<Vec<Scored>> {
        let vectors = queries.vectors.par_chunks(GROUP * self.dimension);
        let (groups, kernel) = (vectors.zip(queries.excluded.par_chunks(GROUP)), kernel());
        groups
            .flat_map_iter(|(vectors, excluded)| self.top_k_of_group(ScanQueries { vectors, excluded }, k, kernel))
            .collect()
    }

    fn top_k_of_group(&self, queries: ScanQueries<'_>, k: usize, kernel: Kernel) -> Vec<Vec<Scored>> {
        let (dimension, mut tile) = (self.dimension, Tile::new());
        let excluded = queries.excluded.iter().copied();
        let mut best: Vec<Best<'_>> = excluded.map(|excluded| Best::new(k.min(self.items), excluded)).collect();
        for (first, panel) in (0..self.items).step_by(PANEL).zip(self.values.chunks_exact(PANEL * dimension)) {
            // Lanes beyond the last item hold nothing.
            let valid = u64::MAX >> (u64::BITS as usize - PANEL.min(self.items - first));
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
