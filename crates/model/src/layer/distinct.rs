//! A field with few distinct values in a chunk: the first layer multiplies each value once, not each row.
//!
//! With `E` the embeddings of the distinct values and `W` the field's rows of the first layer, the field adds
//! `(E · W)[value of the row]` to a row of the layer's output. Backward, the gradients of rows with one value are summed
//! first. It is the same sum in another order; logs are full of fields such as category, device type or hour.

use super::linear::Linear;
use super::product::{Matrix, multiply};
use crate::kernel::for_every_level;
use twinspire_core::ids::MISSING;

/// Most distinct values of a chunk; their products stay in the L1 cache.
const MOST: usize = 64;

/// Rows for each distinct value, at least.
const ROWS_EACH: usize = 4;

/// Slots of the table that finds a value again; a power of two.
const SLOTS: usize = 256;

/// The distinct values of one field in one chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distinct {
    /// First column of the field in the input, and number of columns.
    column: usize,
    width: usize,
    /// Distinct ids in the order they were met.
    ids: Vec<u32>,
    /// Position in `ids`, one a row.
    index: Vec<u32>,
    /// `[ids, width]`; after the backward pass, their gradients.
    embeddings: Vec<f32>,
    /// `[ids, outputs]`: products on the way up, sums of gradients on the way down.
    products: Vec<f32>,
}

impl Distinct {
    /// Finds the distinct values of `ids` `[rows]`; false when there are too many for it to be of use.
    pub(crate) fn find(&mut self, ids: &[u32]) -> bool {
        let most = MOST.min(ids.len() / ROWS_EACH);
        let mut slots = [u32::MAX; SLOTS];
        self.ids.clear();
        self.index.clear();
        for &id in ids {
            let mut slot = (id.wrapping_mul(0x9E37_79B1) >> 24) as usize;
            while slots[slot] != u32::MAX && self.ids[slots[slot] as usize] != id {
                slot = (slot + 1) % SLOTS;
            }
            if slots[slot] == u32::MAX {
                if self.ids.len() == most {
                    return false;
                }
                slots[slot] = self.ids.len() as u32;
                self.ids.push(id);
            }
            self.index.push(slots[slot]);
        }
        true
    }

    /// Looks the values up in a table `[cardinality, width]`; the field lies at `column` of the input.
    pub(crate) fn look_up(&mut self, table: &[f32], column: usize, width: usize) {
        (self.column, self.width) = (column, width);
        self.embeddings.clear();
        for &id in &self.ids {
            match id {
                MISSING => self.embeddings.resize(self.embeddings.len() + width, 0.0),
                _ => self.embeddings.extend_from_slice(&table[id as usize * width..][..width]),
            }
        }
    }

    /// Distinct ids, and their embeddings or gradients `[ids, width]`.
    pub(crate) fn rows(&self) -> (&[u32], &[f32]) {
        (&self.ids, &self.embeddings)
    }

    /// The columns of the input that are not needed.
    pub(crate) fn columns(&self) -> std::ops::Range<usize> {
        self.column..self.column + self.width
    }

    /// Adds the field's share to `y` `[rows, outputs]`.
    pub(crate) fn forward(&mut self, layer: &Linear, dense: &[f32], y: &mut [f32]) {
        self.products.resize(self.ids.len() * layer.outputs, 0.0);
        let embeddings = Matrix::new(&self.embeddings, self.ids.len(), self.width);
        multiply(&mut self.products, embeddings, layer.matrix(dense).rows(self.column, self.width), false);
        add_indexed(y, &self.products, &self.index, layer.outputs);
    }

    /// Writes the gradient of the field's rows of `W`; the embeddings become their gradients.
    pub(crate) fn backward(&mut self, layer: &Linear, (dense, weight): (&[f32], &mut [f32]), dy: &[f32]) {
        let (count, outputs) = (self.ids.len(), layer.outputs);
        self.products.fill(0.0);
        sum_indexed(&mut self.products, dy, &self.index, outputs);
        let sums = Matrix::new(&self.products, count, outputs);
        let target = &mut weight[self.column * outputs..][..self.width * outputs];
        multiply(target, Matrix::new(&self.embeddings, count, self.width).transposed(), sums, false);
        let rows = layer.matrix(dense).rows(self.column, self.width);
        multiply(&mut self.embeddings, sums, rows.transposed(), false);
    }
}

for_every_level! {
    /// Row `r` of `target` `[rows, width]` gets row `index[r]` of `source` added.
    pub(crate) fn add_indexed(target: &mut [f32], source: &[f32], index: &[u32], width: usize) {
        for (row, &at) in target.chunks_exact_mut(width).zip(index) {
            for (value, term) in row.iter_mut().zip(&source[at as usize * width..][..width]) {
                *value += term;
            }
        }
    }

    /// Row `index[r]` of `target` gets row `r` of `source` `[rows, width]` added.
    pub(crate) fn sum_indexed(target: &mut [f32], source: &[f32], index: &[u32], width: usize) {
        for (row, &at) in source.chunks_exact(width).zip(index) {
            for (value, term) in target[at as usize * width..][..width].iter_mut().zip(row) {
                *value += term;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_again_and_too_many_are_refused() {
        let mut distinct = Distinct::default();
        assert!(distinct.find(&[7, MISSING, 7, 263, 7, 263, 7, 7, 7, 7, 7, 7]));
        assert_eq!(distinct.ids, [7, MISSING, 263]);
        assert_eq!(distinct.index, [0, 1, 0, 2, 0, 2, 0, 0, 0, 0, 0, 0]);
        assert!(!distinct.find(&[1, 2, 1, 2]), "two values in four rows");
        let many: Vec<u32> = (0..4 * MOST as u32 + 4).map(|row| row % (MOST as u32 + 1)).collect();
        assert!(!distinct.find(&many));
        assert!(!distinct.find(&[]) || distinct.ids.is_empty());
    }
}
