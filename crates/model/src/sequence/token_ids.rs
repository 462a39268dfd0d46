//! One field of the items of packed histories. In: corpus rows. Out: their embeddings; backward, gradients by id.

use super::Elements;
use crate::layer::embedding::{Columns, gather, pool};
use crate::layout::{ItemColumn, TokenField};
use crate::optimizer::Shard;
use twinspire_core::encode::EncodedView;

/// What the items of a field are looked up with: one id each, or several.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenIds {
    single: Vec<u32>,
    multi: Elements,
}

impl TokenIds {
    /// Reads the ids of these corpus `rows`; `items` are the features of the corpus.
    pub(super) fn read(&mut self, field: &TokenField, rows: &[u32], items: &EncodedView<'_>) {
        self.single.clear();
        self.multi.clear();
        match field.of {
            ItemColumn::Single { column, width } => {
                self.single.extend(rows.iter().map(|&item| items.single[item as usize * width + column]));
            }
            ItemColumn::Multi { number } => {
                for &item in rows {
                    let (ids, weights) = items.multi[number].row(item as usize);
                    self.multi.push_row(field.pooling, ids, weights);
                }
            }
        }
    }

    /// Writes the embeddings into the field's columns of `values`.
    pub(super) fn look_up(&self, of: ItemColumn, table: &[f32], (values, columns): (&mut [f32], Columns)) {
        match of {
            ItemColumn::Single { .. } => gather(table, &self.single, values, columns),
            ItemColumn::Multi { .. } => pool(table, self.multi.parts(), values, columns),
        }
    }

    /// Adds the gradients of the embeddings, in the field's columns of `values`, to a shard.
    pub(super) fn collect(&self, of: ItemColumn, (values, columns): (&[f32], Columns), shard: &mut Shard) {
        match of {
            ItemColumn::Single { .. } => shard.add_rows(&self.single, values, columns),
            ItemColumn::Multi { .. } => shard.add_elements(self.multi.parts(), values, columns),
        }
    }
}
