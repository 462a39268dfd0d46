//! Scaled dot-product attention with several heads (Vaswani et al.: "Attention Is All You Need", NeurIPS 2017) over packed
//! sequences, which are not padded: each is a few small products of its own.
//!
//! In: queries, keys and values of all tokens side by side, `[tokens, 3 · width]`. Out: `[tokens, width]`. The projections
//! before and after it are linear layers of the block.

use super::dropout::Dropout;
use super::product::{Matrix, multiply_into};
use crate::kernel::{Buffer, LANES, exp_lanes, for_every_register};
use std::ops::Range;

/// Most tokens that are multiplied at once where a token sees only those before it, so that most of what none of them sees
/// is left out. As many rows as a tile of a product has.
const BAND: usize = 12;

/// Shape of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attention {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    /// Does a token see only itself and those before it?
    pub(crate) causal: bool,
}

/// One head of one sequence.
#[derive(Clone, Copy)]
struct Head {
    /// First token.
    first: usize,
    tokens: usize,
    /// First column.
    column: usize,
    /// First cell of its probabilities `[tokens, stride]`.
    cells: usize,
    stride: usize,
}

/// Memory of a pass over one head.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeadMemory {
    /// Keys or values as columns, `[columns, stride]`.
    turned: Buffer,
    /// Probabilities after dropout, and their gradients, `[tokens, stride]`.
    dropped: Buffer,
    gradient: Buffer,
}

/// Rows of probabilities start at a cache line.
fn stride(tokens: usize) -> usize {
    tokens.next_multiple_of(LANES)
}

impl Attention {
    /// Probabilities of sequences with these ends.
    pub(crate) fn cells(&self, ends: &[usize]) -> usize {
        let lengths = ends.windows(2).map(|pair| pair[1] - pair[0]);
        lengths.map(|tokens| self.heads * tokens * stride(tokens)).sum()
    }

    /// Calls `visit` for every head of every sequence; `ends` start with that of the sequence before.
    fn for_each_head(&self, ends: &[usize], mut visit: impl FnMut(Head)) {
        let (mut cells, width) = (0, self.width / self.heads);
        for pair in ends.windows(2) {
            let (first, tokens) = (pair[0] - ends[0], pair[1] - pair[0]);
            for head in (0..self.heads).filter(|_| tokens > 0) {
                visit(Head { first, tokens, column: head * width, cells, stride: stride(tokens) });
                cells += tokens * stride(tokens);
            }
        }
    }

    /// Multiplies the products of queries and keys.
    pub(crate) fn scale(&self) -> f32 {
        1.0 / ((self.width / self.heads) as f32).sqrt()
    }

    /// One head's part of queries (0), keys (1) or values (2).
    fn part<'a>(&self, joined: &'a [f32], head: Head, which: usize) -> Matrix<'a> {
        let whole = Matrix::new(joined, head.first + head.tokens, 3 * self.width).rows(head.first, head.tokens);
        whole.columns(which * self.width + head.column, self.width / self.heads)
    }

    /// The bands of a head, each with the number of tokens that its last one sees.
    fn bands(&self, tokens: usize) -> impl Iterator<Item = (Range<usize>, usize)> + use<> {
        let causal = self.causal;
        let size = if causal { tokens.div_ceil(tokens.div_ceil(BAND)) } else { tokens };
        (0..tokens).step_by(size).map(move |start| {
            let end = (start + size).min(tokens);
            (start..end, if causal { end } else { tokens })
        })
    }

    /// Writes what each token attends to into `out`, and the probabilities, before dropout, into `probabilities`.
    pub(crate) fn forward(
        &self,
        joined: &[f32],
        (ends, dropout): (&[usize], Dropout),
        (probabilities, memory): (&mut [f32], &mut HeadMemory),
        out: &mut [f32],
    ) {
        self.for_each_head(ends, |head| {
            let Head { first, tokens, column, cells, stride } = head;
            let own = &mut probabilities[cells..cells + tokens * stride];
            let [queries, keys, values] = [0, 1, 2].map(|which| self.part(joined, head, which));
            self.against_all(own, head, (queries, keys), &mut memory.turned);
            softmax_rows(own, stride, (tokens, self.causal), self.scale());
            let weights = dropped(dropout, head, own, &mut memory.dropped);
            self.of_seen((&mut out[first * self.width + column..], self.width), weights, values);
        });
    }

    /// Writes the gradient of queries, keys and values from `d_out`, that of what [`Attention::forward`] gave.
    pub(crate) fn backward(
        &self,
        (joined, d_joined): (&[f32], &mut [f32]),
        (ends, dropout): (&[usize], Dropout),
        (probabilities, memory): (&[f32], &mut HeadMemory),
        d_out: &[f32],
    ) {
        let (width, columns) = (self.width, self.width / self.heads);
        self.for_each_head(ends, |head| {
            let Head { first, tokens, column, cells, stride } = head;
            let own = &probabilities[cells..cells + tokens * stride];
            let upstream = Matrix::new(d_out, first + tokens, width).rows(first, tokens).columns(column, columns);
            let [queries, keys, values] = [0, 1, 2].map(|which| self.part(joined, head, which));
            let place = |which: usize| first * 3 * width + which * width + column;
            let weights = dropped(dropout, head, own, &mut memory.dropped);
            self.of_those_who_see((&mut d_joined[place(2)..], 3 * width), weights, upstream);
            let gradient = &mut memory.gradient;
            gradient.resize(gradient.len().max(tokens * stride));
            let gradient = &mut gradient[..tokens * stride];
            self.against_all(gradient, head, (upstream, values), &mut memory.turned);
            dropout.apply(gradient, cells);
            softmax_rows_backward(own, stride, gradient, (self.scale(), self.causal));
            let gradient = Matrix::new(gradient, tokens, stride).columns(0, tokens);
            self.of_seen((&mut d_joined[place(0)..], 3 * width), gradient, keys);
            self.of_those_who_see((&mut d_joined[place(1)..], 3 * width), gradient, queries);
        });
    }

    /// Writes the products of each left row with the right rows that it sees, and perhaps with some others, into `cells`
    /// `[tokens, stride]`.
    fn against_all(&self, cells: &mut [f32], head: Head, (left, right): (Matrix<'_>, Matrix<'_>), turned: &mut Buffer) {
        let (stride, columns) = (head.stride, self.width / self.heads);
        turned.resize(turned.len().max(columns * stride));
        let right = right.turned(turned, stride);
        for (band, seen) in self.bands(head.tokens) {
            let target = &mut cells[band.start * stride..band.end * stride];
            let right = right.columns(0, seen.next_multiple_of(LANES));
            multiply_into((target, stride), left.rows(band.start, band.len()), right, false);
        }
    }

    /// Writes the sum of what each token sees, weighted.
    fn of_seen(&self, (target, stride): (&mut [f32], usize), weights: Matrix<'_>, values: Matrix<'_>) {
        for (band, seen) in self.bands(weights.row_count()) {
            let weights = weights.rows(band.start, band.len()).columns(0, seen);
            multiply_into((&mut target[band.start * stride..], stride), weights, values.rows(0, seen), false);
        }
    }

    /// Writes, for each token, the sum over those that see it, weighted.
    fn of_those_who_see(&self, (target, stride): (&mut [f32], usize), weights: Matrix<'_>, values: Matrix<'_>) {
        let tokens = weights.row_count();
        for (band, _) in self.bands(tokens) {
            let from = if self.causal { band.start } else { 0 };
            let weights = weights.rows(from, tokens - from).columns(band.start, band.len()).transposed();
            let values = values.rows(from, tokens - from);
            multiply_into((&mut target[band.start * stride..], stride), weights, values, false);
        }
    }
}

/// The probabilities of a head after dropout, in `memory` where anything is dropped.
fn dropped<'a>(dropout: Dropout, head: Head, own: &'a [f32], memory: &'a mut Buffer) -> Matrix<'a> {
    let mut probabilities = own;
    if dropout.drops() {
        memory.resize(memory.len().max(own.len()));
        memory[..own.len()].copy_from_slice(own);
        dropout.apply(&mut memory[..own.len()], head.cells);
        probabilities = memory;
    }
    Matrix::new(probabilities, head.tokens, head.stride).columns(0, head.tokens)
}

/// Added to sixteen scores: from number `LANES - n` on, nothing to the first `n`, and to the others what leaves nothing of them.
const UNSEEN: [f32; 2 * LANES] = {
    let mut added = [f32::NEG_INFINITY; 2 * LANES];
    let mut lane = 0;
    while lane < LANES {
        added[lane] = 0.0;
        lane += 1;
    }
    added
};

for_every_register! {
    /// `scores` `[tokens, stride]` become probabilities; what a token does not see becomes 0, as does the rest of a row.
    pub(crate) fn softmax_rows<L>(scores: &mut [f32], stride: usize, shape: (usize, bool), scale: f32) {
        let (tokens, causal) = shape;
        for (number, row) in scores.chunks_exact_mut(stride).enumerate() {
            let seen = if causal { number + 1 } else { tokens };
            let (seen_whole, rest) = row.split_at_mut((seen - 1) / LANES * LANES);
            let (last, unseen) = rest.split_at_mut(LANES);
            // SAFETY: the machine has the instructions.
            unsafe {
                let ends = L::load(last).add(L::load(&UNSEEN[LANES - (seen - seen_whole.len())..]));
                let mut tops = ends;
                for scores in seen_whole.chunks_exact(LANES) {
                    tops = L::load(scores).max(tops);
                }
                let (top, scale) = (L::splat(tops.largest()), L::splat(scale));
                let power = |score: L| exp_lanes(score.sub(top).mul(scale));
                let ends = power(ends);
                let mut sums = ends;
                for scores in seen_whole.chunks_exact_mut(LANES) {
                    let power = power(L::load(scores));
                    power.store(scores);
                    sums = sums.add(power);
                }
                let factor = L::splat(1.0 / sums.sum());
                for powers in seen_whole.chunks_exact_mut(LANES) {
                    L::load(powers).mul(factor).store(powers);
                }
                ends.mul(factor).store(last);
            }
            unseen.fill(0.0);
        }
    }

    /// Gradients of probabilities `[tokens, stride]` become those of the scores before they were scaled, as far as a token
    /// sees.
    pub(crate) fn softmax_rows_backward<L>(own: &[f32], stride: usize, gradient: &mut [f32], shape: (f32, bool)) {
        let (scale, causal) = shape;
        for (number, (own, gradient)) in own.chunks_exact(stride).zip(gradient.chunks_exact_mut(stride)).enumerate() {
            let seen = if causal { (number + 1).next_multiple_of(LANES) } else { stride };
            let (gradient, rest) = gradient.split_at_mut(seen);
            rest.fill(0.0);
            // SAFETY: the machine has the instructions.
            unsafe {
                let mut along = L::splat(0.0);
                for (own, slopes) in own.chunks_exact(LANES).zip(gradient.chunks_exact(LANES)) {
                    along = along.add_product(L::load(own), L::load(slopes));
                }
                let (along, scale) = (L::splat(along.sum()), L::splat(scale));
                for (own, slopes) in own.chunks_exact(LANES).zip(gradient.chunks_exact_mut(LANES)) {
                    let slope = L::load(slopes).sub(along);
                    L::load(own).mul(slope).mul(scale).store(slopes);
                }
            }
        }
    }
}
