//! Rows to columns, in blocks of 16 by 16 numbers that stay in registers where the machine has wide ones.

use super::{Level, level};

/// Side of a block.
const SIDE: usize = 16;

/// Writes `rows` rows of `columns` numbers as columns: row `n` of `source` becomes column `n` of `target`. Rows start every
/// `stride` numbers, of the source and of the target each; what lies between the rows of the target becomes 0.
pub(crate) fn transpose(
    (source, stride): (&[f32], usize),
    (rows, columns): (usize, usize),
    (target, target_stride): (&mut [f32], usize),
) {
    let in_blocks = if level() == Level::V4 { columns - columns % SIDE } else { 0 };
    // The last block may have fewer rows, where there is room for it.
    let reach = rows.next_multiple_of(SIDE);
    let reach = if reach <= target_stride { reach } else { reach - SIDE };
    #[cfg(target_arch = "x86_64")]
    for row in (0..reach).step_by(SIDE) {
        for column in (0..in_blocks).step_by(SIDE) {
            let (from, to) = (&source[row * stride + column..], &mut target[column * target_stride + row..]);
            // SAFETY: the level says that this CPU has AVX-512.
            unsafe { block((from, stride, rows - row), (to, target_stride)) };
        }
    }
    for row in 0..rows {
        let rest = if row < reach { in_blocks } else { 0 };
        for column in rest..columns {
            target[column * target_stride + row] = source[row * stride + column];
        }
    }
    if reach == target_stride && in_blocks == columns {
        return;
    }
    for (column, row) in target[..columns * target_stride].chunks_exact_mut(target_stride).enumerate() {
        row[if column < in_blocks { reach.max(rows) } else { rows }..].fill(0.0);
    }
}

/// One block: neighbouring numbers, then pairs, then quarters of registers change places. Rows that are not there are 0.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn block((source, stride, count): (&[f32], usize, usize), (target, target_stride): (&mut [f32], usize)) {
    use std::arch::x86_64::*;
    use std::array::from_fn;
    let load = |row: usize| {
        if row >= count {
            return _mm512_setzero_ps();
        }
        let row = &source[row * stride..][..SIDE];
        // SAFETY: the slice holds as many numbers.
        unsafe { _mm512_loadu_ps(row.as_ptr()) }
    };
    let rows: [__m512; SIDE] = from_fn(load);
    let pairs: [__m512; SIDE] = from_fn(|n| match n % 2 {
        0 => _mm512_unpacklo_ps(rows[n], rows[n + 1]),
        _ => _mm512_unpackhi_ps(rows[n - 1], rows[n]),
    });
    // Number `4 · n + c` of these holds column `c` of each quarter, of the rows from `4 · n` on.
    let fours: [__m512d; SIDE] = from_fn(|n| {
        let first = n - n % 4 + n % 4 / 2;
        let (a, b) = (_mm512_castps_pd(pairs[first]), _mm512_castps_pd(pairs[first + 2]));
        if n % 2 == 0 { _mm512_unpacklo_pd(a, b) } else { _mm512_unpackhi_pd(a, b) }
    });
    for column in 0..4 {
        let [a, b, c, d] = from_fn(|n| fours[4 * n + column]);
        let even = (_mm512_shuffle_f64x2::<0x88>(a, b), _mm512_shuffle_f64x2::<0x88>(c, d));
        let odd = (_mm512_shuffle_f64x2::<0xdd>(a, b), _mm512_shuffle_f64x2::<0xdd>(c, d));
        let quarters = [
            _mm512_shuffle_f64x2::<0x88>(even.0, even.1),
            _mm512_shuffle_f64x2::<0x88>(odd.0, odd.1),
            _mm512_shuffle_f64x2::<0xdd>(even.0, even.1),
            _mm512_shuffle_f64x2::<0xdd>(odd.0, odd.1),
        ];
        for (quarter, numbers) in quarters.into_iter().enumerate() {
            let row = &mut target[(4 * quarter + column) * target_stride..][..SIDE];
            // SAFETY: the slice has room for as many numbers.
            unsafe { _mm512_storeu_ps(row.as_mut_ptr(), _mm512_castpd_ps(numbers)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_and_what_lies_between_is_zero() {
        let between = [5, 14, 0, 30];
        let shapes = [(1, 1), (16, 16), (17, 33), (50, 32), (3, 40), (64, 15), (50, 48)];
        for ((rows, columns), between) in shapes.into_iter().flat_map(|shape| between.map(|between| (shape, between))) {
            let (stride, target_stride) = (columns + 3, rows + between);
            let source: Vec<f32> = (0..rows * stride).map(|n| n as f32).collect();
            let mut target = vec![-1.0; columns * target_stride];
            transpose((&source, stride), (rows, columns), (&mut target, target_stride));
            for (at, value) in target.into_iter().enumerate() {
                let (column, row) = (at / target_stride, at % target_stride);
                let expected = if row < rows { source[row * stride + column] } else { 0.0 };
                assert_eq!(value, expected, "{rows} x {columns}: row {row}, column {column}");
            }
        }
    }
}
