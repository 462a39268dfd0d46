//! Scaled dot-product attention with several heads (Vaswani et al.: "Attention Is All You Need", NeurIPS 2017) over packed
//! sequences, which are not padded: each is a few small products of its own.
//!
//! In: queries, keys and values of all tokens side by side, `[tokens, 3 · width]`. Out: `[tokens, width]`. The projections
//! before and after it are linear layers of the block.

use super::dropout::Dropout;
use super::product::{Matrix, multiply_into};
use crate::kernel::{Buffer, exp, for_every_level};

const LANES: usize = 16;

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

/// Memory of a pass over one head: probabilities after dropout, and their gradients, `[tokens, stride]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeadMemory {
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

    fn scale(&self) -> f32 {
        1.0 / ((self.width / self.heads) as f32).sqrt()
    }

    /// One head's part of queries (0), keys (1) or values (2).
    fn part<'a>(&self, joined: &'a [f32], head: Head, which: usize) -> Matrix<'a> {
        let whole = Matrix::new(joined, head.first + head.tokens, 3 * self.width).rows(head.first, head.tokens);
        whole.columns(which * self.width + head.column, self.width / self.heads)
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
            let (queries, keys, values) =
                (self.part(joined, head, 0), self.part(joined, head, 1), self.part(joined, head, 2));
            multiply_into((own, stride), queries, keys.transposed(), false);
            softmax_rows(own, stride, (tokens, self.causal), self.scale());
            let weights = dropped(dropout, head, own, &mut memory.dropped);
            multiply_into((&mut out[first * self.width + column..], self.width), weights, values, false);
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
            let mut target = |which: usize, left: Matrix<'_>, right: Matrix<'_>| {
                let cells = &mut d_joined[first * 3 * width + which * width + column..];
                multiply_into((cells, 3 * width), left, right, false);
            };
            target(2, dropped(dropout, head, own, &mut memory.dropped).transposed(), upstream);
            let gradient = &mut memory.gradient;
            gradient.resize(gradient.len().max(tokens * stride));
            multiply_into((gradient, stride), upstream, self.part(joined, head, 2).transposed(), false);
            let gradient = &mut gradient[..tokens * stride];
            dropout.apply(gradient, cells);
            softmax_rows_backward(own, stride, gradient, self.scale());
            let gradient = Matrix::new(gradient, tokens, stride).columns(0, tokens);
            target(0, gradient, self.part(joined, head, 1));
            target(1, gradient.transposed(), self.part(joined, head, 0));
        });
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

for_every_level! {
    /// `scores` `[tokens, stride]` become probabilities; what a token does not see becomes 0, as does the rest of a row.
    pub(crate) fn softmax_rows(scores: &mut [f32], stride: usize, shape: (usize, bool), scale: f32) {
        let (tokens, causal) = shape;
        for (number, row) in scores.chunks_exact_mut(stride).enumerate() {
            let seen = if causal { number + 1 } else { tokens };
            let (row, rest) = row.split_at_mut(seen.next_multiple_of(LANES));
            rest.fill(0.0);
            row[seen..].fill(f32::NEG_INFINITY);
            let (blocks, _) = row.as_chunks_mut::<LANES>();
            let (mut tops, mut sums) = ([f32::NEG_INFINITY; LANES], [0.0f32; LANES]);
            for block in &*blocks {
                for lane in 0..LANES {
                    tops[lane] = if block[lane] > tops[lane] { block[lane] } else { tops[lane] };
                }
            }
            let top = tops.iter().fold(f32::NEG_INFINITY, |top, lane| top.max(*lane));
            for block in &mut *blocks {
                for lane in 0..LANES {
                    block[lane] = exp((block[lane] - top) * scale);
                    sums[lane] += block[lane];
                }
            }
            let factor = 1.0 / sums.iter().sum::<f32>();
            blocks.iter_mut().flatten().for_each(|value| *value *= factor);
        }
    }

    /// Gradients of probabilities `[tokens, stride]` become those of the scores before they were scaled.
    pub(crate) fn softmax_rows_backward(probabilities: &[f32], stride: usize, gradient: &mut [f32], scale: f32) {
        for (own, gradient) in probabilities.chunks_exact(stride).zip(gradient.chunks_exact_mut(stride)) {
            let ((own, _), (gradient, _)) = (own.as_chunks::<LANES>(), gradient.as_chunks_mut::<LANES>());
            let mut lanes = [0.0f32; LANES];
            for (own, gradient) in own.iter().zip(&*gradient) {
                for lane in 0..LANES {
                    lanes[lane] += own[lane] * gradient[lane];
                }
            }
            let along = lanes.iter().sum::<f32>();
            for (own, gradient) in own.iter().zip(gradient) {
                for lane in 0..LANES {
                    gradient[lane] = own[lane] * (gradient[lane] - along) * scale;
                }
            }
        }
    }
}
