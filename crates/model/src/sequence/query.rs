//! What the items of a history are compared with. The papers of DIN and DIEN take the candidate item; a user tower that is
//! computed once and searched by an index does not know it, so that another vector stands in for it.

use super::{Initial, RowMemory, TensorSpec};
use crate::config::AttentionQuery;
use crate::kernel::{add_column_sums, add_to, bias_rows};
use crate::layer::linear::{Layers, Linear};

/// The query of every row; its parameters are the first ones of the encoder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Query {
    kind: AttentionQuery,
    width: usize,
    /// Width of a profile.
    profile: usize,
}

impl Query {
    /// Over tokens and profiles of these widths; its parameters come first.
    pub(crate) fn new(kind: AttentionQuery, (width, profile): (usize, usize)) -> Self {
        Self { kind, width, profile }
    }

    /// Does it read what the tower knows of a row beside histories?
    pub(crate) fn reads_profile(&self) -> bool {
        self.kind == AttentionQuery::Profile
    }

    /// From profiles to queries.
    fn projection(&self) -> Linear {
        Linear { inputs: self.profile, outputs: self.width, offset: 0 }
    }

    /// Its linear layer, where it has one.
    pub(crate) fn linear(&self) -> Option<Linear> {
        self.reads_profile().then(|| self.projection())
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        match self.kind {
            AttentionQuery::LastClick => 0,
            AttentionQuery::Learned => self.width,
            AttentionQuery::Profile => self.projection().len(),
        }
    }

    /// Every tensor, in the order of the parameters.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        match self.kind {
            AttentionQuery::LastClick => Vec::new(),
            AttentionQuery::Learned => vec![TensorSpec::new("query", &[self.width], Initial::Embedding)],
            AttentionQuery::Profile => TensorSpec::linear("query", self.profile, self.width).to_vec(),
        }
    }

    /// Writes the queries of the rows.
    pub(crate) fn forward(&self, dense: &[f32], tokens: &[f32], rows: &mut RowMemory) {
        let (count, width) = (rows.seen.len(), self.width);
        let queries = &mut rows.queries[..count * width];
        match self.kind {
            AttentionQuery::LastClick => {
                let seen = rows.seen.iter().zip(queries.chunks_exact_mut(width)).filter(|(seen, _)| !seen.is_empty());
                seen.for_each(|(seen, query)| query.copy_from_slice(&tokens[(seen.end - 1) * width..][..width]));
            }
            AttentionQuery::Learned => {
                let learned = &dense[..width];
                queries.chunks_exact_mut(width).for_each(|query| query.copy_from_slice(learned));
            }
            AttentionQuery::Profile => {
                self.projection().forward(dense, &rows.profile, count, queries);
                bias_rows(queries, self.projection().bias(dense));
            }
        }
    }

    /// Adds what the gradients of the queries mean for the tokens and for the parameters; profiles become their gradients.
    pub(crate) fn backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        token_slopes: &mut [f32],
        rows: &mut RowMemory,
    ) {
        let (count, width) = (rows.seen.len(), self.width);
        let slopes = &rows.query_slopes[..count * width];
        match self.kind {
            AttentionQuery::LastClick => {
                let seen = rows.seen.iter().zip(slopes.chunks_exact(width)).filter(|(seen, _)| !seen.is_empty());
                seen.for_each(|(seen, slope)| add_to(&mut token_slopes[(seen.end - 1) * width..][..width], slope));
            }
            AttentionQuery::Learned => add_column_sums(slopes, &mut gradient[..width]),
            AttentionQuery::Profile => {
                self.projection().backward_parameters(&rows.profile, slopes, count, gradient);
                self.projection().backward_input(layers, slopes, count, (&mut rows.profile, false));
            }
        }
    }
}
