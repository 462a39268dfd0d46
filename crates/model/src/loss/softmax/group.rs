//! Rows that one thread takes one after another: a band of them from scores to gradients, while the scores stay in the L1 cache,
//! and what a tile of bands means for the candidates at once.

use super::row::{
    ShiftedRow, exponentials, log_losses, lower, own_powers, own_scores, pairs_row, pull_rows, smooth_row,
};
use super::{Batch, Prepared, Rows, band, stride, tile};
use crate::kernel::Buffer;
use crate::layer::embedding::with_width;
use crate::layer::product::{Matrix, multiply, multiply_into};
use crate::loss::criterion::Criterion;
use std::ops::Range;

/// Rows that one thread takes one after another.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// `[tile, candidates]`; rows follow each other after [`stride`] numbers.
    scores: Buffer,
    /// `[tile, dimension]`.
    scaled_users: Buffer,
    /// `[tile, group]`: exponentials of the items' scores, or slopes.
    own: Buffer,
    /// Of each row of the tile: the sum of its exponentials, and what is taken off the logarithm of that; over pairs, the sum of
    /// the weights, and the loss.
    sums: Vec<f32>,
    losses: Vec<f64>,
    /// `weight / (temperature · sum)`.
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

impl Group {
    /// Starts anew, for candidates of which the first `moving` have gradients.
    pub(super) fn begin(&mut self, batch: &Batch<'_>, moving: usize) {
        let tile = tile(batch.candidate_shifts.len());
        self.scores.resize(tile * stride(batch.candidate_shifts.len()));
        self.scaled_users.resize(tile * batch.dimension);
        self.own.resize(tile * batch.group());
        self.sums.resize(tile, 0.0);
        self.losses.resize(tile, 0.0);
        self.factors.resize(tile, 0.0);
        self.gradients.resize(moving * batch.dimension);
        (self.is_begun, self.held, self.loss) = (false, 0, 0.0);
    }

    /// `Σ loss` of its rows.
    pub(super) fn loss(&self) -> f64 {
        self.loss
    }

    /// What its rows add to the gradient of the candidates that move, `[candidates, dimension]`.
    pub(super) fn gradients(&self) -> &[f32] {
        &self.gradients
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
        let (columns, dimension, group) = (batch.candidate_shifts.len(), batch.dimension, batch.group());
        let (count, stride) = (users.len() / dimension, stride(columns));
        let transposed = Matrix::new(prepared.transposed, dimension, stride).columns(0, columns);
        let scores = &mut self.scores[self.held * stride..];
        multiply_into((scores, stride), Matrix::new(users, count, dimension), transposed, false);
        let own = &mut self.own[self.held * group..(self.held + count) * group];
        let items = (batch.items, &batch.places[*first * group..]);
        with_width!(dimension, own_scores, (users, items, own, (dimension, batch.criterion.temperature())));
        match batch.criterion {
            Criterion::Softmax { smoothing, .. } => self.softmax_rows(prepared, *first..*first + count, smoothing),
            Criterion::Bpr { .. } | Criterion::Hinge { .. } | Criterion::Contrastive { .. } => {
                self.pairs_rows(prepared, *first..*first + count);
            }
        }
        let scores = Matrix::new(&self.scores, self.held + count, stride).rows(self.held, count).columns(0, columns);
        multiply(user_gradients, scores, Matrix::new(batch.candidates, columns, dimension), false);
        self.finish_rows(batch, rows);
    }

    /// Scores become exponentials; their sums and losses are kept.
    fn softmax_rows(&mut self, prepared: Prepared<'_>, rows: Range<usize>, smoothing: f32) {
        let (batch, held) = (prepared.batch, self.held);
        let group = batch.group();
        let all = held * group..(held + rows.len()) * group;
        let shifts = &batch.item_shifts[rows.start * group..rows.end * group];
        self.own[all.clone()].iter_mut().zip(shifts).for_each(|(score, shift)| *score += shift + prepared.fixed);
        for (local, row) in (held..).zip(rows.clone()) {
            let scores = hide(&mut self.scores, (batch, row, local), &mut self.hidden);
            let own = &mut self.own[local * group..][..group];
            if batch.score.bound().is_none() {
                lower(own, scores, prepared.candidate_shifts);
            }
            (self.sums[local], self.losses[local]) = if smoothing > 0.0 {
                let own = ShiftedRow { scores: own, shifts: &shifts[(row - rows.start) * group..][..group] };
                let met = ShiftedRow { scores, shifts: prepared.candidate_shifts };
                smooth_row(smoothing, own, met, &self.hidden)
            } else {
                (exponentials(scores, prepared.candidate_shifts), f64::from(own[0]))
            };
        }
        let own = held..held + rows.len();
        if smoothing == 0.0 {
            own_powers(&mut self.own[all], &mut self.sums[own.clone()]);
        }
        self.loss += log_losses(&self.sums[own.clone()], &self.losses[own], &batch.weights[rows]);
    }

    /// Scores become slopes; their sums are kept.
    fn pairs_rows(&mut self, prepared: Prepared<'_>, rows: Range<usize>) {
        let batch = prepared.batch;
        let group = batch.group();
        for (local, row) in (self.held..).zip(rows) {
            let scores = hide(&mut self.scores, (batch, row, local), &mut self.hidden);
            let own = (&mut self.own[local * group..][..group], &prepared.item_weights[row * group..][..group]);
            let (sum, loss) = pairs_row(batch.criterion, own, (scores, prepared.candidate_shifts));
            self.sums[local] = sum;
            self.loss += f64::from(batch.weights[row]) * loss;
        }
    }

    /// Divides what the candidates gave to the users by the sums, adds what the rows' own items give and get, and keeps the
    /// users for [`Group::end`].
    fn finish_rows(&mut self, batch: &Batch<'_>, rows: Rows<'_>) {
        let (dimension, group, pull) = (batch.dimension, batch.group(), batch.criterion.pull());
        let (count, held) = (rows.users.len() / dimension, self.held);
        let (weights, temperature) = (&batch.weights[rows.first..rows.first + count], batch.criterion.temperature());
        let (sums, factors) = (&self.sums[held..held + count], &mut self.factors[held..held + count]);
        for (factor, (sum, weight)) in factors.iter_mut().zip(sums.iter().zip(weights)) {
            *factor = if *sum > 0.0 { batch.criterion.factor() * weight / temperature / sum } else { 0.0 };
        }
        let slopes = &mut self.own[held * group..(held + count) * group];
        for ((slopes, factor), weight) in slopes.chunks_exact_mut(group).zip(&*factors).zip(weights) {
            slopes.iter_mut().for_each(|exponential| *exponential *= factor);
            slopes[0] -= weight * (pull / temperature);
        }
        let read = (rows.users, (batch.items, &batch.places[rows.first * group..]));
        let scaled = &mut self.scaled_users[held * dimension..];
        let written = (rows.user_gradients, rows.item_gradients, scaled);
        with_width!(dimension, pull_rows, (read, (slopes, factors), written, dimension));
    }
}

/// Scores of a row of the batch, which is row `local` of the tile, without those that it must not meet.
fn hide<'s>(
    scores: &'s mut [f32],
    (batch, row, local): (&Batch<'_>, usize, usize),
    hidden: &mut Vec<u32>,
) -> &'s mut [f32] {
    let columns = batch.candidate_shifts.len();
    let scores = &mut scores[local * stride(columns)..][..columns];
    hidden.clear();
    (batch.hidden)(row, hidden);
    hidden.iter().for_each(|&candidate| scores[candidate as usize] = f32::NEG_INFINITY);
    scores
}
