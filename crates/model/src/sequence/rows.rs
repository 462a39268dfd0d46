//! What encoders that attend remember of the rows of a chunk. They give vectors to a row, not a state to a token: rows that
//! see the same tokens may compare them with different queries.

use super::Tokens;
use crate::kernel::{Buffer, add_scaled, dot};
use crate::layer::block::grow;
use std::ops::Range;

/// `vector` becomes the sum of the tokens `[tokens, width]` that a row sees, each times its weight.
pub(super) fn weigh(tokens: &[f32], seen: &Range<usize>, weights: &[f32], vector: &mut [f32]) {
    let width = vector.len();
    vector.fill(0.0);
    for (token, weight) in seen.clone().zip(weights) {
        add_scaled(vector, &tokens[token * width..][..width], *weight);
    }
}

/// From the gradient of the vector of [`weigh`], adds those of the tokens to `token_slopes`, and writes those of the weights to
/// `slopes`.
pub(super) fn weigh_backward(
    tokens: &[f32],
    (seen, weights): (&Range<usize>, &[f32]),
    slope: &[f32],
    (token_slopes, slopes): (&mut [f32], &mut [f32]),
) {
    let width = slope.len();
    for ((token, weight), of_weight) in seen.clone().zip(weights).zip(slopes) {
        let cells = token * width..(token + 1) * width;
        *of_weight = dot(slope, &tokens[cells.clone()]);
        add_scaled(&mut token_slopes[cells], slope, *weight);
    }
}

/// The rows of a chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowMemory {
    /// Tokens that each row sees, counted from the first one of the chunk.
    pub(crate) seen: Vec<Range<usize>>,
    /// What the towers know of the rows beside histories, `[rows, profile]`, where it is asked for; then its gradient.
    pub(crate) profile: Buffer,
    /// What the items are compared with, `[rows, width]`.
    pub(crate) queries: Buffer,
    /// Gradients of the queries.
    pub(crate) query_slopes: Buffer,
    /// What the encoder gives, `[rows, interests, width]`.
    pub(crate) vectors: Buffer,
    /// Gradients of the vectors.
    pub(crate) slopes: Buffer,
}

impl RowMemory {
    /// Takes the rows of these sequences, with their profiles; each gets `interests` vectors, as wide as tokens.
    pub(crate) fn read(
        &mut self,
        tokens: &Tokens,
        chunk: &Range<usize>,
        (interests, width): (usize, usize),
        profile: &[f32],
    ) {
        let start = tokens.range(chunk).start;
        self.seen.clear();
        tokens.for_each_row(chunk, |_, seen| self.seen.push(seen.start - start..seen.end - start));
        grow(&mut self.profile, profile.len());
        self.profile[..profile.len()].copy_from_slice(profile);
        let cells = self.seen.len() * width;
        [&mut self.queries, &mut self.query_slopes].into_iter().for_each(|buffer| grow(buffer, cells));
        [&mut self.vectors, &mut self.slopes].into_iter().for_each(|buffer| grow(buffer, interests * cells));
    }

    /// Pairs of a row and a token that it sees.
    pub(crate) fn pairs(&self) -> usize {
        self.seen.iter().map(Range::len).sum()
    }
}
