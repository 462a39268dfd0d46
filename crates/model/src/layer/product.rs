//! Matrix products on the calling thread.
//!
//! In: matrices whose rows, or columns, are consecutive numbers. Out: their row-major product. A tile of it stays in registers
//! while the whole depth passes by. Nothing is packed: what a chunk multiplies lies in the L2 cache. Only a right matrix whose
//! rows are not consecutive numbers is copied first. Every number of a product is one chain of multiplications and additions
//! over the depth, in order: its bits do not depend on how many rows or columns there are.

use crate::kernel::{Buffer, Lanes, Level, Single, hidden, level, transpose};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m128, __m256, __m512};

/// A matrix that is read; one of its strides is 1.
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
        assert!(start + count <= self.columns, "no columns {start}..{}", start + count);
        Self { data: &self.data[start * self.column_stride..], columns: count, ..self }
    }

    /// Rows `start..start + count`.
    pub(crate) fn rows(self, start: usize, count: usize) -> Self {
        assert!(start + count <= self.rows, "no rows {start}..{}", start + count);
        Self { data: &self.data[start * self.row_stride..], rows: count, ..self }
    }

    /// Number of rows.
    pub(crate) fn row_count(self) -> usize {
        self.rows
    }

    /// The transposed matrix with its numbers moved to `target`, whose rows have `stride` columns: those after the last one
    /// are 0. The rows of this matrix must be consecutive numbers.
    pub(crate) fn turned(self, target: &mut [f32], stride: usize) -> Matrix<'_> {
        assert_eq!(self.column_stride, 1, "rows are consecutive numbers");
        transpose((self.data, self.row_stride), (self.rows, self.columns), (target, stride));
        Matrix::new(target, self.columns, stride)
    }
}

/// `target = left · right`, or `target += left · right` when `add`; `target` is row-major `[left.rows, right.columns]`.
pub(crate) fn multiply(target: &mut [f32], left: Matrix<'_>, right: Matrix<'_>, add: bool) {
    multiply_into((target, right.columns), left, right, add);
}

/// As [`multiply`]; a row of the target is followed by the next one after `stride` numbers.
pub(crate) fn multiply_into((target, stride): (&mut [f32], usize), left: Matrix<'_>, right: Matrix<'_>, add: bool) {
    assert_eq!(left.columns, right.rows, "inner sizes differ");
    if left.rows == 0 || right.columns == 0 {
        return;
    }
    if left.columns == 0 {
        if !add {
            target.chunks_mut(stride).take(left.rows).for_each(|row| row[..right.columns].fill(0.0));
        }
        return;
    }
    if right.column_stride != 1 {
        let mut copy = Buffer::zeros(right.rows * right.columns);
        let right = right.transposed().turned(&mut copy, right.columns);
        return multiply_into((target, stride), left, right, add);
    }
    let product = Product { left: &left, right: &right, stride, add };
    match level() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level says that this CPU has the features.
        Level::V4 => unsafe { product.v4(target) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: likewise.
        Level::V3 => unsafe { product.v3(target) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::V4 | Level::V3 => product.portable(target),
        Level::Portable => product.portable(target),
    }
}

/// Steps of the depth between two looks at whether it ends.
const UNROLLED: usize = 4;

/// Most rows of a tile.
const MOST_ROWS: usize = 12;

/// Rows of a tile that are found from one address: an instruction can add a distance to it, or twice the distance.
const NEAR: usize = 3;

/// A product, and how it is written to its target. Matrices are not copied into it: a copy of what was just written waits until
/// all that was written before, such as the last product, has left for the cache.
#[derive(Clone, Copy)]
struct Product<'a> {
    left: &'a Matrix<'a>,
    right: &'a Matrix<'a>,
    stride: usize,
    add: bool,
}

/// Where a tile finds the numbers of its next step.
struct Place {
    /// Of every [`NEAR`]th row of the left matrix; where its columns are consecutive numbers, the first is enough.
    factors: [*const f32; MOST_ROWS / NEAR],
    terms: *const f32,
}

impl Product<'_> {
    /// Tiles of 24 registers of the 32; of four by six where there are the columns, since these load the fewest numbers for each
    /// product.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
    fn v4(self, target: &mut [f32]) {
        // SAFETY: the function has the features.
        unsafe { self.by_layout::<__m512, __m256, Single, 6, MOST_ROWS>(target) };
    }

    /// Tiles of 12 registers of the 16.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn v3(self, target: &mut [f32]) {
        // SAFETY: the function has the features.
        unsafe { self.by_layout::<__m256, __m128, Single, 0, 6>(target) };
    }

    fn portable(self, target: &mut [f32]) {
        // SAFETY: arrays need no instruction that a machine may lack.
        unsafe { self.by_layout::<[f32; 4], [f32; 2], [f32; 1], 0, 4>(target) };
    }

    /// A left matrix has rows of consecutive numbers, or is turned: then its columns are.
    #[inline(always)]
    unsafe fn by_layout<Wide: Lanes, Half: Lanes, One: Lanes, const SQUARE: usize, const ROWS: usize>(
        self,
        target: &mut [f32],
    ) {
        // SAFETY: the caller says that the machine has the instructions.
        unsafe {
            if self.left.column_stride == 1 {
                self.by_columns::<Wide, Half, One, SQUARE, ROWS, false>(target);
            } else {
                assert_eq!(self.left.row_stride, 1, "rows or columns are consecutive numbers");
                self.by_columns::<Wide, Half, One, SQUARE, ROWS, true>(target);
            }
        }
    }

    /// Blocks of columns, widest first: four wide registers and tiles of `SQUARE` rows, unless that is 0; two wide registers, one,
    /// one of half the width, and single numbers.
    #[inline(always)]
    unsafe fn by_columns<
        Wide: Lanes,
        Half: Lanes,
        One: Lanes,
        const SQUARE: usize,
        const ROWS: usize,
        const TURNED: bool,
    >(
        self,
        target: &mut [f32],
    ) {
        let mut first = 0;
        while first < self.right.columns {
            let rest = self.right.columns - first;
            // SAFETY: the caller says that the machine has the instructions.
            first += unsafe {
                if SQUARE > 0 && rest >= 4 * Wide::WIDTH {
                    self.by_rows::<Wide, 4, SQUARE, TURNED>(target, first)
                } else if rest >= 2 * Wide::WIDTH {
                    self.by_rows::<Wide, 2, ROWS, TURNED>(target, first)
                } else if rest >= Wide::WIDTH {
                    self.by_rows::<Wide, 1, ROWS, TURNED>(target, first)
                } else if rest >= Half::WIDTH {
                    self.by_rows::<Half, 1, ROWS, TURNED>(target, first)
                } else {
                    self.by_rows::<One, 1, ROWS, TURNED>(target, first)
                }
            };
        }
    }

    /// All tiles of one block of columns; returns its width. They are nearly equally high, since a low one does not keep the
    /// units busy.
    #[inline(always)]
    unsafe fn by_rows<L: Lanes, const VECTORS: usize, const ROWS: usize, const TURNED: bool>(
        self,
        target: &mut [f32],
        column: usize,
    ) -> usize {
        let mut row = 0;
        while row < self.left.rows {
            let rest = self.left.rows - row;
            // SAFETY: the caller says that the machine has the instructions.
            row += unsafe {
                match rest.div_ceil(rest.div_ceil(ROWS)) {
                    height if height == ROWS => self.tile::<L, VECTORS, ROWS, TURNED>(target, (row, column)),
                    11 => self.tile::<L, VECTORS, 11, TURNED>(target, (row, column)),
                    10 => self.tile::<L, VECTORS, 10, TURNED>(target, (row, column)),
                    9 => self.tile::<L, VECTORS, 9, TURNED>(target, (row, column)),
                    8 => self.tile::<L, VECTORS, 8, TURNED>(target, (row, column)),
                    7 => self.tile::<L, VECTORS, 7, TURNED>(target, (row, column)),
                    6 => self.tile::<L, VECTORS, 6, TURNED>(target, (row, column)),
                    5 => self.tile::<L, VECTORS, 5, TURNED>(target, (row, column)),
                    4 => self.tile::<L, VECTORS, 4, TURNED>(target, (row, column)),
                    3 => self.tile::<L, VECTORS, 3, TURNED>(target, (row, column)),
                    2 => self.tile::<L, VECTORS, 2, TURNED>(target, (row, column)),
                    _ => self.tile::<L, VECTORS, 1, TURNED>(target, (row, column)),
                }
            };
        }
        VECTORS * L::WIDTH
    }

    /// The numbers from `(row, column)` on; returns the number of rows.
    #[inline(always)]
    unsafe fn tile<L: Lanes, const VECTORS: usize, const ROWS: usize, const TURNED: bool>(
        self,
        target: &mut [f32],
        (row, column): (usize, usize),
    ) -> usize {
        let Product { left, right, stride, add } = self;
        let (depth, target) = (left.columns, &mut target[row * stride + column..]);
        let (factors, terms) = (&left.data[row * left.row_stride..], &right.data[column..]);
        let last = (ROWS - 1) * left.row_stride + (depth - 1) * left.column_stride;
        assert!(last < factors.len(), "a tile lies inside its left matrix");
        assert!(
            (depth - 1) * right.row_stride + VECTORS * L::WIDTH <= terms.len(),
            "and its columns inside the right one"
        );
        let starts = std::array::from_fn(|number| factors.as_ptr().wrapping_add(number * NEAR * left.row_stride));
        let mut place = Place { factors: starts, terms: terms.as_ptr() };
        let strides = (left.row_stride, left.column_stride, right.row_stride);
        // SAFETY: the caller says that the machine has the instructions; and see the assertions, since there are no more steps
        // than the depth.
        unsafe {
            let mut sums = [[L::splat(0.0); VECTORS]; ROWS];
            if add {
                for (row, sums) in sums.iter_mut().enumerate() {
                    for (vector, sum) in sums.iter_mut().enumerate() {
                        *sum = L::load(&target[row * stride + vector * L::WIDTH..]);
                    }
                }
            }
            for _ in 0..depth / UNROLLED {
                place = advance::<L, VECTORS, ROWS, UNROLLED, TURNED>(&mut sums, place, strides);
            }
            for _ in 0..depth % UNROLLED {
                place = advance::<L, VECTORS, ROWS, 1, TURNED>(&mut sums, place, strides);
            }
            for (row, sums) in sums.iter().enumerate() {
                for (vector, sum) in sums.iter().enumerate() {
                    sum.store(&mut target[row * stride + vector * L::WIDTH..]);
                }
            }
        }
        ROWS
    }
}

/// Adds `STEPS` steps of the depth to a tile, each the product of a factor a row and of terms; returns the place after them.
/// Strides are those of left rows, left columns and right rows.
///
/// Addresses are hidden at every step: the compiler would find each row from the one before, a chain as long as the products
/// themselves, or load what later steps need before there are registers for it.
#[inline(always)]
unsafe fn advance<L: Lanes, const VECTORS: usize, const ROWS: usize, const STEPS: usize, const TURNED: bool>(
    sums: &mut [[L; VECTORS]; ROWS],
    Place { mut factors, mut terms }: Place,
    (row_stride, column_stride, right_stride): (usize, usize, usize),
) -> Place {
    for step in 0..STEPS {
        // SAFETY: the caller says that all of them can be read, and that the machine has the instructions.
        unsafe {
            let load = |vector: usize| L::load(std::slice::from_raw_parts(terms.add(vector * L::WIDTH), L::WIDTH));
            let vectors: [L; VECTORS] = std::array::from_fn(load);
            for factors in &mut factors {
                *factors = hidden(*factors);
            }
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = if TURNED {
                    factors[0].wrapping_add(row)
                } else {
                    factors[row / NEAR].wrapping_add(row % NEAR * row_stride + step)
                };
                let factor = L::splat(*factor);
                for (sum, terms) in sums.iter_mut().zip(vectors) {
                    *sum = sum.add_product(factor, terms);
                }
            }
        }
        terms = terms.wrapping_add(right_stride);
        if TURNED {
            factors[0] = factors[0].wrapping_add(column_stride);
        }
    }
    if !TURNED {
        factors.iter_mut().for_each(|factors| *factors = factors.wrapping_add(STEPS));
    }
    Place { factors, terms }
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
    fn a_product_without_depth_is_zero_and_one_without_rows_writes_nothing() {
        let (mut c, nothing) = ([1.0; 80], Matrix::new(&[], 2, 0));
        multiply(&mut c, nothing, Matrix::new(&[], 0, 40), false);
        assert_eq!(c, [0.0; 80]);
        let (left, right) = (Matrix::new(&[], 0, 2).transposed(), Matrix::new(&[], 0, 3));
        let mut kept = [7.0; 6];
        multiply(&mut kept, left, right, true);
        assert_eq!(kept, [7.0; 6]);
        multiply(&mut kept, left, right, false);
        assert_eq!(kept, [0.0; 6]);
        multiply(&mut [], Matrix::new(&[], 0, 3), Matrix::new(&[1.0; 6], 3, 2), false);
    }

    #[test]
    fn a_row_has_the_same_bits_in_a_small_and_in_a_large_product() {
        for (columns, depth) in [(128, 112), (64, 128), (32, 64), (32, 700), (2, 5)] {
            let (a, b) = (numbers(300 * depth, 1), numbers(depth * columns, 2));
            let mut whole = vec![0.0; 300 * columns];
            multiply(&mut whole, Matrix::new(&a, 300, depth), Matrix::new(&b, depth, columns), false);
            for rows in [1, 2, 3, 17, 64, 65, 256] {
                let mut part = vec![0.0; rows * columns];
                multiply(&mut part, Matrix::new(&a, rows, depth), Matrix::new(&b, depth, columns), false);
                assert_eq!(part, whole[..rows * columns], "{rows} x {columns} x {depth}");
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn narrower_registers_give_the_same_bits_and_plain_numbers_nearly_the_same() {
        let (a, b) = (numbers(31 * 70, 1), numbers(70 * 61, 2));
        let (left, right) = (Matrix::new(&a, 31, 70), Matrix::new(&b, 70, 61));
        let product = Product { left: &left, right: &right, stride: 61, add: false };
        let [mut best, mut narrow, mut plain] = [(); 3].map(|()| vec![0.0; 31 * 61]);
        multiply(&mut best, left, right, false);
        product.portable(&mut plain);
        assert!(best.iter().zip(&plain).all(|(best, plain)| (best - plain).abs() < 1e-4));
        if level() != Level::Portable {
            // SAFETY: the level says that this CPU has AVX2 and FMA at least.
            unsafe { product.v3(&mut narrow) };
            assert_eq!(best, narrow);
        }
    }
}
