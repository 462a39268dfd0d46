//! A field with few distinct values in a batch: the first layer multiplies each value once, not each row.
//!
//! With `E` the embeddings of the distinct values and `W` the field's rows of the first layer, the field adds
//! `(E · W)[value of the row]` to a row of the layer's output. Backward, the gradients of rows with one value are summed
//! first. It is the same sum in another order; logs are skewed, so that even a field with thousands of values has far
//! fewer of them in a batch than there are rows.

use super::embedding::{Columns, gather};
use super::linear::Linear;
use super::product::{Matrix, multiply};
use crate::kernel::{for_every_level, prefetch};
use crate::layout::Field;
use std::ops::Range;

/// A value that has not been met in this batch.
const NOWHERE: u32 = u32::MAX;

/// Most distinct values, in eighths of the rows; looking products up costs less than multiplying from here on.
const MOST_EIGHTHS: usize = 5;

/// The distinct values of one field in one batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distinct {
    field: Field,
    /// Position of each id in `ids` while they are counted, then [`NOWHERE`]; the last one is that of MISSING.
    places: Vec<u32>,
    /// Distinct ids in the order they were met.
    ids: Vec<u32>,
    /// Position in `ids`, one a row of the batch.
    index: Vec<u32>,
    /// `[ids, width]`; after the backward pass, their gradients.
    embeddings: Vec<f32>,
    /// `[ids, outputs]`: products on the way up, sums of gradients on the way down.
    products: Vec<f32>,
    /// Gradient of the field's rows of `W`, `[width, outputs]`.
    weight: Vec<f32>,
}

impl Distinct {
    /// Finds the distinct values of a field in `rows` rows, which come in parts; false when there are too many for it
    /// to be of use. `cardinality` is that of the table.
    pub(crate) fn find<'i>(
        &mut self,
        field: Field,
        cardinality: usize,
        (rows, parts): (usize, impl Iterator<Item = &'i [u32]>),
    ) -> bool {
        self.field = field;
        self.places.resize(cardinality + 1, NOWHERE);
        self.ids.clear();
        self.index.clear();
        let most = rows * MOST_EIGHTHS / 8;
        let few = parts.into_iter().all(|ids| self.count(ids, most));
        for &id in &self.ids {
            self.places[(id as usize).min(cardinality)] = NOWHERE;
        }
        few
    }

    /// Counts more rows; false as soon as there are more than `most` values.
    fn count(&mut self, ids: &[u32], most: usize) -> bool {
        let missing = self.places.len() - 1;
        for &id in ids {
            let place = &mut self.places[(id as usize).min(missing)];
            if *place == NOWHERE {
                if self.ids.len() == most {
                    return false;
                }
                *place = self.ids.len() as u32;
                self.ids.push(id);
            }
            self.index.push(*place);
        }
        true
    }

    /// Looks the values up in a table `[cardinality, width]` and multiplies them by the field's rows of `W`.
    pub(crate) fn multiply(&mut self, table: &[f32], layer: &Linear, dense: &[f32]) {
        let width = self.field.dimension;
        self.embeddings.resize(self.ids.len() * width, 0.0);
        gather(table, &self.ids, &mut self.embeddings, Columns { stride: width, first: 0, width });
        self.products.resize(self.ids.len() * layer.outputs, 0.0);
        let embeddings = Matrix::new(&self.embeddings, self.ids.len(), width);
        multiply(&mut self.products, embeddings, layer.matrix(dense).rows(self.field.column, width), false);
    }

    /// Distinct ids, and their embeddings or gradients `[ids, width]`.
    pub(crate) fn rows(&self) -> (&[u32], &[f32]) {
        (&self.ids, &self.embeddings)
    }

    /// Products `[ids, outputs]`, and which of them each of these rows of the batch takes.
    pub(crate) fn products(&self, rows: Range<usize>) -> (&[f32], &[u32]) {
        (&self.products, &self.index[rows])
    }

    /// The field.
    pub(crate) fn field(&self) -> Field {
        self.field
    }

    /// Computes the gradient of the field's rows of `W`; the embeddings become their gradients. `slopes` are the
    /// gradients of the layer's output `[rows, outputs]`, in parts.
    pub(crate) fn backward<'s>(&mut self, layer: &Linear, dense: &[f32], slopes: impl Iterator<Item = &'s [f32]>) {
        let (count, width, outputs) = (self.ids.len(), self.field.dimension, layer.outputs);
        let (mut index, mut met) = (&self.index[..], 0);
        for part in slopes {
            let (here, rest) = index.split_at(part.len() / outputs);
            met = sum_indexed(&mut self.products, met, part, here, outputs);
            index = rest;
        }
        let sums = Matrix::new(&self.products, count, outputs);
        self.weight.resize(width * outputs, 0.0);
        multiply(&mut self.weight, Matrix::new(&self.embeddings, count, width).transposed(), sums, false);
        let rows = layer.matrix(dense).rows(self.field.column, width);
        multiply(&mut self.embeddings, sums, rows.transposed(), false);
    }

    /// Gradient of the field's rows of `W`, `[width, outputs]`.
    pub(crate) fn weight_gradient(&self) -> &[f32] {
        &self.weight
    }
}

/// Columns that are summed in registers.
const BLOCK: usize = 64;

/// So many rows ahead of its turn, a sum is asked for.
const AHEAD: usize = 4;

for_every_level! {
    /// Row `r` of `target` `[rows, width]` becomes the sum of row `index[r]` of every source.
    pub(crate) fn sum_of_indexed(target: &mut [f32], sources: &[(&[f32], &[u32])], width: usize) {
        for (number, row) in target.chunks_exact_mut(width).enumerate() {
            let (blocks, rest) = row.as_chunks_mut::<BLOCK>();
            let start = width - rest.len();
            for (block, target) in blocks.iter_mut().enumerate() {
                let mut sums = [0.0; BLOCK];
                for (source, index) in sources {
                    let terms = &source[index[number] as usize * width + block * BLOCK..][..BLOCK];
                    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
                }
                *target = sums;
            }
            rest.fill(0.0);
            for (source, index) in sources {
                let terms = &source[index[number] as usize * width + start..][..rest.len()];
                rest.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            }
        }
    }

    /// Row `index[r]` of `target` gets row `r` of `source` `[rows, width]` added. Rows of `target` are met in their order
    /// for the first time, and are overwritten then; `met` is the number of those so far, and so is the result.
    pub(crate) fn sum_indexed(target: &mut [f32], met: u32, source: &[f32], index: &[u32], width: usize) -> u32 {
        let mut met = met;
        for (number, (row, &at)) in source.chunks_exact(width).zip(index).enumerate() {
            let next = index.get(number + AHEAD).map_or(0, |&at| at as usize) * width;
            (0..width).step_by(16).for_each(|column| prefetch(target, next + column));
            let sums = &mut target[at as usize * width..][..width];
            if at == met {
                sums.copy_from_slice(row);
                met += 1;
                continue;
            }
            for (sum, term) in sums.iter_mut().zip(row) {
                *sum += term;
            }
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::ids::MISSING;

    #[test]
    fn values_are_found_again_in_every_batch_and_too_many_are_refused() {
        let (mut distinct, field) = (Distinct::default(), Field { table: 0, column: 0, dimension: 1 });
        let parts = [&[7u32, MISSING, 7][..], &[263, 7, 263]];
        for _ in 0..2 {
            assert!(distinct.find(field, 264, (6, parts.into_iter())));
            assert_eq!((&distinct.ids[..], &distinct.index[..]), (&[7, MISSING, 263][..], &[0, 1, 0, 2, 0, 2][..]));
            assert!(!distinct.find(field, 264, (4, [&[1u32, 2, 3, 1][..]].into_iter())), "three values in four rows");
        }
        assert!(distinct.find(field, 264, (0, std::iter::empty())));
    }

    #[test]
    fn rows_are_summed_from_and_into_their_places_at_every_width() {
        for width in [1, 16, 64, 100, 128] {
            let source: Vec<f32> = (0..3 * width).map(|n| n as f32).collect();
            let mut target = vec![-1.0; 2 * width];
            sum_of_indexed(&mut target, &[(&source, &[2, 0]), (&source, &[1, 1])], width);
            for column in 0..width {
                assert_eq!(target[column], source[2 * width + column] + source[width + column]);
                assert_eq!(target[width + column], source[column] + source[width + column]);
            }
            let mut sums = vec![-1.0; 2 * width];
            assert_eq!(sum_indexed(&mut sums, 0, &source, &[0, 1, 0], width), 2);
            for column in 0..width {
                assert_eq!(sums[width + column], source[width + column]);
                assert_eq!(sums[column], source[column] + source[2 * width + column]);
            }
        }
    }
}
