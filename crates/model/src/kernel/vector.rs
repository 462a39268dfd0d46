//! Sums, biases and masks over row-major matrices.

use super::lanes::join;
use super::{dot_lanes, for_every_level, for_every_register};

/// Partial sums of a reduction: as wide as the widest vector register.
pub(crate) const LANES: usize = 16;

/// The sum of all lanes.
#[inline(always)]
pub(crate) fn lane_sum(lanes: [f32; LANES]) -> f32 {
    join(lanes, |a, b| a + b)
}

for_every_register! {
    /// `Σ a·b` over equally long slices.
    pub(crate) fn dot<L>(a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: the machine has the instructions.
        unsafe { dot_lanes::<L>(a, b) }
    }
}

for_every_level! {
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

    /// `target += a ⊙ b`.
    pub(crate) fn add_products(target: &mut [f32], a: &[f32], b: &[f32]) {
        for ((t, a), b) in target.iter_mut().zip(a).zip(b) {
            *t += a * b;
        }
    }

    /// `target = a ⊙ b`.
    pub(crate) fn product_of(target: &mut [f32], a: &[f32], b: &[f32]) {
        for ((t, a), b) in target.iter_mut().zip(a).zip(b) {
            *t = a * b;
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

    /// `values += bias + others`, row by row; `values` and `others` `[rows, width]`, `bias` `[width]`.
    pub(crate) fn add_bias_and(values: &mut [f32], bias: &[f32], others: &[f32]) {
        for (row, others) in values.chunks_exact_mut(bias.len()).zip(others.chunks_exact(bias.len())) {
            for ((value, b), other) in row.iter_mut().zip(bias).zip(others) {
                *value = (*value + b) + other;
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

    /// Adds the sums of the columns of `[rows, width]` to `sums` `[width]`, four rows at a time.
    pub(crate) fn add_column_sums(values: &[f32], sums: &mut [f32]) {
        let width = sums.len();
        let blocks = values.chunks_exact(4 * width);
        for row in blocks.remainder().chunks_exact(width) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        for block in blocks {
            let ((a, b), (c, d)) = (block[..2 * width].split_at(width), block[2 * width..].split_at(width));
            for (sum, ((a, b), (c, d))) in sums.iter_mut().zip(a.iter().zip(b).zip(c.iter().zip(d))) {
                *sum += (a + b) + (c + d);
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
    fn columns_are_added_to_their_sums() {
        for rows in 0..10usize {
            let (mut sums, values) = ([9.0; 2], (0..2 * rows).map(|n| n as f32).collect::<Vec<_>>());
            add_column_sums(&values, &mut sums);
            let even = (rows * rows.saturating_sub(1)) as f32;
            assert_eq!(sums, [9.0 + even, 9.0 + even + rows as f32]);
        }
    }
}
