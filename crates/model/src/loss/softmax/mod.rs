//! Each row's positive against negatives of the row's own, and candidates that all rows meet, by a [`Criterion`]. In a softmax
//! a score is `user · item / temperature + shift`; over pairs it is `user · item / temperature`, and `exp(shift)` is the weight of the
//! negative. In-batch, sampled and full softmax differ in what the candidates are and in their shifts:
//! minus the log of how often an item is expected among them (Yi et al.: "Sampling-Bias-Corrected Neural Modeling for Large
//! Corpus Item Recommendations", RecSys 2019), or 0 for the whole corpus.
//!
//! A tile of users meets all candidates at once. Unit vectors bound the score, so one fixed shift replaces the maximum
//! of each row; vectors of any length do not, so each row's maximum is taken off first. The division by the row's sum is done on the vectors, which are narrower than the tile.

#[cfg(test)]
mod tests;

use super::criterion::{Criterion, pair_slopes};
use crate::config::Score;
use crate::kernel::{Buffer, LANES, add_scaled, dot, exp, exp_lanes, for_every_level, for_every_register, transpose};
use crate::layer::product::{Matrix, multiply, multiply_into};
use crate::team::Team;

/// Fewest users whose scores are held at once.
pub(crate) const TILE: usize = 32;

/// Most users, and most scores, of a tile of more.
const MOST: (usize, usize) = (128, 1 << 15);

/// Candidates whose gradients are summed at once.
const BLOCK: usize = 256;

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
    /// Rows of a tile.
    tile: usize,
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
        self.tile = tile(batch.candidate_shifts.len());
        self.scores.resize(self.tile * stride(batch.candidate_shifts.len()));
        self.scaled_users.resize(self.tile * batch.dimension);
        self.own.resize(self.tile * batch.group(), 0.0);
        self.factors.resize(self.tile, 0.0);
        self.gradients.resize(moving * batch.dimension);
        (self.is_begun, self.held, self.loss) = (false, 0, 0.0);
    }

    /// Adds the losses of some rows, `weight · loss` each, and writes their gradients; after the last ones, [`Group::end`] is due.
    pub(crate) fn pass(&mut self, prepared: Prepared<'_>, rows: Rows<'_>) {
        let (width, own) = (prepared.batch.dimension, prepared.batch.group() * prepared.batch.dimension);
        let Rows { mut first, mut users, mut user_gradients, mut item_gradients } = rows;
        while !users.is_empty() {
            let count = (users.len() / width).min(self.tile - self.held);
            let (Some(users), Some(user_gradients), Some(item_gradients)) = (
                users.split_off(..count * width),
                user_gradients.split_off_mut(..count * width),
                item_gradients.split_off_mut(..count * own),
            ) else {
                return;
            };
            self.rows(prepared, Rows { first, users, user_gradients, item_gradients });
            first += count;
            self.held += count;
            if self.held == self.tile {
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
        let scaled = self.scaled_users[self.held * dimension..].chunks_exact_mut(dimension);
        for ((scaled, user), factor) in scaled.zip(users.chunks_exact(dimension)).zip(&self.factors[self.held..]) {
            scaled.iter_mut().zip(user).for_each(|(scaled, user)| *scaled = user * factor);
        }
        self.finish_rows(batch, rows);
    }

    /// Divides what the candidates gave to the users by the sums, and adds what the rows' own items give and get.
    fn finish_rows(&self, batch: &Batch<'_>, rows: Rows<'_>) {
        let (dimension, group, first) = (batch.dimension, batch.group(), rows.first);
        let users = rows.users.chunks_exact(dimension);
        let items = batch.items[first * group * dimension..].chunks_exact(group * dimension);
        let item_gradients = rows.item_gradients.chunks_exact_mut(group * dimension);
        let gradients = rows.user_gradients.chunks_exact_mut(dimension).zip(item_gradients);
        let rows = users.zip(items).zip(gradients).enumerate();
        for (number, ((user, items), (user_gradient, item_gradients))) in rows {
            let (pull, local) = (batch.criterion.pull() / batch.criterion.temperature(), self.held + number);
            let (factor, own) = (self.factors[local], batch.weights[first + number] * pull);
            user_gradient.iter_mut().for_each(|value| *value *= factor);
            let items = items.chunks_exact(dimension).zip(item_gradients.chunks_exact_mut(dimension));
            for (number, ((item, gradient), exponential)) in items.zip(&self.own[local * group..]).enumerate() {
                let slope = factor * exponential - if number == 0 { own } else { 0.0 };
                add_scaled(user_gradient, item, slope);
                gradient.iter_mut().zip(user).for_each(|(gradient, user)| *gradient = slope * user);
            }
        }
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

/// Takes the highest score of a row off all of them, so that no exponential leaves the range of `f32`; `shifts` are those of
/// `scores`.
fn lower(own: &mut [f32], scores: &mut [f32], shifts: &[f32]) {
    let top = own.iter().copied().fold(highest(scores, shifts), f32::max);
    own.iter_mut().chain(scores).for_each(|score| *score -= top);
}

/// Scores of a row, its own items' and the candidates', become exponentials; returns the loss and their sum.
fn softmax_row(
    smoothing: f32,
    (own, own_shifts): (&mut [f32], &[f32]),
    (scores, shifts): (&mut [f32], &[f32]),
    hidden: &[u32],
) -> (f64, f32) {
    let (positive, is_smooth) = (f64::from(own[0]), smoothing > 0.0);
    let met = if is_smooth { [total(own, None), total(scores, Some(shifts))] } else { Default::default() };
    own.iter_mut().for_each(|score| *score = exp(*score));
    let sum = exponentials(scores, shifts) + own.iter().sum::<f32>();
    let all = f64::from(sum).ln();
    if !is_smooth {
        return (all - positive, sum);
    }
    let (count, smoothing) = (met[0].1 + met[1].1, f64::from(smoothing));
    let level = (smoothing * f64::from(sum) / count as f64) as f32;
    let lower = |score: &mut f32, shift: f32| *score -= if shift > f32::NEG_INFINITY { level } else { 0.0 };
    own.iter_mut().zip(own_shifts).for_each(|(score, shift)| lower(score, *shift));
    scores.iter_mut().zip(shifts).for_each(|(score, shift)| lower(score, *shift));
    hidden.iter().for_each(|&candidate| scores[candidate as usize] = 0.0);
    let mean = (met[0].0 + met[1].0) / count as f64;
    (all - (1.0 - smoothing) * positive - smoothing * mean, sum)
}

/// Sum and number of the scores that are not negative infinity once they are shifted.
fn total(scores: &[f32], shifts: Option<&[f32]>) -> (f64, usize) {
    let shifts = shifts.into_iter().flatten().copied().chain(std::iter::repeat(0.0));
    let shifted = scores.iter().zip(shifts).map(|(score, shift)| score + shift);
    shifted
        .filter(|score| *score > f32::NEG_INFINITY)
        .fold((0.0, 0), |(sum, count), score| (sum + f64::from(score), count + 1))
}

/// Scores of a row become slopes of the sum over its negatives; returns the loss and the sum of their weights.
fn pairs_row(
    criterion: Criterion,
    (own, own_weights): (&mut [f32], &[f32]),
    (scores, weights): (&mut [f32], &[f32]),
) -> (f64, f32) {
    let positive = own[0];
    let of_own = pair_slopes(&mut own[1..], &own_weights[1..], criterion, positive);
    let of_all = pair_slopes(scores, weights, criterion, positive);
    let [loss, slope, weight] = [0, 1, 2].map(|at| of_own[at] + of_all[at]);
    let mean = if weight > 0.0 { f64::from(criterion.factor()) * f64::from(loss) / f64::from(weight) } else { 0.0 };
    match criterion {
        Criterion::Contrastive { .. } => {
            own[0] = 0.0;
            (mean + 1.0 - f64::from(positive), weight)
        }
        Criterion::Softmax { .. } | Criterion::Bpr { .. } | Criterion::Hinge { .. } => {
            own[0] = -slope;
            (mean, weight)
        }
    }
}

for_every_level! {
    /// The highest of `score + shift`; negative infinity without any.
    pub(crate) fn highest(scores: &[f32], shifts: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for (scores, shifts) in scores.chunks(LANES).zip(shifts.chunks(LANES)) {
            for (highest, (score, shift)) in lanes.iter_mut().zip(scores.iter().zip(shifts)) {
                let shifted = score + shift;
                *highest = if shifted > *highest { shifted } else { *highest };
            }
        }
        lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

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

for_every_register! {
    /// `scores` become `exp(score + shift)`; returns their sum.
    pub(crate) fn exponentials<L>(scores: &mut [f32], shifts: &[f32]) -> f32 {
        let (mut blocks, shift_blocks) = (scores.chunks_exact_mut(LANES), shifts.chunks_exact(LANES));
        let rest_shifts = shift_blocks.remainder();
        // SAFETY: the machine has the instructions.
        let mut sum = unsafe {
            let mut sums = L::splat(0.0);
            for (block, shifts) in (&mut blocks).zip(shift_blocks) {
                let powers = exp_lanes(L::load(block).add(L::load(shifts)));
                powers.store(block);
                sums = sums.add(powers);
            }
            sums.sum()
        };
        for (score, shift) in blocks.into_remainder().iter_mut().zip(rest_shifts) {
            *score = exp(*score + shift);
            sum += *score;
        }
        sum
    }
}
