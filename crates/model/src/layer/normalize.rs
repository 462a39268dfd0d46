//! Division of every row by its length: `v = x / |x|`.
//!
//! A row shorter than [`SHORTEST`] becomes the zero vector and passes no gradient on: a direction cannot be learnt from
//! it, and dividing by its length would blow the gradient up.

use super::embedding::with_width;
use crate::kernel::{dot_lanes, for_every_register};

/// Rows shorter than this have no direction.
pub(crate) const SHORTEST: f32 = 1e-12;

/// Normalises rows `[rows, width]` in place; `factors` `[rows]` receives `1 / |x|`, or 0.
pub(crate) fn forward(values: &mut [f32], width: usize, factors: &mut [f32]) {
    with_width!(width, divide_rows, (values, width, factors));
}

/// Writes `dx = (dv - v (v·dv)) / |x|`, where `gradient` is `dv` and `vectors` are the normalised rows.
pub(crate) fn backward(gradient: &[f32], vectors: &[f32], width: usize, factors: &[f32], dx: &mut [f32]) {
    with_width!(width, divide_rows_backward, (gradient, vectors, width, factors, dx));
}

for_every_register! {
    /// As [`forward`].
    pub(crate) fn divide_rows<L, const WIDTH: usize>(values: &mut [f32], width: usize, factors: &mut [f32]) {
        let width = if WIDTH == 0 { width } else { WIDTH };
        for (row, factor) in values.chunks_exact_mut(width).zip(factors) {
            // SAFETY: the machine has the instructions.
            let length = unsafe { dot_lanes::<L>(row, row) }.sqrt();
            *factor = if length < SHORTEST { 0.0 } else { 1.0 / length };
            row.iter_mut().for_each(|value| *value *= *factor);
        }
    }

    /// As [`backward`].
    pub(crate) fn divide_rows_backward<L, const WIDTH: usize>(
        gradient: &[f32],
        vectors: &[f32],
        width: usize,
        factors: &[f32],
        dx: &mut [f32],
    ) {
        let width = if WIDTH == 0 { width } else { WIDTH };
        let rows = gradient.chunks_exact(width).zip(vectors.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
        for (((dv, v), dx), factor) in rows.zip(factors) {
            // SAFETY: likewise.
            let along = unsafe { dot_lanes::<L>(v, dv) };
            for (dx, (d, value)) in dx.iter_mut().zip(dv.iter().zip(v)) {
                *dx = (d - value * along) * factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::dot;

    #[test]
    fn rows_get_length_one_and_the_gradient_equals_finite_differences() {
        let x = [0.3f32, -0.4, 1.2, 2.0, 0.1, -0.7];
        let weights = [0.5f32, 1.5, -2.0, 0.25, -1.0, 3.0];
        let objective = |x: &[f32; 6]| -> f64 {
            let length = |row: &[f32]| row.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            let terms = (0..6).map(|n| f64::from(weights[n]) * f64::from(x[n]) / length(&x[n / 3 * 3..n / 3 * 3 + 3]));
            terms.sum()
        };
        let (mut vectors, mut factors) = (x, [0.0; 2]);
        forward(&mut vectors, 3, &mut factors);
        assert!(vectors.chunks(3).all(|row| (dot(row, row) - 1.0).abs() < 1e-6));
        let mut gradient = [0.0; 6];
        backward(&weights, &vectors, 3, &factors, &mut gradient);
        for position in 0..6 {
            let moved = |by: f32| {
                let mut moved = x;
                moved[position] += by;
                objective(&moved)
            };
            let numeric =
                (moved(1e-3) - moved(-1e-3)) / (f64::from(x[position] + 1e-3) - f64::from(x[position] - 1e-3));
            assert!((numeric - f64::from(gradient[position])).abs() < 1e-5, "{numeric} {}", gradient[position]);
        }
    }

    #[test]
    fn a_zero_row_stays_zero_and_passes_nothing_on() {
        let (mut vectors, mut factors, mut gradient) = ([0.0f32; 3], [1.0], [9.0f32; 3]);
        forward(&mut vectors, 3, &mut factors);
        backward(&[1.0; 3], &vectors, 3, &factors, &mut gradient);
        assert_eq!((vectors, factors, gradient), ([0.0; 3], [0.0], [0.0; 3]));
    }

    #[test]
    fn what_is_not_a_number_is_not_hidden() {
        let (mut vectors, mut factors) = ([f32::NAN, 1.0], [0.0]);
        forward(&mut vectors, 2, &mut factors);
        assert!(vectors.iter().all(|value| value.is_nan()));
    }
}
