//! Where negatives come from.
//!
//! In: a positive and a random stream. Out: items of the corpus, with the probability that a sampler gives them. Which
//! samplers are mixed, how often each draws and whose bias is corrected is a `Mix`'s business. Mined negatives come
//! from files, never from an index.

mod attribute;
mod census;
mod earlier;
mod exclude;
mod in_batch;
mod listed;
mod mix;
mod popularity;
#[cfg(test)]
mod tests;
mod uniform;

pub use attribute::SameAttribute;
pub use census::{Census, census};
pub use in_batch::InBatch;
pub use listed::Listed;
pub use popularity::Popularity;
pub use uniform::Uniform;

pub(crate) use earlier::Earlier;
pub(crate) use mix::{Draw, Drawn, Met, Mix};

use twinspire_core::rng::Rng;

/// What a negative is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positive<'a> {
    /// Row of the corpus.
    pub item: u32,
    /// Row of the history table, or MISSING.
    pub user: u32,
    /// Time of the event, microseconds UTC.
    pub time: i64,
    /// Items of all rows of the batch.
    pub batch: &'a [u32],
}

/// Draws negatives.
pub trait NegativeSampler: Sync + Send {
    /// The next negative for a positive; `None` where the sampler has none for it, whatever the stream.
    fn draw(&self, positive: &Positive<'_>, rng: &mut Rng) -> Option<u32>;
    /// Sampling probability of an item in one draw for this positive: what logQ corrects. It sums to 1 over the corpus,
    /// or is 0 everywhere for a positive that has no negatives.
    fn probability(&self, positive: &Positive<'_>, item: u32) -> f64;
}
