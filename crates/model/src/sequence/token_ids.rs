//! One field of the tokens of packed histories. In: corpus rows. Out: their embeddings; backward, gradients by id.

use super::Elements;
use crate::layer::embedding::{Columns, gather, pool};
use crate::layout::{ItemColumn, TokenField};
use crate::optimizer::Shard;
use std::ops::Range;
use twinspire_core::encode::EncodedView;

/// What the tokens of a field are looked up with: one id each, or several.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenIds {
    single: Vec<u32>,
    multi: Elements,
}

impl TokenIds {
    /// Reads the ids of the tokens; `items` are the features of the corpus.
    pub(super) fn read(&mut self, field: &TokenField, tokens: &[u32], items: &EncodedView<'_>) {
        self.single.clear();
        self.multi.clear();
        match field.of {
            ItemColumn::Single { column, width } => {
                self.single.extend(tokens.iter().map(|&item| items.single[item as usize * width + column]));
            }
            ItemColumn::Multi { number } => {
                for &item in tokens {
                    let (ids, weights) = items.multi[number].row(item as usize);
                    self.multi.push_row(field.pooling, ids, weights);
                }
            }
        }
    }

    /// Writes the embeddings of these tokens into the field's columns of `values`.
    pub(super) fn look_up(
        &self,
        of: ItemColumn,
        table: &[f32],
        tokens: Range<usize>,
        (values, columns): (&mut [f32], Columns),
    ) {
        match of {
            ItemColumn::Single { .. } => gather(table, &self.single[tokens], values, columns),
            ItemColumn::Multi { .. } => {
                let (offsets, ids, factors) = self.multi.parts();
                pool(table, (&offsets[tokens.start..=tokens.end], ids, factors), values, columns);
            }
        }
    }

    /// Adds the gradients of the embeddings of these tokens, in the field's columns of `values`, to a shard.
    pub(super) fn collect(
        &self,
        of: ItemColumn,
        tokens: Range<usize>,
        (values, columns): (&[f32], Columns),
        shard: &mut Shard,
    ) {
        match of {
            ItemColumn::Single { .. } => shard.add_rows(&self.single[tokens], values, columns),
            ItemColumn::Multi { .. } => {
                let (offsets, ids, factors) = self.multi.parts();
                shard.add_elements((&offsets[tokens.start..=tokens.end], ids, factors), values, columns);
            }
        }
    }
}
