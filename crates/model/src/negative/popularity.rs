//! Popular items come more often, as a power of their count, with a uniform floor under all of them.
//!
//! `q(item) = (1 - floor) · count^alpha / Σ count^alpha + floor / corpus`. An alpha below 1 flattens the counts (Mikolov
//! et al.: "Distributed Representations of Words and Phrases and their Compositionality", NIPS 2013, took 0.75); the floor
//! lets cold items appear. A draw costs two random numbers, by an alias table (Walker: "An Efficient Method for
//! Generating Discrete Random Variables with General Distributions", TOMS 1977; in the form of Vose, 1991).

use super::{NegativeSampler, Positive};
use twinspire_core::rng::Rng;

/// Draws by a power of popularity.
#[derive(Debug, Clone, PartialEq)]
pub struct Popularity {
    probability: Vec<f64>,
    /// (share of the column that is its own item's, whose the rest is), one an item.
    alias: Vec<(f64, u32)>,
}

impl Popularity {
    /// `counts` are the training positives of each item of the corpus, at least one item; `uniform_floor` is in `[0, 1]`.
    /// Where all counts are 0, all items are equally likely.
    pub fn new(counts: &[u64], alpha: f64, uniform_floor: f64) -> Self {
        let power = |count: &u64| if *count == 0 { 0.0 } else { (*count as f64).powf(alpha) };
        let total: f64 = counts.iter().map(power).sum();
        let floor = if total > 0.0 { uniform_floor } else { 1.0 };
        let flat = floor / counts.len() as f64;
        let share = |count: &u64| if total > 0.0 { (1.0 - floor) * power(count) / total } else { 0.0 };
        let probability: Vec<f64> = counts.iter().map(|count| share(count) + flat).collect();
        Self { alias: alias_table(&probability), probability }
    }
}

/// Columns of equal height: what is too low is filled up by what is too high.
fn alias_table(probability: &[f64]) -> Vec<(f64, u32)> {
    let mut height: Vec<f64> = probability.iter().map(|share| share * probability.len() as f64).collect();
    let mut columns: Vec<(f64, u32)> = (0..probability.len() as u32).map(|item| (1.0, item)).collect();
    let (mut low, mut high): (Vec<usize>, Vec<usize>) = (0..height.len()).partition(|&item| height[item] < 1.0);
    while let (Some(&giver), Some(taker)) = (high.last(), low.pop()) {
        columns[taker] = (height[taker], giver as u32);
        height[giver] -= 1.0 - height[taker];
        if height[giver] < 1.0 {
            high.pop();
            low.push(giver);
        }
    }
    columns
}

impl NegativeSampler for Popularity {
    fn draw(&self, _positive: &Positive<'_>, rng: &mut Rng) -> Option<u32> {
        let column = rng.below(self.alias.len() as u32);
        let (own, other) = self.alias[column as usize];
        Some(if rng.unit() < own { column } else { other })
    }

    fn probability(&self, _positive: &Positive<'_>, item: u32) -> f64 {
        self.probability[item as usize]
    }
}
