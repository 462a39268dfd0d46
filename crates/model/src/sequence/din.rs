//! The deep interest network (Zhou et al., KDD 2018) over a history: each item counts as much as its [`ActivationUnit`] says
//! for a [`Query`], and the vector is the sum. As in the paper the weights are any numbers, so that a user of one strong
//! interest gets a longer vector; a softmax over them is an option.

use super::query::Query;
use super::rows::{weigh, weigh_backward};
use super::{Initial, Memory, TensorSpec};
use crate::config::DinSection;
use crate::kernel::Buffer;
use crate::layer::activation_unit::{ActivationUnit, PRELU_SLOPE, Pairs, UnitMemory};
use crate::layer::block::grow;
use crate::layer::dropout::Dropout;
use crate::layer::linear::Layers;
use crate::layer::softmax::{softmax, softmax_backward};

/// Layers of the encoder; offsets count from its first parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Din {
    query: Query,
    unit: ActivationUnit,
    softmax: bool,
    dropout: f64,
}

/// What a pass remembers beside the tokens and the rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct DinMemory {
    /// Weight of each token in the vector of each row, `[pairs]`, and gradients.
    weights: Buffer,
    slopes: Buffer,
    unit: UnitMemory,
}

impl Din {
    /// Over tokens and profiles of these widths; vectors are as wide as tokens.
    pub(crate) fn new(section: &DinSection, (width, profile): (usize, usize)) -> Self {
        let query = Query::new(section.attention_query, (width, profile));
        let unit =
            ActivationUnit { width, hidden: section.hidden as usize, offset: query.len(), biased: !section.softmax };
        Self { query, unit, softmax: section.softmax, dropout: section.dropout }
    }

    /// What the items are compared with.
    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.query.len() + self.unit.len()
    }

    /// Every tensor, in the order of the parameters.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let (first, hidden) = (self.unit.first(), self.unit.hidden);
        let mut tensors = self.query.tensors();
        tensors.extend(TensorSpec::linear("unit", first.inputs, first.outputs));
        tensors.push(TensorSpec::new("slope", &[hidden], Initial::Constant(PRELU_SLOPE)));
        tensors.push(TensorSpec::new("score.weight", &[hidden, 1], Initial::Weight));
        if self.unit.biased {
            // A new unit counts all items alike, but for small differences.
            tensors.push(TensorSpec::new("score.bias", &[1], Initial::Constant(1.0)));
        }
        tensors
    }

    /// Share of numbers of the tokens that training drops.
    pub(crate) fn dropout(&self) -> f64 {
        self.dropout
    }

    /// Makes room for that many pairs of a row and a token.
    pub(crate) fn reserve(&self, pairs: usize, memory: &mut DinMemory) {
        [&mut memory.weights, &mut memory.slopes].into_iter().for_each(|buffer| grow(buffer, pairs));
    }

    /// Reads the tokens of `memory` for each of its rows.
    pub(crate) fn forward(&self, dense: &[f32], (ends, dropout): (&[usize], Dropout), memory: &mut Memory) {
        let (count, width) = (ends[ends.len() - 1] - ends[0], self.unit.width);
        let Memory { tokens, rows, din: DinMemory { weights, unit, .. }, .. } = memory;
        let tokens = &mut tokens[..count * width];
        dropout.at(0).apply(tokens, 0);
        self.query.forward(dense, tokens, rows);
        let weights = &mut weights[..rows.pairs()];
        self.unit.forward(dense, Pairs { tokens, queries: &rows.queries, seen: &rows.seen }, weights, unit);
        let mut rest = weights;
        for (seen, vector) in rows.seen.iter().zip(rows.vectors.chunks_exact_mut(width)) {
            let own = rest.split_off_mut(..seen.len()).unwrap_or_default();
            if self.softmax {
                softmax(own);
            }
            weigh(tokens, seen, own, vector);
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
        let (count, width) = (ends[ends.len() - 1] - ends[0], self.unit.width);
        let Memory { tokens, gradient: token_slopes, rows, din: DinMemory { weights, slopes, unit }, .. } = memory;
        let (tokens, token_slopes) = (&tokens[..count * width], &mut token_slopes[..count * width]);
        token_slopes.fill(0.0);
        let mut start = 0;
        for (seen, slope) in rows.seen.iter().zip(rows.slopes.chunks_exact(width)) {
            let pairs = start..start + seen.len();
            start = pairs.end;
            let of_weights = (&mut *token_slopes, &mut slopes[pairs.clone()]);
            weigh_backward(tokens, (seen, &weights[pairs.clone()]), slope, of_weights);
            if self.softmax {
                softmax_backward(&weights[pairs.clone()], &mut slopes[pairs]);
            }
        }
        let query_slopes = &mut rows.query_slopes[..rows.seen.len() * width];
        query_slopes.fill(0.0);
        let read = (Pairs { tokens, queries: &rows.queries, seen: &rows.seen }, &slopes[..start]);
        self.unit.backward((&layers, &mut *gradient), read, (&mut *token_slopes, query_slopes), unit);
        self.query.backward((layers, gradient), token_slopes, rows);
        dropout.at(0).apply(token_slopes, 0);
    }
}
