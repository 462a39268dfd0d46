//! Every item is looked at, at a quarter of the memory traffic, and the answer is still exactly the best `k` by score.
//!
//! In: item vectors. Out: [`ExactIndex`]. A query alone goes over int8 codes and scores (`rows`, in f64) what may be among
//! the best; many queries at once are a matrix product ([`crate::scan`]). Both give the same items and the same bits.
//!
//! # Why the answer is exact
//! An item x is coded as x' = s·c with whole c in -127…127 and one scale s a vector; a query y as y' = t·p with whole p. The
//! integer product c·p is exact. Writing r = x - x' and e = y - y':
//!
//! ```text
//! x·y - x'·y' = r·y + x'·e          so   |x·y - s·t·(c·p)| <= ‖r‖·‖y‖ + (‖x‖ + ‖r‖)·‖e‖
//! ```
//!
//! by the inequality of Cauchy and Schwarz. Each coordinate of e is at most t/2 (a little more with rounding), and t is
//! max|y| over the largest word, so ‖e‖ is at most a known multiple of ‖y‖ that depends on the dimension only. The few f32
//! operations that make a bound are off by at most 1e-6 of ‖x‖·‖y‖, far more than the f64 score is. All of this is summed into one number for a query of length 1, of which a block keeps the largest of its 16
//! vectors ([`super::codes`]); times ‖y‖ it is E.
//!
//! So every item has the bounds s·t·(c·p) ± E of its score. Let T be at most the `k`-th best lower bound: `k` items
//! score at least T. An item whose upper bound is below T scores less than `k` others and cannot be among the best `k`,
//! whatever the order among equal scores; all others survive. At the end the items whose *lower* bound reaches T (at
//! least `k`) are scored; the least of these scores, L, is reached by `k` items, so of the rest only those
//! whose upper bound reaches L are scored too. Whoever was not scored is below L or below T, and the best `k` of the scored
//! are the best `k` of all. Ties are safe since both comparisons let equality pass.

use super::VectorIndex;
use super::codes::{CodeBlocks, CodedQuery};
use super::image::Image;
use super::kernel::{self, LANES};
use super::survivors::Survivors;
use crate::rows::{Rows, best, leave_out};
use crate::scan::{ItemBlocks, Panels, ScanQueries};
use crate::set::ItemSet;
use rayon::prelude::*;
use std::sync::OnceLock;
use twinspire_core::query::Scored;

/// Blocks that are scanned before the threshold is looked at again.
const CHUNK: usize = 64;
/// Queries from which on a matrix product is faster.
const BATCH: usize = 16;

/// Looks at every item.
#[derive(Debug)]
pub struct ExactIndex {
    image: Image,
    largest_error: f32,
    /// The layout of the matrix product, made when the first batch comes.
    batch: OnceLock<Panels>,
}

impl ExactIndex {
    /// The index of an image without cells.
    pub(super) fn of_image(image: Image) -> Self {
        let largest_error = image.codes().largest_error();
        Self { image, largest_error, batch: OnceLock::new() }
    }

    /// The image.
    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    /// The image back.
    pub(super) fn into_image(self) -> Image {
        self.image
    }

    /// The best `wanted` of one query.
    fn search_one(&self, query: &[f32], (wanted, allowed): (usize, Option<&ItemSet>)) -> Vec<Scored> {
        let wanted = wanted.min(self.len());
        if wanted == 0 {
            return Vec::new();
        }
        let (coded, blocks) = (CodedQuery::new(query), self.image.codes());
        let mut search = CodedSearch::new(&coded, self.image.rows(), (wanted, allowed, self.largest_error));
        for from in (0..blocks.errors.len()).step_by(CHUNK) {
            let to = (from + CHUNK).min(blocks.errors.len());
            search.see(blocks.slice(from, to), (from * LANES) as u32);
        }
        search.finish(query)
    }
}

impl VectorIndex for ExactIndex {
    fn search(&self, queries: ScanQueries<'_>, k: usize, allowed: Option<&ItemSet>) -> Vec<Vec<Scored>> {
        if queries.excluded.len() >= BATCH {
            let rows = self.image.rows();
            let panels = self.batch.get_or_init(|| Panels::new(rows.values, rows.dimension));
            return ItemBlocks::of(rows.values, panels).top_k_among(queries, k, allowed);
        }
        let one = |(query, excluded): (&[f32], &&[u32])| {
            let found = self.search_one(query, (k + excluded.len(), allowed));
            leave_out(found, excluded, k)
        };
        match queries.excluded {
            [excluded] => vec![one((queries.vectors, excluded))],
            _ => {
                queries.vectors.par_chunks_exact(self.image.sizes().dimension).zip(queries.excluded).map(one).collect()
            }
        }
    }

    fn len(&self) -> usize {
        self.image.sizes().items
    }

    fn is_exact(&self) -> bool {
        true
    }
}

/// One query on its way over blocks of coded vectors: what both kinds of index do with a block, and at the end.
pub(super) struct CodedSearch<'a> {
    query: &'a CodedQuery,
    rows: Rows<'a>,
    allowed: Option<&'a ItemSet>,
    wanted: usize,
    found: Survivors,
}

impl<'a> CodedSearch<'a> {
    /// Nothing seen yet; `wanted` is above 0, `largest_error` is that of all blocks.
    pub fn new(
        query: &'a CodedQuery,
        rows: Rows<'a>,
        (wanted, allowed, largest_error): (usize, Option<&'a ItemSet>, f32),
    ) -> Self {
        let spread = (2.0 * largest_error * query.per_error()).next_up();
        Self { query, rows, allowed, wanted, found: Survivors::new(wanted, spread) }
    }

    /// Sees some blocks, whose first vector has the row `first`.
    pub fn see(&mut self, blocks: CodeBlocks<'_>, first: u32) {
        let before = self.found.len();
        kernel::collect(kernel::levels()[0], blocks, self.query, first, &mut self.found);
        if let Some(allowed) = self.allowed {
            self.found.retain(before, |_, row| allowed.contains(self.rows.item(row)));
        }
        self.found.cut_when_long();
    }

    /// What the upper bound of a vector must reach, in units of the query's step.
    pub fn threshold(&self) -> f32 {
        self.found.threshold()
    }

    /// Raises the threshold as far as all that was seen allows.
    pub fn raise_threshold(&mut self) {
        self.found.cut();
    }

    /// The best of all that was seen.
    pub fn finish(self, query: &[f32]) -> Vec<Scored> {
        let step = self.query.step();
        let (sure, open) = self.found.finish();
        let mut scored = Vec::with_capacity(sure.len() + open.len());
        self.rows.score(&sure, query, &mut scored);
        let score = |scored: &Scored| if scored.score.is_finite() { scored.score } else { f64::NEG_INFINITY };
        let least = scored.iter().map(score).fold(f64::INFINITY, f64::min);
        let reaches = |upper: f32| f64::from(upper) * step >= least;
        let open: Vec<u32> = open.into_iter().filter(|&(upper, _)| reaches(upper)).map(|(_, row)| row).collect();
        self.rows.score(&open, query, &mut scored);
        best(scored, self.wanted)
    }
}
