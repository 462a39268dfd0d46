//! Several interests of a user from one history: the self-attentive extraction of ComiRec (Cen et al.: "Controllable
//! Multi-Interest Framework for Recommendation", KDD 2020). `A = softmax(tanh(H W_1 + b_1) W_2)` over the items of the
//! history, one column an interest; interest `k` is the sum of the items weighed by column `k`. As in the paper's code, what
//! an item's place adds is seen by `A`, and is not a part of the interest.
//!
//! The scores of an item are the same whoever sees it: they are computed once a token, and each row takes its softmax over
//! the tokens that it sees.

use super::gru::sigmoid;
use super::rows::{weigh, weigh_backward};
use super::{Initial, Memory, TensorSpec};
use crate::config::{InterestsSection, Positions};
use crate::kernel::{Buffer, add_to, bias_rows, for_every_level};
use crate::layer::block::grow;
use crate::layer::dropout::Dropout;
use crate::layer::linear::{Layers, Linear};
use crate::layer::product::{Matrix, multiply};
use crate::layer::softmax::{softmax, softmax_backward};
use std::ops::Range;

/// Layers of the encoder; offsets count from its first parameter, where the vectors of positions lie.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Interests {
    count: usize,
    max_length: usize,
    positions: Positions,
    /// From items to what looks for interests.
    look: Linear,
    dropout: f64,
}

/// What a pass remembers beside the tokens and the rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct InterestsMemory {
    /// Tokens with what their places add `[tokens, width]`, then the gradient of that.
    placed: Buffer,
    /// After tanh, `[tokens, hidden]`, and its gradient.
    hidden: [Buffer; 2],
    /// `[tokens, count]`, then their gradients.
    scores: Buffer,
    /// Of each row, of each interest, the weights of the tokens that the row sees.
    weights: Buffer,
    slopes: Vec<f32>,
}

impl Interests {
    /// Over histories of up to `max_length` items, each `width` wide; an interest is as wide.
    pub(crate) fn new(section: &InterestsSection, width: usize, max_length: usize) -> Self {
        let places = if section.positions == Positions::None { 0 } else { max_length * width };
        let look = Linear { inputs: width, outputs: section.hidden as usize, offset: places };
        let (count, positions) = (section.count as usize, section.positions);
        Self { count, max_length, positions, look, dropout: section.dropout }
    }

    /// Vectors of a row.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    fn width(&self) -> usize {
        self.look.inputs
    }

    /// Where the weights `[hidden, count]` of the scores lie.
    fn choice(&self) -> Range<usize> {
        let start = self.look.offset + self.look.len();
        start..start + self.look.outputs * self.count
    }

    /// Its linear layer.
    pub(crate) fn linear(&self) -> Linear {
        self.look
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.choice().end
    }

    /// Every tensor, in the order of the parameters.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = Vec::new();
        if self.positions != Positions::None {
            tensors.push(TensorSpec::positions(self.max_length, self.width()));
        }
        tensors.extend(TensorSpec::linear("look", self.width(), self.look.outputs));
        tensors.push(TensorSpec::new("choice.weight", &[self.look.outputs, self.count], Initial::Weight));
        tensors
    }

    /// Share of numbers of the tokens that training drops.
    pub(crate) fn dropout(&self) -> f64 {
        self.dropout
    }

    /// Makes room for that many tokens, and pairs of a row and a token.
    pub(crate) fn reserve(&self, (tokens, pairs): (usize, usize), memory: &mut InterestsMemory) {
        grow(&mut memory.placed, tokens * self.width());
        memory.hidden.iter_mut().for_each(|hidden| grow(hidden, tokens * self.look.outputs));
        grow(&mut memory.scores, tokens * self.count);
        grow(&mut memory.weights, pairs * self.count);
    }

    /// Reads the tokens of `memory` for each of its rows.
    pub(crate) fn forward(&self, dense: &[f32], (ends, dropout): (&[usize], Dropout), memory: &mut Memory) {
        let (count, width, hidden) = (ends[ends.len() - 1] - ends[0], self.width(), self.look.outputs);
        let Memory { tokens, rows, interests: own, .. } = memory;
        let (tokens, placed) = (&mut tokens[..count * width], &mut own.placed[..count * width]);
        dropout.at(0).apply(tokens, 0);
        placed.copy_from_slice(tokens);
        self.positions.for_each(ends, |token, place| {
            add_to(&mut placed[token * width..][..width], &dense[place * width..][..width]);
        });
        let seen = &mut own.hidden[0][..count * hidden];
        self.look.forward(dense, placed, count, seen);
        bias_rows(seen, self.look.bias(dense));
        tanh(seen);
        let choice = Matrix::new(&dense[self.choice()], hidden, self.count);
        multiply(&mut own.scores, Matrix::new(seen, count, hidden), choice, false);
        let mut rest = &mut own.weights[..];
        for (seen, vectors) in rows.seen.iter().zip(rows.vectors.chunks_exact_mut(self.count * width)) {
            for (number, vector) in vectors.chunks_exact_mut(width).enumerate() {
                let weights = rest.split_off_mut(..seen.len()).unwrap_or_default();
                let scores = own.scores[seen.start * self.count..].chunks_exact(self.count);
                weights.iter_mut().zip(scores).for_each(|(weight, scores)| *weight = scores[number]);
                softmax(weights);
                weigh(tokens, seen, weights, vector);
            }
        }
    }

    /// Writes the gradient of the tokens into `memory`, from that of the vectors of its rows; gradients of the parameters
    /// are added to `gradient`.
    pub(crate) fn backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (ends, dropout): (&[usize], Dropout),
        memory: &mut Memory,
    ) {
        let (count, width, hidden) = (ends[ends.len() - 1] - ends[0], self.width(), self.look.outputs);
        self.vectors_backward(count, memory);
        let Memory { gradient: token_slopes, interests: own, .. } = memory;
        let token_slopes = &mut token_slopes[..count * width];
        let [seen, slopes] = own.hidden.each_mut().map(|buffer| &mut buffer[..count * hidden]);
        let scores = Matrix::new(&own.scores, count, self.count);
        multiply(&mut gradient[self.choice()], Matrix::new(seen, count, hidden).transposed(), scores, true);
        multiply(slopes, scores, Matrix::new(&layers[self.choice()], hidden, self.count).transposed(), false);
        tanh_backward(slopes, seen);
        self.look.backward_parameters(&own.placed, slopes, count, gradient);
        let placed = &mut own.placed[..count * width];
        self.look.backward_input(layers, slopes, count, (placed, false));
        add_to(token_slopes, placed);
        self.positions.for_each(ends, |token, place| {
            add_to(&mut gradient[place * width..][..width], &placed[token * width..][..width]);
        });
        dropout.at(0).apply(token_slopes, 0);
    }

    /// From the gradients of the vectors to those of the tokens as parts of a sum, and of the scores.
    fn vectors_backward(&self, count: usize, memory: &mut Memory) {
        let width = self.width();
        let Memory { tokens, gradient: token_slopes, rows, interests: own, .. } = memory;
        let InterestsMemory { scores, weights, slopes, .. } = own;
        token_slopes[..count * width].fill(0.0);
        scores[..count * self.count].fill(0.0);
        let mut rest = &weights[..];
        for (seen, row) in rows.seen.iter().zip(rows.slopes.chunks_exact(self.count * width)) {
            for (number, slope) in row.chunks_exact(width).enumerate() {
                let own = rest.split_off(..seen.len()).unwrap_or_default();
                slopes.resize(seen.len(), 0.0);
                weigh_backward(tokens, (seen, own), slope, (&mut *token_slopes, slopes));
                softmax_backward(own, slopes);
                let of_tokens = scores[seen.start * self.count..].chunks_exact_mut(self.count);
                of_tokens.zip(&*slopes).for_each(|(scores, slope)| scores[number] += slope);
            }
        }
    }
}

for_every_level! {
    /// The hyperbolic tangent.
    pub(crate) fn tanh(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value = 2.0 * sigmoid(2.0 * *value) - 1.0);
    }

    /// Gradients of what tanh gave become those of what it read.
    pub(crate) fn tanh_backward(slopes: &mut [f32], output: &[f32]) {
        slopes.iter_mut().zip(output).for_each(|(slope, y)| *slope *= 1.0 - y * y);
    }
}
