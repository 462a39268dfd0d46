//! In-batch softmax: every row's item against the items of all rows, `cosine / temperature`, with the sampling bias of
//! the batch corrected (Yi et al.: "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations",
//! RecSys 2019) and other rows that hold the same item left out.
//!
//! A tile of users meets the whole batch at once. Unit vectors bound the score, so one fixed shift replaces the maximum
//! of each row; the division by the row's sum is done on the vectors, which are narrower than the tile.

#[cfg(test)]
mod tests;

use super::LossSum;
use crate::kernel::{Buffer, exp, for_every_level};
use crate::layer::product::{Matrix, multiply};
use rayon::prelude::*;

/// Users whose scores are held at once.
const TILE: usize = 32;

/// Users of a group, which has its own sum of item gradients; more users make larger groups, not more.
const GROUP_ROWS: usize = 256;

/// Most groups; the grid depends on the batch only.
const MAX_GROUPS: usize = 16;

/// Largest exponent. With a temperature of 0.02 the least one is then about -55, and no sum leaves the range of `f32`.
const TOP: f32 = 70.0;

/// A batch of unit vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    /// `[rows, dimension]`.
    pub(crate) users: &'a [f32],
    /// `[rows, dimension]`; row `r` is the positive of user `r`.
    pub(crate) items: &'a [f32],
    pub(crate) dimension: usize,
    /// Weight of each row's loss.
    pub(crate) weights: &'a [f32],
    /// Corpus row of each item; rows of the same item are left out of each other's sum. Empty: all rows count.
    pub(crate) same_item: &'a [u32],
    /// Log of each item's sampling probability. Empty: no correction.
    pub(crate) log_probability: &'a [f32],
    pub(crate) temperature: f32,
}

/// Memory of a pass, reused from step to step.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// `[dimension, rows]`: items, divided by the temperature.
    transposed: Buffer,
    /// Added to the scores of each item.
    shifts: Vec<f32>,
    /// (item, row), ascending: rows of one item are neighbours.
    by_item: Vec<(u32, u32)>,
    groups: Vec<Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// `[TILE, rows]`.
    scores: Buffer,
    /// `[TILE, dimension]`.
    scaled_users: Buffer,
    /// Per user of the tile.
    sums: Vec<f32>,
    /// `[rows, dimension]`: what this group adds to the gradient of the items.
    item_gradients: Buffer,
    loss: f64,
}

impl Workspace {
    /// `Σ weight · loss`, and the gradients of that sum, `[rows, dimension]` each.
    pub(crate) fn pass(
        &mut self,
        batch: &Batch<'_>,
        user_gradients: &mut [f32],
        item_gradients: &mut [f32],
    ) -> LossSum {
        let rows = batch.weights.len();
        self.prepare(batch);
        let group_rows = group_rows(rows);
        self.groups.resize_with(self.groups.len().max(rows.div_ceil(group_rows)), Group::default);
        let groups = &mut self.groups[..rows.div_ceil(group_rows)];
        let shared = Shared { batch, transposed: &self.transposed, shifts: &self.shifts, by_item: &self.by_item };
        let parts = groups.par_iter_mut().zip(user_gradients.par_chunks_mut(group_rows * batch.dimension));
        parts.enumerate().for_each(|(number, (group, gradients))| group.pass(&shared, number * group_rows, gradients));
        let groups = &*groups;
        item_gradients.par_chunks_mut(GROUP_ROWS * batch.dimension).enumerate().for_each(|(number, target)| {
            let start = number * GROUP_ROWS * batch.dimension;
            target.fill(0.0);
            for group in groups {
                crate::kernel::add_to(target, &group.item_gradients[start..start + target.len()]);
            }
        });
        let weight = batch.weights.iter().map(|&weight| f64::from(weight)).sum();
        LossSum { loss: groups.iter().map(|group| group.loss).sum(), weight }
    }

    fn prepare(&mut self, batch: &Batch<'_>) {
        let (rows, dimension) = (batch.weights.len(), batch.dimension);
        self.transposed.resize(rows * dimension);
        let inverse = 1.0 / batch.temperature;
        transpose_scaled(batch.items, &mut self.transposed, dimension, inverse);
        self.shifts.clear();
        self.shifts.extend(batch.log_probability.iter().map(|log| -log));
        self.shifts.resize(rows, 0.0);
        let bound = inverse + self.shifts.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        self.shifts.iter_mut().for_each(|shift| *shift += TOP - bound);
        self.by_item.clear();
        self.by_item.extend(batch.same_item.iter().zip(0..).map(|(&item, row)| (item, row)));
        self.by_item.sort_unstable();
    }
}

fn group_rows(rows: usize) -> usize {
    GROUP_ROWS.max(rows.div_ceil(MAX_GROUPS).next_multiple_of(TILE))
}

/// What all groups read.
struct Shared<'a> {
    batch: &'a Batch<'a>,
    transposed: &'a [f32],
    shifts: &'a [f32],
    by_item: &'a [(u32, u32)],
}

impl Shared<'_> {
    /// Calls `hide` for the other rows that hold the item of row `row`.
    fn for_accidental_hits(&self, row: usize, mut hide: impl FnMut(usize)) {
        let Some(&item) = self.batch.same_item.get(row) else { return };
        let start = self.by_item.partition_point(|&(other, _)| other < item);
        for &(_, other) in self.by_item[start..].iter().take_while(|(other, _)| *other == item) {
            if other as usize != row {
                hide(other as usize);
            }
        }
    }
}

impl Group {
    /// Users from row `first` on, as many as `user_gradients` has.
    fn pass(&mut self, shared: &Shared<'_>, first: usize, user_gradients: &mut [f32]) {
        let (rows, dimension) = (shared.batch.weights.len(), shared.batch.dimension);
        self.scores.resize(TILE * rows);
        self.scaled_users.resize(TILE * dimension);
        self.sums.resize(TILE, 0.0);
        self.item_gradients.resize(rows * dimension);
        self.loss = 0.0;
        for (tile, gradients) in user_gradients.chunks_mut(TILE * dimension).enumerate() {
            self.tile(shared, first + tile * TILE, gradients, tile > 0);
        }
    }

    fn tile(&mut self, shared: &Shared<'_>, first: usize, user_gradients: &mut [f32], add: bool) {
        let batch = shared.batch;
        let (rows, dimension) = (batch.weights.len(), batch.dimension);
        let count = user_gradients.len() / dimension;
        let users = &batch.users[first * dimension..][..count * dimension];
        let inverse = 1.0 / batch.temperature;
        let transposed = Matrix::new(shared.transposed, dimension, rows);
        multiply(&mut self.scores, Matrix::new(users, count, dimension), transposed, false);
        for (local, scores) in self.scores.chunks_exact_mut(rows).take(count).enumerate() {
            let row = first + local;
            let positive = scores[row] + shared.shifts[row];
            shared.for_accidental_hits(row, |other| scores[other] = f32::NEG_INFINITY);
            let sum = exponentials(scores, shared.shifts);
            self.loss += f64::from(batch.weights[row]) * (f64::from(sum).ln() - f64::from(positive));
            self.sums[local] = batch.weights[row] * inverse / sum;
        }
        let scores = Matrix::new(&self.scores, count, rows);
        multiply(user_gradients, scores, Matrix::new(batch.items, rows, dimension), false);
        for local in 0..count {
            let cells = local * dimension..(local + 1) * dimension;
            let scaled = &mut self.scaled_users[cells.clone()];
            let own = inverse * batch.weights[first + local];
            let positive = &batch.items[(first + local) * dimension..][..dimension];
            finish_user(&mut user_gradients[cells.clone()], positive, self.sums[local], own);
            scaled.iter_mut().zip(&users[cells]).for_each(|(scaled, user)| *scaled = user * self.sums[local]);
        }
        let scaled = Matrix::new(&self.scaled_users, count, dimension);
        multiply(&mut self.item_gradients, scores.transposed(), scaled, add);
        let own_items = &mut self.item_gradients[first * dimension..][..count * dimension];
        let weights = &batch.weights[first..first + count];
        for ((gradient, user), weight) in
            own_items.chunks_exact_mut(dimension).zip(users.chunks_exact(dimension)).zip(weights)
        {
            crate::kernel::add_scaled(gradient, user, -inverse * weight);
        }
    }
}

/// `gradient = gradient · factor - own · positive`.
fn finish_user(gradient: &mut [f32], positive: &[f32], factor: f32, own: f32) {
    for (value, positive) in gradient.iter_mut().zip(positive) {
        *value = *value * factor - own * positive;
    }
}

for_every_level! {
    /// `scores` become `exp(score + shift)`; returns their sum.
    pub(crate) fn exponentials(scores: &mut [f32], shifts: &[f32]) -> f32 {
        const LANES: usize = 16;
        let mut lanes = [0.0f32; LANES];
        let (mut blocks, shift_blocks) = (scores.chunks_exact_mut(LANES), shifts.chunks_exact(LANES));
        let rest_shifts = shift_blocks.remainder();
        for (block, shifts) in (&mut blocks).zip(shift_blocks) {
            for lane in 0..LANES {
                block[lane] = exp(block[lane] + shifts[lane]);
                lanes[lane] += block[lane];
            }
        }
        let mut sum: f32 = lanes.iter().sum();
        for (score, shift) in blocks.into_remainder().iter_mut().zip(rest_shifts) {
            *score = exp(*score + shift);
            sum += *score;
        }
        sum
    }

    /// `[rows, width]` to `[width, rows]`, times `factor`.
    pub(crate) fn transpose_scaled(source: &[f32], target: &mut [f32], width: usize, factor: f32) {
        let rows = source.len() / width;
        for (column, target) in target.chunks_exact_mut(rows.max(1)).enumerate() {
            for (value, row) in target.iter_mut().zip(source.chunks_exact(width)) {
                *value = row[column] * factor;
            }
        }
    }
}
