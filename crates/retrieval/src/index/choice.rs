//! Which kind of index a corpus gets. In: sizes. Out: the kind, and why. It never looks at a clock: costs come from a table
//! that lies here, so the same corpus gets the same index on every machine with the same instruction set.

use super::about::BuiltKind;
use super::kernel::{Level, levels};
use crate::config::IndexKind;

/// Cells are taken only where they answer this much faster: an exact answer is worth something.
const WORTH_IT: f64 = 2.0;
/// Cells of a corpus: this times the root of its items.
const CELLS: f64 = 6.5;

/// Nanoseconds of the steps of a search. Those of VNNI are within a factor of two of what `twinspire bench index` measures
/// on a Zen 4 core; the others follow from the number of instructions that take their place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Costs {
    /// One dimension of one coded vector.
    dimension: f64,
    /// One dimension of a wanted item: its selection, its f32 score and its place in the list.
    wanted: f64,
    /// One dimension of an f32 vector that lies anywhere.
    scattered: f64,
}

impl Costs {
    fn of(level: Level) -> Self {
        match level {
            Level::Portable => Self { dimension: 0.4, wanted: 2.0, scattered: 1.0 },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Self { dimension: 0.06, wanted: 1.5, scattered: 0.3 },
            #[cfg(target_arch = "x86_64")]
            Level::Vnni => Self { dimension: 0.018, wanted: 1.5, scattered: 0.3 },
        }
    }

    /// Microseconds of a search that looks at `vectors` of `dimension` for `k` items.
    fn microseconds(&self, vectors: f64, dimension: usize, k: usize) -> f64 {
        (vectors * self.dimension + k as f64 * self.wanted) * dimension as f64 / 1e3
    }
}

/// What is built, and why.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub kind: BuiltKind,
    pub reason: String,
}

/// Number of cells for a corpus.
pub(super) fn cells_of(items: usize) -> usize {
    ((CELLS * (items as f64).sqrt()) as usize).clamp(1, items.div_ceil(16).max(1))
}

/// Vectors that a search with cells looks at: the centroids, and what the wanted ones are found among.
fn looked_at(items: usize, k: usize) -> f64 {
    cells_of(items) as f64 + ((items as f64 * k as f64).sqrt() + 2.0 * k as f64).min(items as f64)
}

/// Microseconds of a query by the table.
pub(super) fn predicted(kind: BuiltKind, items: usize, dimension: usize, k: usize) -> f64 {
    let vectors = match kind {
        BuiltKind::Exact => items as f64,
        BuiltKind::Ivf => looked_at(items, k),
    };
    Costs::of(levels()[0]).microseconds(vectors, dimension, k.min(items))
}

/// Is it cheaper to score each of the `matching` items that a filter leaves of `items` than to search among all for `k` of
/// them? A search must look at about `k · items / matching` items, since it cannot know where the matching ones lie.
pub(super) fn scores_each(matching: usize, (kind, items, dimension): (BuiltKind, usize, usize), k: usize) -> bool {
    let costs = Costs::of(levels()[0]);
    let each = matching as f64 * costs.scattered * dimension as f64 / 1e3;
    let spread_out = (k as f64 * items as f64 / matching.max(1) as f64).ceil() as usize;
    let vectors = match kind {
        BuiltKind::Exact => items as f64,
        BuiltKind::Ivf => looked_at(items, spread_out.min(items)),
    };
    matching <= k || each <= costs.microseconds(vectors, dimension, 0)
}

/// Chooses for a corpus of `items` vectors of `dimension` and lists of `k`.
pub(super) fn choose(kind: IndexKind, items: usize, dimension: usize, k: usize) -> Choice {
    let of = |kind| predicted(kind, items, dimension, k);
    let (exact, with_cells) = (of(BuiltKind::Exact), of(BuiltKind::Ivf));
    let take = |kind, reason| Choice { kind, reason };
    match kind {
        IndexKind::Exact => take(BuiltKind::Exact, "as `index.kind` says".to_owned()),
        IndexKind::Ivf if items > 0 => take(BuiltKind::Ivf, "as `index.kind` says".to_owned()),
        IndexKind::Ivf => take(BuiltKind::Exact, "there are no items to split into cells".to_owned()),
        IndexKind::Auto if k >= items => {
            take(BuiltKind::Exact, format!("auto: lists of {k} hold every one of {items} items"))
        }
        IndexKind::Auto => {
            let figures = format!("by the cost table {exact:.0} µs a query exactly, {with_cells:.0} µs with cells");
            let (kind, reason) = match exact < WORTH_IT * with_cells {
                true => (BuiltKind::Exact, "cells would not be twice as fast"),
                false => (BuiltKind::Ivf, "cells are at least twice as fast"),
            };
            take(kind, format!("auto: {figures}; {reason}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_corpora_are_scanned_and_large_ones_are_split() {
        let auto = |items, k| choose(IndexKind::Auto, items, 64, k).kind;
        assert_eq!([auto(0, 10), auto(400, 500), auto(3000, 500)], [BuiltKind::Exact; 3]);
        assert_eq!([auto(1_000_000, 100), auto(1_000_000, 1000)], [BuiltKind::Ivf; 2]);
        let why = choose(IndexKind::Auto, 400, 64, 500).reason;
        assert_eq!(why, "auto: lists of 500 hold every one of 400 items");
        assert_eq!(choose(IndexKind::Ivf, 0, 64, 5).kind, BuiltKind::Exact);
        assert_eq!(choose(IndexKind::Ivf, 40, 64, 5).kind, BuiltKind::Ivf);
        assert_eq!(choose(IndexKind::Exact, 10_000_000, 64, 5).kind, BuiltKind::Exact);
    }

    #[test]
    fn there_are_never_more_cells_than_blocks() {
        assert_eq!([0, 1, 17, 100, 10_000].map(cells_of), [1, 1, 2, 7, 625]);
        assert_eq!(cells_of(1_000_000), 6500);
    }
}
