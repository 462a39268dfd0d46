//! Sums, biases and masks over row-major matrices.

use super::for_every_level;

/// Partial sums of a reduction: as wide as the widest vector register.
const LANES: usize = 16;

for_every_level! {
    /// `Σ a·b` over equally long slices.
    pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let (a_blocks, b_blocks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let mut rest = 0.0;
        for (x, y) in a_blocks.remainder().iter().zip(b_blocks.remainder()) {
            rest += x * y;
        }
        for (x, y) in a_blocks.zip(b_blocks) {
            for lane in 0..LANES {
                lanes[lane] += x[lane] * y[lane];
            }
        }
        lanes.iter().sum::<f32>() + rest
    }

    /// `Σ a²`.
    pub(crate) fn sum_of_squares(a: &[f32]) -> f32 {
        dot(a, a)
    }

    /// `target += source`.
    pub(crate) fn add_to(target: &mut [f32], source: &[f32]) {
        for (t, s) in target.iter_mut().zip(source) {
            *t += s;
        }
    }

    /// `target += factor · source`.
    pub(crate) fn add_scaled(target: &mut [f32], source: &[f32], factor: f32) {
        for (t, s) in target.iter_mut().zip(source) {
            *t += factor * s;
        }
    }

    /// Adds a bias to every row; `values` `[rows, width]`, `bias` `[width]`.
    pub(crate) fn bias_rows(values: &mut [f32], bias: &[f32]) {
        for row in values.chunks_exact_mut(bias.len()) {
            for (value, b) in row.iter_mut().zip(bias) {
                *value += b;
            }
        }
    }

    /// Adds a bias to every row, then replaces what is below 0 by 0.
    pub(crate) fn add_bias_relu(values: &mut [f32], bias: &[f32]) {
        for row in values.chunks_exact_mut(bias.len()) {
            for (value, b) in row.iter_mut().zip(bias) {
                let sum = *value + b;
                *value = if sum > 0.0 { sum } else { sum * 0.0 };
            }
        }
    }

    /// Gradient through ReLU: 0 where its output is 0.
    pub(crate) fn mask_by_sign(gradient: &mut [f32], output: &[f32]) {
        for (g, o) in gradient.iter_mut().zip(output) {
            *g = if *o > 0.0 { *g } else { 0.0 };
        }
    }

    /// Adds the sums of the columns of `[rows, width]` to `sums` `[width]`.
    pub(crate) fn add_column_sums(values: &[f32], sums: &mut [f32]) {
        for row in values.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }

    /// Multiplies row `r` of `[rows, width]` by `factors[r]`.
    pub(crate) fn scale_rows(values: &mut [f32], factors: &[f32], width: usize) {
        for (row, factor) in values.chunks_exact_mut(width).zip(factors) {
            for value in row {
                *value *= factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_product_equals_the_plain_sum_at_every_length() {
        for length in 0..70 {
            let a: Vec<f32> = (0..length).map(|n| n as f32 - 7.0).collect();
            let b: Vec<f32> = (0..length).map(|n| (n % 5) as f32).collect();
            let plain: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert_eq!(dot(&a, &b), plain, "small integers are exact");
        }
    }

    #[test]
    fn relu_keeps_what_is_not_a_number() {
        let mut values = [1.0, -1.0, f32::NAN, -0.5];
        add_bias_relu(&mut values, &[0.5, 0.5]);
        assert_eq!(values[..2], [1.5, 0.0]);
        assert!(values[2].is_nan() && values[3] == 0.0);
    }

    #[test]
    fn columns_are_summed_and_rows_are_scaled() {
        let mut values = [1.0, 2.0, 3.0, 4.0];
        let mut sums = [9.0; 2];
        add_column_sums(&values, &mut sums);
        assert_eq!(sums, [13.0, 15.0]);
        scale_rows(&mut values, &[2.0, 10.0], 2);
        assert_eq!(values, [2.0, 4.0, 30.0, 40.0]);
    }
}
