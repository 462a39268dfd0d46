//! Each row's positive against negatives of the row's own, and candidates that all rows meet, by a [`Criterion`]. In a softmax
//! a score is `user · item / temperature + shift`; over pairs it is `user · item / temperature`, and `exp(shift)` is the weight of the
//! negative. In-batch, sampled and full softmax differ in what the candidates are and in their shifts:
//! minus the log of how often an item is expected among them (Yi et al.: "Sampling-Bias-Corrected Neural Modeling for Large
//! Corpus Item Recommendations", RecSys 2019), or 0 for the whole corpus.
//!
//! The candidates are laid out once for a batch; then each thread takes its rows ([`group`]): a tile of users meets all candidates
//! at once, and each row's scores become exponentials or slopes ([`row`]). Unit vectors bound the score, so one fixed shift
//! replaces the maximum of each row; vectors of any length do not, so each row's maximum is taken off first. The division by the
//! row's sum is done on the vectors, which are narrower than the tile.

mod group;
mod row;
#[cfg(test)]
mod tests;

use super::criterion::Criterion;
use crate::config::Score;
use crate::kernel::{Buffer, LANES, for_every_level, transpose};
use crate::team::Team;
pub(crate) use group::Group;

/// Fewest users whose scores are held at once.
pub(crate) const TILE: usize = 32;

/// Most users, and most scores, of a tile of more.
const MOST: (usize, usize) = (128, 1 << 15);

/// Candidates whose gradients are summed at once.
const BLOCK: usize = 64;

/// Largest exponent. With a temperature of 0.02 the least one is then about -55, and no sum leaves the range of `f32`.
const TOP: f32 = 70.0;

/// Numbers between the starts of two rows of scores. Rows of a power of two of numbers would all fall into the same few
/// sets of the cache.
fn stride(candidates: usize) -> usize {
    candidates.next_multiple_of(LANES) + LANES
}

/// Users whose scores are held at once.
fn tile(candidates: usize) -> usize {
    (MOST.1 / stride(candidates)).clamp(TILE, MOST.0)
}

/// Scores that stay in the L1 cache of most CPUs, and the fewest users for whom it is worth it to take no more at once.
const BAND: (usize, usize) = (1 << 13, 12);

/// Users who go from scores to gradients at once: as many as the L1 cache has room for, or else all of a tile.
fn band(candidates: usize) -> usize {
    let users = BAND.0 / stride(candidates);
    if users < BAND.1 { tile(candidates) } else { users }
}

/// What the users of a batch meet: vectors, of length 1 each where the score is the cosine.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    /// `[items, dimension]`.
    pub(crate) items: &'a [f32],
    /// `[rows · group]`: which of the items are those of a row, the positive, then `group - 1` negatives of its own.
    pub(crate) places: &'a [u32],
    /// Added to the score of each of these; negative infinity leaves it out.
    pub(crate) item_shifts: &'a [f32],
    /// `[candidates, dimension]`: negatives of all rows.
    pub(crate) candidates: &'a [f32],
    /// Added to the score of each candidate.
    pub(crate) candidate_shifts: &'a [f32],
    /// Appends the candidates that are no negatives of a row, in any order.
    pub(crate) hidden: &'a (dyn Fn(usize, &mut Vec<u32>) + Sync),
    pub(crate) dimension: usize,
    pub(crate) score: Score,
    /// Weight of each row's loss.
    pub(crate) weights: &'a [f32],
    pub(crate) criterion: Criterion,
}

/// Some rows of a batch, which follow each other, and the gradients of the sum of losses; each has the shape of what it is
/// the gradient of.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) first: usize,
    /// `[rows, dimension]`.
    pub(crate) users: &'a [f32],
    pub(crate) user_gradients: &'a mut [f32],
    pub(crate) item_gradients: &'a mut [f32],
}

/// Memory of a pass, reused from step to step.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// `[dimension, candidates]`, divided by the temperature; rows follow each other after [`stride`] numbers.
    transposed: Buffer,
    /// Added to the scores, with the fixed shift; over pairs, the weights.
    candidate_shifts: Vec<f32>,
    /// Over pairs, the weights of the rows' own items.
    item_weights: Vec<f32>,
    groups: Vec<Group>,
}

/// What all groups read.
#[derive(Clone, Copy)]
pub(crate) struct Prepared<'a> {
    batch: &'a Batch<'a>,
    transposed: &'a [f32],
    candidate_shifts: &'a [f32],
    item_weights: &'a [f32],
    /// Added to every score; 0 where each row has a shift of its own.
    fixed: f32,
}

impl Batch<'_> {
    fn rows(&self) -> usize {
        self.weights.len()
    }

    /// Items of a row.
    fn group(&self) -> usize {
        self.item_shifts.len() / self.rows().max(1)
    }
}

impl Workspace {
    /// Lays a batch out for that many groups, the first `moving` of whose candidates have gradients; those behind are values
    /// that nothing moves.
    pub(crate) fn prepare<'w>(
        &'w mut self,
        batch: &'w Batch<'w>,
        (groups, moving): (usize, usize),
    ) -> (Prepared<'w>, &'w mut [Group]) {
        let fixed = self.lay_out(batch);
        self.groups.resize_with(groups, Group::default);
        self.groups.iter_mut().for_each(|group| group.begin(batch, moving));
        let Self { transposed, candidate_shifts, item_weights, groups } = self;
        (Prepared { batch, transposed, candidate_shifts, item_weights, fixed }, groups)
    }

    /// `Σ loss` over all groups, each of which had rows; writes the gradients of the candidates that move.
    pub(crate) fn finish(&self, gradients: &mut [f32], dimension: usize, team: &Team) -> f64 {
        let targets = gradients.chunks_mut(BLOCK * dimension).enumerate();
        team.each(targets, |_, (number, target)| {
            let start = number * BLOCK * dimension;
            target.fill(0.0);
            for group in &self.groups {
                crate::kernel::add_to(target, &group.gradients()[start..start + target.len()]);
            }
        });
        self.groups.iter().map(Group::loss).sum()
    }

    /// Lays the candidates out, and returns the fixed shift.
    fn lay_out(&mut self, batch: &Batch<'_>) -> f32 {
        let stride = stride(batch.candidate_shifts.len());
        self.transposed.resize(batch.dimension * stride);
        let inverse = 1.0 / batch.criterion.temperature();
        transpose_scaled(batch.candidates, (&mut self.transposed, stride), batch.dimension, inverse);
        self.candidate_shifts.clear();
        self.item_weights.clear();
        if batch.criterion.is_of_pairs() {
            self.candidate_shifts.extend(batch.candidate_shifts.iter().map(|shift| shift.exp()));
            self.item_weights.extend(batch.item_shifts.iter().map(|shift| shift.exp()));
            return 0.0;
        }
        let shifts = batch.candidate_shifts.iter().chain(batch.item_shifts);
        let highest = |bound: f32| bound * inverse + shifts.copied().fold(f32::NEG_INFINITY, f32::max);
        let fixed = batch.score.bound().map_or(0.0, |bound| TOP - highest(bound));
        self.candidate_shifts.extend(batch.candidate_shifts.iter().map(|shift| shift + fixed));
        fixed
    }
}

for_every_level! {
    /// `[rows, width]` to `[width, rows]`, times `factor`; a row of the target is followed by the next one after a stride.
    pub(crate) fn transpose_scaled(source: &[f32], target: (&mut [f32], usize), width: usize, factor: f32) {
        let (target, stride) = target;
        let rows = source.len() / width;
        transpose((source, width), (rows, width), (&mut *target, stride));
        for row in target.chunks_exact_mut(stride) {
            row[..rows].iter_mut().for_each(|value| *value *= factor);
        }
    }
}
