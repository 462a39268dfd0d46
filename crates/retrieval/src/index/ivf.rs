//! Only cells that may hold some of the best are looked at.
//!
//! In: an [`Image`] with cells. Out: [`IvfIndex`]. It answers exactly the best of the items it looks at.
//!
//! # Which cells
//! A cell with centroid c (the mean of its members) and spread ρ (root of their mean squared distance) has the priority
//! `c·y + reach·ρ·‖y‖`: the mean score of its members and how far above it some of them may lie. Cells are seen in falling
//! priority (raised by what coding the centroid may cost), until the priority is below the score that the `k`-th best is sure to reach. So a query in a dense region stops
//! after a few cells and one between regions sees many: at the same recall this looks at half as many items as a fixed number
//! of cells. `reach` is the one number that is fitted (in [`super::fit`]); large enough, it sees every cell.

use super::VectorIndex;
use super::codes::CodedQuery;
use super::exact::CodedSearch;
use super::image::Image;
use super::kernel::{self, LANES};
use super::survivors::kth_best;
use crate::rows::leave_out;
use crate::scan::ScanQueries;
use crate::set::ItemSet;
use rayon::prelude::*;
use twinspire_core::query::Scored;

/// Items in the cells that are seen before the priority of a cell is compared, for each wanted one.
const AT_FIRST: usize = 2;

/// Looks at the cells that matter.
#[derive(Debug)]
pub struct IvfIndex {
    image: Image,
    reach: f32,
    largest_error: f32,
}

/// What a search found, and what it took.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probed {
    /// The best, in order.
    pub found: Vec<Scored>,
    /// Blocks that were looked at.
    pub blocks: usize,
}

impl IvfIndex {
    /// The index of an image that has cells.
    pub(super) fn new(image: Image, reach: f32) -> Self {
        let largest_error = image.codes().largest_error();
        Self { image, reach, largest_error }
    }

    /// The image back.
    pub(super) fn into_image(self) -> Image {
        self.image
    }

    /// The image.
    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    /// Length of a vector.
    pub(super) fn dimension(&self) -> usize {
        self.image.sizes().dimension
    }

    /// The best `wanted` of one query, with the given reach.
    pub(super) fn probe(&self, query: &[f32], (wanted, allowed): (usize, Option<&ItemSet>), reach: f32) -> Probed {
        let wanted = wanted.min(self.len());
        if wanted == 0 {
            return Probed { found: Vec::new(), blocks: 0 };
        }
        let coded = CodedQuery::new(query);
        let priorities = self.priorities(&coded, reach);
        let mut search = CodedSearch::new(&coded, self.image.rows(), (wanted, allowed, self.largest_error));
        let bar = self.first_bar(&priorities, self.spread_out(wanted, allowed));
        let mut blocks = 0;
        for cell in in_falling_order(&priorities, bar, f32::INFINITY) {
            blocks += self.see(cell, &mut search);
        }
        search.raise_threshold();
        for cell in in_falling_order(&priorities, search.threshold(), bar) {
            if priorities[cell as usize] < search.threshold() {
                break;
            }
            blocks += self.see(cell, &mut search);
        }
        Probed { found: search.finish(query), blocks }
    }

    /// Items among which `wanted` allowed ones are expected, were they spread evenly.
    fn spread_out(&self, wanted: usize, allowed: Option<&ItemSet>) -> usize {
        let Some(allowed) = allowed else { return wanted };
        (wanted as f64 * self.len() as f64 / allowed.count().max(1) as f64).ceil().min(self.len() as f64) as usize
    }

    /// The priority of the last cell that is seen whatever the threshold.
    fn first_bar(&self, priorities: &[f32], wanted: usize) -> f32 {
        let cells = (AT_FIRST * wanted * priorities.len()).div_ceil(self.len());
        kth_best(priorities, cells.clamp(1, priorities.len()))
    }

    /// Is the cell seen by every search for the best `wanted` of the query, whatever is found?
    pub(super) fn sees_at_first(&self, cell: u32, query: &[f32], (wanted, reach): (usize, f32)) -> bool {
        let priorities = self.priorities(&CodedQuery::new(query), reach);
        priorities[cell as usize] >= self.first_bar(&priorities, wanted)
    }

    /// One priority a cell, in units of the query's step.
    fn priorities(&self, query: &CodedQuery, reach: f32) -> Vec<f32> {
        let centroids = self.image.centroids();
        let mut priorities = vec![0.0; centroids.scales.len()];
        kernel::scores(kernel::levels()[0], centroids, query, &mut priorities);
        priorities.truncate(self.image.sizes().cells);
        let blocks = priorities.chunks_mut(LANES).zip(self.image.spreads().chunks(LANES)).zip(centroids.errors);
        for ((priorities, spreads), error) in blocks {
            for (priority, spread) in priorities.iter_mut().zip(spreads) {
                *priority += (reach * spread + error) * query.per_error();
            }
        }
        priorities
    }

    /// Looks at one cell; the number of its blocks.
    fn see(&self, cell: u32, search: &mut CodedSearch<'_>) -> usize {
        let (cell, blocks, rows) = (cell as usize, self.image.cell_blocks(), self.image.cell_rows());
        let (from, to) = (blocks[cell] as usize, blocks[cell + 1] as usize);
        search.see(self.image.codes().slice(from, to), rows[cell]);
        to - from
    }
}

/// Cells of a priority from `from` up to but not including `to`.
fn in_falling_order(priorities: &[f32], from: f32, to: f32) -> impl Iterator<Item = u32> {
    let is_in = |priority: f32| priority >= from && priority < to;
    let mut cells: Vec<(f32, u32)> = Vec::new();
    cells.extend(priorities.iter().copied().zip(0..).filter(|&(priority, _)| is_in(priority)));
    cells.sort_unstable_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(&right.1)));
    cells.into_iter().map(|(_, cell)| cell)
}

impl VectorIndex for IvfIndex {
    fn search(&self, queries: ScanQueries<'_>, k: usize, allowed: Option<&ItemSet>) -> Vec<Vec<Scored>> {
        let one = |(query, excluded): (&[f32], &&[u32])| {
            leave_out(self.probe(query, (k + excluded.len(), allowed), self.reach).found, excluded, k)
        };
        match queries.excluded {
            [excluded] => vec![one((queries.vectors, excluded))],
            _ => queries.vectors.par_chunks_exact(self.dimension()).zip(queries.excluded).map(one).collect(),
        }
    }

    fn len(&self) -> usize {
        self.image.sizes().items
    }

    fn is_exact(&self) -> bool {
        false
    }
}
