//! Each row's positive against negatives of the row's own, and candidates that all rows meet, by a [`Criterion`]. In a softmax
//! a score is `user · item / temperature + shift`; over pairs it is `user · item / temperature`, and `exp(shift)` is the weight of the
//! negative. In-batch, sampled and full softmax differ in what the candidates are and in their shifts:
//! minus the log of how often an item is expected among them (Yi et al.: "Sampling-Bias-Corrected Neural Modeling for Large
//! Corpus Item Recommendations", RecSys 2019), or 0 for the whole corpus.
//!
//! A tile of users meets all candidates at once. Unit vectors bound the score, so one fixed shift replaces the maximum
//! of each row; vectors of any length do not, so each row's maximum is taken off first. The division by the row's sum is done on the vectors, which are narrower than the tile.

mod row;
#[cfg(test)]
mod tests;

use super::criterion::Criterion;
use crate::config::Score;
use crate::kernel::{Buffer, LANES, dot, for_every_level, transpose};
use crate::layer::embedding::with_width;
use crate::layer::product::{Matrix, multiply, multiply_into};
use crate::team::Team;
use row::{lower, pairs_row, pull_rows, softmax_row};

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
    /// `[rows · group, dimension]`: the positive of a row, then `group - 1` negatives of its own.
    pub(crate) items: &'a [f32],
    /// Added to the score of each item; negative infinity leaves it out.
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

/// Rows that one thread takes one after another.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// `[tile, candidates]`, likewise.
    scores: Buffer,
    /// `[tile, dimension]`.
    scaled_users: Buffer,
    /// `[tile, group]`: exponentials of the items' scores, or slopes.
    own: Vec<f32>,
    /// `weight / (temperature · sum)` of each row of the tile; over pairs, the sum is that of the weights.
    factors: Vec<f32>,
    hidden: Vec<u32>,
    /// `[candidates, dimension]`: what this group adds to the gradient of the candidates that move.
    gradients: Buffer,
    /// Do they hold what some rows added?
    is_begun: bool,
    /// Rows of the tile that have not added theirs yet.
    held: usize,
    loss: f64,
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
                crate::kernel::add_to(target, &group.gradients[start..start + target.len()]);
            }
        });
        self.groups.iter().map(|group| group.loss).sum()
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

impl Group {
    fn begin(&mut self, batch: &Batch<'_>, moving: usize) {
        let tile = tile(batch.candidate_shifts.len());
        self.scores.resize(tile * stride(batch.candidate_shifts.len()));
        self.scaled_users.resize(tile * batch.dimension);
        self.own.resize(tile * batch.group(), 0.0);
        self.factors.resize(tile, 0.0);
        self.gradients.resize(moving * batch.dimension);
        (self.is_begun, self.held, self.loss) = (false, 0, 0.0);
    }

    /// Adds the losses of some rows, `weight · loss` each, and writes their gradients; after the last ones, [`Group::end`] is due.
    pub(crate) fn pass(&mut self, prepared: Prepared<'_>, rows: Rows<'_>) {
        let (width, own) = (prepared.batch.dimension, prepared.batch.group() * prepared.batch.dimension);
        let candidates = prepared.batch.candidate_shifts.len();
        let (tile, band) = (tile(candidates), band(candidates));
        let Rows { mut first, mut users, mut user_gradients, mut item_gradients } = rows;
        while !users.is_empty() {
            let count = (users.len() / width).min(tile - self.held).min(band);
            let rows = Rows {
                first,
                users: users.split_off(..count * width).expect("so many are left"),
                user_gradients: user_gradients.split_off_mut(..count * width).expect("a user has a gradient"),
                item_gradients: item_gradients.split_off_mut(..count * own).expect("a user has so many items"),
            };
            self.rows(prepared, rows);
            first += count;
            self.held += count;
            if self.held == tile {
                self.end(prepared);
            }
        }
    }

    /// Adds what the held rows mean for the candidates: for many at once, since each time all gradients are read and written.
    pub(crate) fn end(&mut self, prepared: Prepared<'_>) {
        let (columns, dimension) = (prepared.batch.candidate_shifts.len(), prepared.batch.dimension);
        let scores = Matrix::new(&self.scores, self.held, stride(columns));
        let moving = scores.columns(0, self.gradients.len() / dimension);
        let scaled = Matrix::new(&self.scaled_users, self.held, dimension);
        multiply(&mut self.gradients, moving.transposed(), scaled, self.is_begun);
        (self.is_begun, self.held) = (true, 0);
    }

    /// Losses, and gradients of users and of their own items, of rows that the tile has room for.
    fn rows(&mut self, prepared: Prepared<'_>, mut rows: Rows<'_>) {
        let (batch, Rows { first, users, user_gradients, .. }) = (prepared.batch, &mut rows);
        let (columns, dimension) = (batch.candidate_shifts.len(), batch.dimension);
        let (count, stride) = (users.len() / dimension, stride(columns));
        let transposed = Matrix::new(prepared.transposed, dimension, stride).columns(0, columns);
        let scores = &mut self.scores[self.held * stride..];
        multiply_into((scores, stride), Matrix::new(users, count, dimension), transposed, false);
        for (number, user) in users.chunks_exact(dimension).enumerate() {
            self.row(prepared, (*first + number, self.held + number), user);
        }
        let scores = Matrix::new(&self.scores, self.held + count, stride).rows(self.held, count).columns(0, columns);
        multiply(user_gradients, scores, Matrix::new(batch.candidates, columns, dimension), false);
        self.finish_rows(batch, rows);
    }

    /// Divides what the candidates gave to the users by the sums, adds what the rows' own items give and get, and keeps the
    /// users for [`Group::end`].
    fn finish_rows(&mut self, batch: &Batch<'_>, rows: Rows<'_>) {
        let (dimension, group, pull) = (batch.dimension, batch.group(), batch.criterion.pull());
        let (count, held) = (rows.users.len() / dimension, self.held);
        let factors = &self.factors[held..held + count];
        let slopes = &mut self.own[held * group..(held + count) * group];
        for (number, (slopes, factor)) in slopes.chunks_exact_mut(group).zip(factors).enumerate() {
            slopes.iter_mut().for_each(|exponential| *exponential *= factor);
            slopes[0] -= batch.weights[rows.first + number] * (pull / batch.criterion.temperature());
        }
        let items = &batch.items[rows.first * group * dimension..];
        let scaled = &mut self.scaled_users[held * dimension..];
        let (read, written) = ((rows.users, items), (rows.user_gradients, rows.item_gradients, scaled));
        with_width!(dimension, pull_rows, (read, (slopes, factors), written, dimension));
    }

    /// Exponentials or slopes, and the loss, of row `row` of the batch, which is row `local` of the tile.
    fn row(&mut self, prepared: Prepared<'_>, (row, local): (usize, usize), user: &[f32]) {
        let batch = prepared.batch;
        let (columns, dimension, group) = (batch.candidate_shifts.len(), batch.dimension, batch.group());
        let scores = &mut self.scores[local * stride(columns)..][..columns];
        self.hidden.clear();
        (batch.hidden)(row, &mut self.hidden);
        self.hidden.iter().for_each(|&candidate| scores[candidate as usize] = f32::NEG_INFINITY);
        let own = &mut self.own[local * group..][..group];
        let items = batch.items[row * group * dimension..].chunks_exact(dimension);
        let temperature = batch.criterion.temperature();
        own.iter_mut().zip(items).for_each(|(score, item)| *score = dot(user, item) / temperature);
        let (loss, sum) = match batch.criterion {
            Criterion::Softmax { smoothing, .. } => {
                let shifts = &batch.item_shifts[row * group..][..group];
                own.iter_mut().zip(shifts).for_each(|(score, shift)| *score += shift + prepared.fixed);
                if batch.score.bound().is_none() {
                    lower(own, scores, prepared.candidate_shifts);
                }
                softmax_row(smoothing, (own, shifts), (scores, prepared.candidate_shifts), &self.hidden)
            }
            Criterion::Bpr { .. } | Criterion::Hinge { .. } | Criterion::Contrastive { .. } => {
                let weights = &prepared.item_weights[row * group..][..group];
                pairs_row(batch.criterion, (own, weights), (scores, prepared.candidate_shifts))
            }
        };
        self.loss += f64::from(batch.weights[row]) * loss;
        let factor = batch.criterion.factor() * batch.weights[row] / temperature;
        self.factors[local] = if sum > 0.0 { factor / sum } else { 0.0 };
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
