//! Layer normalisation (Ba, Kiros, Hinton: "Layer Normalization", 2016): `y = (x - mean) / sqrt(variance + 1e-5) · g + b`
//! over each row.

use crate::kernel::{LANES, for_every_level, lane_sum};

/// Keeps the division from 0.
pub(crate) const EPSILON: f32 = 1e-5;

/// Width of the rows, and where the parameters lie among the dense ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LayerNorm {
    pub(crate) width: usize,
    /// First number of the gain `[width]`; the bias `[width]` follows.
    pub(crate) offset: usize,
}

/// Mean and `1 / sqrt(variance + 1e-5)` of a row.
pub(crate) type Moments = [f32; 2];

impl LayerNorm {
    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        2 * self.width
    }

    /// Normalises `moments.len()` rows of `x` into `y`, both `[rows, width]`.
    pub(crate) fn forward(&self, dense: &[f32], x: &[f32], y: &mut [f32], moments: &mut [Moments]) {
        normalise_rows(x, &dense[self.offset..self.offset + self.len()], y, moments);
    }

    /// Adds to `dx`, and to the gradient of the parameters, from the gradient `dy` of the output.
    pub(crate) fn backward(
        &self,
        (dense, gradient): (&[f32], &mut [f32]),
        (x, moments): (&[f32], &[Moments]),
        dy: &[f32],
        dx: &mut [f32],
    ) {
        let gradient = &mut gradient[self.offset..self.offset + self.len()];
        normalise_rows_backward(x, &dense[self.offset..self.offset + self.width], (moments, dy), dx, gradient);
    }
}

/// `Σ term(a, b, c)` over equally long rows, in lanes.
#[inline(always)]
fn sum(rows: [&[f32]; 3], term: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let [(a, a_rest), (b, b_rest), (c, c_rest)] = rows.map(|row| row.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for ((a, b), c) in a.iter().zip(b).zip(c) {
        for lane in 0..LANES {
            lanes[lane] += term(a[lane], b[lane], c[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest).zip(c_rest);
    lane_sum(lanes) + rest.map(|((a, b), c)| term(*a, *b, *c)).sum::<f32>()
}

for_every_level! {
    /// `parameters` are gain and bias.
    pub(crate) fn normalise_rows(x: &[f32], parameters: &[f32], y: &mut [f32], moments: &mut [Moments]) {
        let width = parameters.len() / 2;
        let (gain, bias) = parameters.split_at(width);
        for ((x, y), moments) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(moments) {
            let mean = sum([x; 3], |x, _, _| x) / width as f32;
            let variance = sum([x; 3], |x, _, _| (x - mean) * (x - mean)) / width as f32;
            let factor = 1.0 / (variance + EPSILON).sqrt();
            *moments = [mean, factor];
            for ((y, x), (gain, bias)) in y.iter_mut().zip(x).zip(gain.iter().zip(bias)) {
                *y = (x - mean) * factor * gain + bias;
            }
        }
    }

    /// `upstream` are the moments of the rows and the gradient of the output.
    pub(crate) fn normalise_rows_backward(
        x: &[f32],
        gain: &[f32],
        upstream: (&[Moments], &[f32]),
        dx: &mut [f32],
        gradient: &mut [f32],
    ) {
        let width = gain.len();
        let (gain_gradient, bias_gradient) = gradient.split_at_mut(width);
        let rows = x.chunks_exact(width).zip(upstream.1.chunks_exact(width));
        for (([mean, factor], (x, dy)), dx) in upstream.0.iter().zip(rows).zip(dx.chunks_exact_mut(width)) {
            let along_one = sum([dy, gain, x], |dy, gain, _| dy * gain) / width as f32;
            let along_x = sum([dy, gain, x], |dy, gain, x| dy * gain * ((x - mean) * factor)) / width as f32;
            let gradients = gain_gradient.iter_mut().zip(&mut *bias_gradient);
            let columns = dx.iter_mut().zip(x).zip(dy.iter().zip(gain)).zip(gradients);
            for (((dx, x), (dy, gain)), (gain_gradient, bias_gradient)) in columns {
                let normal = (x - mean) * factor;
                *dx += factor * (dy * gain - along_one - normal * along_x);
                *gain_gradient += dy * normal;
                *bias_gradient += dy;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_mean_and_deviation_and_the_gradient_equals_finite_differences() {
        for width in [3, 20] {
            let numbers = |scale: f32| move |n: usize| ((n * 7 % 11) as f32 - 5.0) * scale;
            let (x, upstream): (Vec<f32>, Vec<f32>) =
                ((0..2 * width).map(numbers(0.3)).collect(), (0..2 * width).map(numbers(-0.2)).collect());
            let parameters: Vec<f32> = (0..2 * width).map(|n| 1.0 + n as f32 / 10.0).collect();
            let norm = LayerNorm { width, offset: 0 };
            let pass = |x: &[f32], parameters: &[f32]| {
                let (mut y, mut moments) = (vec![0.0; x.len()], vec![[0.0; 2]; 2]);
                norm.forward(parameters, x, &mut y, &mut moments);
                let objective: f64 = y.iter().zip(&upstream).map(|(y, u)| f64::from(*y) * f64::from(*u)).sum();
                (y, moments, objective)
            };
            let (y, moments, _) = pass(&x, &[vec![1.0; width], vec![0.0; width]].concat());
            assert!(y.chunks(width).all(|row| row.iter().sum::<f32>().abs() < 1e-4));
            let (mut dx, mut gradient) = (vec![0.0; x.len()], vec![0.0; 2 * width]);
            norm.backward((&parameters, &mut gradient), (&x, &moments), &upstream, &mut dx);
            for at in 0..2 * width {
                let moved = |values: &[f32], by: f32| {
                    let mut moved = values.to_vec();
                    moved[at] += by;
                    moved
                };
                let of_x = pass(&moved(&x, 0.01), &parameters).2 - pass(&moved(&x, -0.01), &parameters).2;
                let of_parameter = pass(&x, &moved(&parameters, 0.01)).2 - pass(&x, &moved(&parameters, -0.01)).2;
                for (numeric, analytic) in [(of_x, dx[at]), (of_parameter, gradient[at])] {
                    assert!((numeric / 0.02 - f64::from(analytic)).abs() < 1e-3, "{at}: {} {analytic}", numeric / 0.02);
                }
            }
        }
    }
}
