//! Several embeddings of a row to one vector: multi-valued fields and histories.
//!
//! In: [`Elements`], the ids of each row with their weights, oldest first, and an embedding table. Out: one vector a
//! row; backward, the gradient of each element's embedding. A history whose encoder looks at the order, or has parameters
//! of its own, is packed into [`Tokens`] instead, and the rows of each chunk go through an [`Encoder`] before their tower.

mod dien;
mod din;
mod elements;
mod encoder;
mod evolution;
mod gaps;
mod gru;
mod history;
mod interests;
mod next_item;
mod parts;
mod places;
mod query;
mod reading;
mod rows;
mod self_attention;
mod token_ids;
mod tokens;

pub(crate) use elements::Elements;
pub(crate) use encoder::{Encoder, Initial, Memory, TensorSpec};
pub(crate) use gru::Gru;
pub(crate) use history::{Encoded, History, Pass, TokenGradients, cut};
pub(crate) use parts::Parts;
pub(crate) use reading::Reading;
pub(crate) use rows::RowMemory;
pub(crate) use self_attention::SelfAttention;
pub(crate) use tokens::{Tokens, starts};

use crate::layer::embedding::{Columns, pool};
use crate::optimizer::Shard;
use serde::{Deserialize, Serialize};
use twinspire_core::schema::Pooling;

/// How the elements of a row become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum SequenceEncoder {
    /// A weighted sum, divided as the pooling says.
    Pool {
        /// The divisor.
        pooling: Pooling,
    },
}

impl SequenceEncoder {
    /// Turns the weights of one row's elements into the factors of their embeddings.
    pub(crate) fn prepare_row(self, weights: &mut [f32]) {
        let Self::Pool { pooling } = self;
        let divisor: f32 = match pooling {
            Pooling::Sum => return,
            Pooling::Mean => weights.iter().sum(),
            Pooling::Sqrtn => weights.iter().map(|weight| weight * weight).sum::<f32>().sqrt(),
        };
        let factor = if divisor > 0.0 { 1.0 / divisor } else { 0.0 };
        weights.iter_mut().for_each(|weight| *weight *= factor);
    }

    /// Writes each row's vector into the field's columns of `values`; `table` is `[cardinality, width]`.
    pub(crate) fn forward(self, elements: &Elements, table: &[f32], values: &mut [f32], columns: Columns) {
        match self {
            Self::Pool { .. } => pool(table, elements.parts(), values, columns),
        }
    }

    /// Adds the gradients of the elements' embeddings to those of `shard`; the field's columns of `values` hold the
    /// gradients of the rows' vectors.
    pub(crate) fn backward(self, elements: &Elements, values: &[f32], columns: Columns, shard: &mut Shard) {
        match self {
            Self::Pool { .. } => shard.add_elements(elements.parts(), values, columns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pooling_divides_as_it_says() {
        let factors = |pooling, weights: &[f32]| {
            let mut factors = weights.to_vec();
            SequenceEncoder::Pool { pooling }.prepare_row(&mut factors);
            factors
        };
        assert_eq!(factors(Pooling::Mean, &[1.0, 3.0]), [0.25, 0.75]);
        assert_eq!(factors(Pooling::Sum, &[1.0, 3.0]), [1.0, 3.0]);
        assert_eq!(factors(Pooling::Sqrtn, &[3.0, 4.0]), [0.6, 0.8]);
        for pooling in [Pooling::Mean, Pooling::Sqrtn] {
            assert_eq!(factors(pooling, &[0.0, 0.0]), [0.0, 0.0], "no weight, zero vector");
        }
    }
}
