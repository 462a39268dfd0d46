//! Matrix products over the `gemm` crate, on the calling thread.

use gemm::Parallelism;

/// Depth of one product; deeper ones are split here, so that the order of additions does not depend on the number of
/// rows (the library splits by itself above this depth, in a way that depends on the shape).
const MAX_DEPTH: usize = 512;

/// Fewest rows of a forward product. The library takes another order of additions for a single row.
pub(crate) const MIN_ROWS: usize = 2;

/// A matrix that is read, with any strides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// The first `rows` rows of row-major `data` with `columns` columns.
    pub(crate) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert!(data.len() >= rows * columns, "{rows} x {columns} do not fit {} numbers", data.len());
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transposed matrix; nothing is moved.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Columns `start..start + count`.
    pub(crate) fn columns(self, start: usize, count: usize) -> Self {
        Self { data: &self.data[start * self.column_stride..], columns: count, ..self }
    }

    /// Rows `start..start + count`.
    pub(crate) fn rows(self, start: usize, count: usize) -> Self {
        Self { data: &self.data[start * self.row_stride..], rows: count, ..self }
    }
}

/// `target = left · right`, or `target += left · right` when `add`; `target` is row-major `[left.rows, right.columns]`.
pub(crate) fn multiply(target: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, add: bool) {
    multiply_into((target, right.columns), left, right, add);
}

/// As [`multiply`]; a row of the target is followed by the next one after `stride` numbers.
pub(crate) fn multiply_into((target, stride): (&mut [f32], usize), left: Matrix<'_>, right: Matrix<'_>, add: bool) {
    let (rows, columns, depth) = (left.rows, right.columns, left.columns);
    assert_eq!(depth, right.rows, "inner sizes differ");
    if rows == 0 || columns == 0 {
        return;
    }
    assert!(stride >= columns && target.len() >= (rows - 1) * stride + columns, "the product does not fit its target");
    for start in (0..depth).step_by(MAX_DEPTH) {
        let count = MAX_DEPTH.min(depth - start);
        product((target, stride), left.columns(start, count), right.rows(start, count), add || start > 0);
    }
}

fn product((target, stride): (&mut [f32], usize), left: Matrix<'_>, right: Matrix<'_>, add: bool) {
    // SAFETY: `multiply_into` checked that the target holds the product, and the last number of each matrix lies inside
    // its slice: `Matrix::new` checked the whole, and parts of it only get smaller.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            target.as_mut_ptr(),
            1,
            stride as isize,
            add,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::rng::Rng;

    fn numbers(count: usize, stream: u64) -> Vec<f32> {
        let mut rng = Rng::stream(1, "test", stream);
        (0..count).map(|_| rng.normal() as f32).collect()
    }

    #[test]
    fn a_product_equals_the_sum_of_its_definition() {
        for (rows, columns, depth) in [(3, 5, 7), (2, 1, 1), (4, 33, 1300), (70, 80, 2)] {
            let (a, b) = (numbers(rows * depth, 1), numbers(depth * columns, 2));
            let mut c = vec![1.0; rows * columns];
            multiply(&mut c, Matrix::new(&a, rows, depth), Matrix::new(&b, depth, columns), true);
            let mut transposed = vec![0.0; columns * rows];
            let (left, right) = (Matrix::new(&b, depth, columns), Matrix::new(&a, rows, depth));
            multiply(&mut transposed, left.transposed(), right.transposed(), false);
            for row in 0..rows {
                for column in 0..columns {
                    let terms = (0..depth).map(|k| f64::from(a[row * depth + k]) * f64::from(b[k * columns + column]));
                    let exact: f64 = terms.sum();
                    let allowed = 1e-5 * (depth as f64).sqrt();
                    assert!((f64::from(c[row * columns + column]) - 1.0 - exact).abs() < allowed);
                    assert!((f64::from(transposed[column * rows + row]) - exact).abs() < allowed);
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_in_a_small_and_in_a_large_product() {
        for (columns, depth) in [(128, 112), (64, 128), (32, 64), (32, 700), (2, 5)] {
            let (a, b) = (numbers(300 * depth, 1), numbers(depth * columns, 2));
            let mut whole = vec![0.0; 300 * columns];
            multiply(&mut whole, Matrix::new(&a, 300, depth), Matrix::new(&b, depth, columns), false);
            for rows in [MIN_ROWS, 3, 17, 64, 65, 256] {
                let mut part = vec![0.0; rows * columns];
                multiply(&mut part, Matrix::new(&a, rows, depth), Matrix::new(&b, depth, columns), false);
                assert_eq!(part, whole[..rows * columns], "{rows} x {columns} x {depth}");
            }
        }
    }
}
