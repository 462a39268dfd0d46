//! Exact top-K: every item is scored by its dot product with the query.
//!
//! In: item vectors once ([`ItemBlocks`]), then batches of query vectors. Out: the best `k` items of each query in the
//! one order of candidates ([`Scored::order`]), excluded items left out. It approximates nothing.
//!
//! A score does not depend on the batch it was computed in: whatever the number of queries in a product, each score is
//! summed over the dimensions in the same order, so a single query gets the same bits as 30,000. A product with one
//! column would take another way through `gemm`, so a query alone is padded to two.

mod best;
#[cfg(test)]
mod tests;

use best::Best;
use rayon::prelude::*;
use twinspire_core::query::Scored;

/// Items of a block. Together with the scores of a tile it stays in the L2 cache.
const BLOCK: usize = 1024;
/// Most queries of one product.
const TILE: usize = 8;
/// Fewest queries of one product; divides [`TILE`].
const FEWEST: usize = 2;
/// Queries of one unit of work: how often a block is used while it is in the cache.
const GROUP: usize = 64;

/// Item vectors, in blocks in which the numbers of one dimension lie side by side: `[blocks, dimension, BLOCK]`.
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
        let mut values = vec![0.0; items.div_ceil(BLOCK) * BLOCK * dimension];
        for (block, rows) in values.chunks_exact_mut(BLOCK * dimension).zip(vectors.chunks(BLOCK * dimension)) {
            for (position, row) in rows.chunks_exact(dimension).enumerate() {
                for (number, &value) in row.iter().enumerate() {
                    block[number * BLOCK + position] = value;
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
        let groups = vectors.zip(queries.excluded.par_chunks(GROUP));
        groups.flat_map_iter(|(vectors, excluded)| self.top_k_of_group(vectors, excluded, k)).collect()
    }

    fn top_k_of_group(&self, vectors: &[f32], excluded: &[&[u32]], k: usize) -> Vec<Vec<Scored>> {
        let mut padded = vectors.to_vec();
        padded.resize(excluded.len().next_multiple_of(FEWEST) * self.dimension, 0.0);
        let mut best: Vec<Best<'_>> = excluded.iter().map(|excluded| Best::new(k.min(self.items), excluded)).collect();
        let mut scores = vec![0.0; TILE * BLOCK];
        for (number, block) in self.values.chunks_exact(BLOCK * self.dimension).enumerate() {
            let first = number * BLOCK;
            let items = BLOCK.min(self.items - first);
            for (tile, best) in padded.chunks(TILE * self.dimension).zip(best.chunks_mut(TILE)) {
                self.multiply(block, tile, &mut scores);
                for (scores, best) in scores.chunks_exact_mut(BLOCK).zip(best) {
                    best.offer(first as u32, &mut scores[..items]);
                }
            }
        }
        best.into_iter().map(Best::finish).collect()
    }

    /// `scores[query, item] = tile[query] · block[item]` for [`FEWEST`] to [`TILE`] queries and [`BLOCK`] items.
    fn multiply(&self, block: &[f32], tile: &[f32], scores: &mut [f32]) {
        let (rows, columns, depth) = (BLOCK, tile.len() / self.dimension, self.dimension);
        assert!(block.len() == rows * depth && tile.len() == columns * depth && scores.len() >= rows * columns);
        // SAFETY: the three slices reach as far as the strides do, as asserted, and `scores` overlaps neither.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                depth,
                scores.as_mut_ptr(),
                rows as isize,
                1,
                false,
                block.as_ptr(),
                rows as isize,
                1,
                tile.as_ptr(),
                depth as isize,
                1,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
    }
}
