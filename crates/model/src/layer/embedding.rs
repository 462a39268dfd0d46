//! Embedding rows: copied into a tower's input, and their gradients collected from it.
//!
//! Common widths (4, 8, 16, 32, 64) are compiled with the width known, so that a row is one or two vector registers.

use crate::kernel::{for_every_level, prefetch};
use twinspire_core::ids::MISSING;

/// So many ids ahead of its turn, an embedding is asked for: they lie in no order.
pub(crate) const AHEAD: usize = 12;

/// Calls `$function` with the width as a constant where it is common; 0 stands for any width.
macro_rules! with_width {
    ($width:expr, $function:ident, ($($argument:expr),*)) => {
        match $width {
            4 => $function::<4>($($argument),*),
            8 => $function::<8>($($argument),*),
            16 => $function::<16>($($argument),*),
            32 => $function::<32>($($argument),*),
            64 => $function::<64>($($argument),*),
            _ => $function::<0>($($argument),*),
        }
    };
}
pub(crate) use with_width;

/// Where a field lies in a row-major matrix `[rows, stride]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// Columns of the whole matrix.
    pub(crate) stride: usize,
    /// First column of the field.
    pub(crate) first: usize,
    /// Columns of the field.
    pub(crate) width: usize,
}

impl Columns {
    /// The field in row `row` of such a matrix.
    pub(crate) fn of_row(self, values: &[f32], row: usize) -> &[f32] {
        &values[row * self.stride + self.first..][..self.width]
    }

    /// The same, to be written to.
    pub(crate) fn of_row_mut(self, values: &mut [f32], row: usize) -> &mut [f32] {
        &mut values[row * self.stride + self.first..][..self.width]
    }
}

/// Copies the embeddings of `ids` `[rows]` into the field's columns of `values`; a missing id is the zero vector.
pub(crate) fn gather(table: &[f32], ids: &[u32], values: &mut [f32], columns: Columns) {
    with_width!(columns.width, gather_width, (table, ids, values, columns));
}

/// Writes `Σ factor · embedding` of each row's elements into the field's columns of `values`. Elements `offsets[r]` to
/// `offsets[r + 1]` belong to row `r`.
pub(crate) fn pool(table: &[f32], elements: (&[usize], &[u32], &[f32]), values: &mut [f32], columns: Columns) {
    with_width!(columns.width, pool_width, (table, elements, values, columns));
}

for_every_level! {
    pub(crate) fn gather_width<const WIDTH: usize>(table: &[f32], ids: &[u32], values: &mut [f32], columns: Columns) {
        let width = if WIDTH == 0 { columns.width } else { WIDTH };
        for (number, (id, row)) in ids.iter().zip(values.chunks_exact_mut(columns.stride)).enumerate() {
            prefetch(table, ids.get(number + AHEAD).map_or(0, |&next| next as usize) * width);
            let target = &mut row[columns.first..columns.first + width];
            if *id == MISSING {
                target.fill(0.0);
            } else {
                target.copy_from_slice(&table[*id as usize * width..][..width]);
            }
        }
    }

    pub(crate) fn pool_width<const WIDTH: usize>(
        table: &[f32],
        elements: (&[usize], &[u32], &[f32]),
        values: &mut [f32],
        columns: Columns,
    ) {
        let width = if WIDTH == 0 { columns.width } else { WIDTH };
        let (offsets, ids, factors) = elements;
        for (ends, row) in offsets.windows(2).zip(values.chunks_exact_mut(columns.stride)) {
            let target = &mut row[columns.first..columns.first + width];
            target.fill(0.0);
            for (id, factor) in ids[ends[0]..ends[1]].iter().zip(&factors[ends[0]..ends[1]]) {
                for (t, value) in target.iter_mut().zip(&table[*id as usize * width..][..width]) {
                    *t += factor * value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_copied_and_pooled_into_their_columns_at_every_width() {
        for width in [1, 3, 4, 8, 16, 32, 64] {
            let table: Vec<f32> = (0..3 * width).map(|n| n as f32).collect();
            let stride = width + 2;
            let columns = Columns { stride, first: 1, width };
            let mut values = vec![-1.0; 2 * stride];
            gather(&table, &[2, MISSING], &mut values, columns);
            assert_eq!(values[1..=width], table[2 * width..]);
            assert!(values[stride + 1..=stride + width].iter().all(|&value| value == 0.0));
            pool(&table, (&[0, 0, 2], &[0, 2], &[0.5, 2.0]), &mut values, columns);
            assert!(values[1..=width].iter().all(|&value| value == 0.0), "no elements, zero vector");
            for column in 0..width {
                let expected = 0.5 * table[column] + 2.0 * table[2 * width + column];
                assert_eq!(values[stride + 1 + column], expected);
            }
            assert_eq!((values[0], values[stride - 1], values[stride]), (-1.0, -1.0, -1.0), "nothing else moved");
        }
    }
}
