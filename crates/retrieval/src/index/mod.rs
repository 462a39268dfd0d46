//! Nearest item vectors: [`build()`] makes an index, [`VectorIndex`] is what it answers.
//!
//! In: item vectors, then query vectors. Out: items by falling score. It neither encodes queries nor knows what a channel is.
//!
//! Reading order: `exact` (codes with bounds, and why the answer is exact), `ivf` (which cells are looked at), `fit`
//! (how their reach meets a recall), `choice` (which kind a corpus gets), `image` (the file), `live` (changes). What both kinds rest on:
//! `codes`, `kernel`, `survivors`.

mod about;
mod attributed;
pub mod bench;
mod build;
mod cells;
mod choice;
mod codes;
#[cfg(test)]
mod contract;
mod exact;
#[cfg(test)]
mod filtered;
mod fit;
mod image;
mod interests;
mod ivf;
mod kernel;
mod live;
mod stored;
mod survivors;
#[cfg(test)]
mod tests;

pub use about::{BuiltKind, CellsReport, CurvePoint, IndexReport};
pub use attributed::{Values, read_attributes};
pub use build::{IndexInput, build};
pub use exact::ExactIndex;
pub use interests::best_of_interests;
pub use ivf::IvfIndex;
pub use live::{Change, LiveIndex, LiveItem, LiveState};
pub use stored::StoredIndex;

use crate::error::{Result, RetrievalError};
use crate::scan::ScanQueries;
use crate::set::ItemSet;
use twinspire_core::query::Scored;

/// Largest value of a vector, in absolute value: beyond it sums of products leave the range of f32.
const LARGEST_VALUE: f32 = 1e15;

/// An index over item vectors. What an implementation promises is in `contract`, which all of them run.
pub trait VectorIndex: Send + Sync {
    /// At most `k` items for each query, in [`Scored::order`], each once, none of them excluded, all of them `allowed`
    /// (without it: every item is). Queries have the index's dimension and are finite.
    fn search(&self, queries: ScanQueries<'_>, k: usize, allowed: Option<&ItemSet>) -> Vec<Vec<Scored>>;
    /// Number of items, those that were deleted too: every item is below it.
    fn len(&self) -> usize;
    /// True without items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// True when `search` returns exactly the best `k`; only such an index judges.
    fn is_exact(&self) -> bool;
}

/// The gate that every vector passes before it is indexed.
fn check_vectors(name: &str, vectors: &[f32], dimension: usize) -> Result<()> {
    assert!(dimension > 0 && vectors.len().is_multiple_of(dimension), "whole vectors");
    let is_sound = |value: &f32| value.abs() <= LARGEST_VALUE;
    match vectors.iter().position(|value| !is_sound(value)) {
        None => Ok(()),
        Some(position) => {
            let (row, value) = (position / dimension, vectors[position]);
            let reason = format!("value {value} in row {row} is not a finite number up to {LARGEST_VALUE:e}");
            Err(RetrievalError::invalid(name, reason))
        }
    }
}
