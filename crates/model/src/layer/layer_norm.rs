//! Layer normalisation (Ba, Kiros, Hinton: "Layer Normalization", 2016): `y = (x - mean) / sqrt(variance + 1e-5) · g + b`
//! over each row.

use super::embedding::with_width;
use crate::kernel::{LANES, for_every_register};

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
        let parameters = &dense[self.offset..self.offset + self.len()];
        with_width!(self.width, normalise_rows, (x, parameters, y, moments));
    }

    /// Turns the gradient of the output, `slopes`, into that of the input, in place; with `added`, that is added there, and the
    /// slopes stay as they are. Adds to the gradient of the parameters.
    pub(crate) fn backward(
        &self,
        (dense, gradient): (&[f32], &mut [f32]),
        (x, moments): (&[f32], &[Moments]),
        slopes: &mut [f32],
        added: Option<&mut [f32]>,
    ) {
        let gradient = &mut gradient[self.offset..self.offset + self.len()];
        let gain = &dense[self.offset..self.offset + self.width];
        with_width!(self.width, normalise_rows_backward, (x, gain, moments, (slopes, added), gradient));
    }
}

for_every_register! {
    /// `parameters` are gain and bias.
    pub(crate) fn normalise_rows<L, const WIDTH: usize>(x: &[f32], parameters: &[f32], y: &mut [f32], moments: &mut [Moments]) {
        let width = if WIDTH == 0 { parameters.len() / 2 } else { WIDTH };
        let (gain, bias) = (&parameters[..width], &parameters[width..2 * width]);
        let whole = width - width % LANES;
        for ((x, y), moments) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)).zip(moments) {
            // SAFETY: the machine has the instructions.
            unsafe {
                let mut sums = L::splat(0.0);
                for at in (0..whole).step_by(LANES) {
                    sums = sums.add(L::load(&x[at..]));
                }
                let mean = (sums.sum() + x[whole..].iter().sum::<f32>()) / width as f32;
                let (means, mut sums) = (L::splat(mean), L::splat(0.0));
                for at in (0..whole).step_by(LANES) {
                    let away = L::load(&x[at..]).sub(means);
                    sums = sums.add_product(away, away);
                }
                let rest: f32 = x[whole..].iter().map(|x| (x - mean) * (x - mean)).sum();
                let factor = 1.0 / ((sums.sum() + rest) / width as f32 + EPSILON).sqrt();
                *moments = [mean, factor];
                let factors = L::splat(factor);
                for at in (0..whole).step_by(LANES) {
                    let normal = L::load(&x[at..]).sub(means).mul(factors);
                    L::load(&bias[at..]).add_product(normal, L::load(&gain[at..])).store(&mut y[at..]);
                }
                for at in whole..width {
                    y[at] = (x[at] - mean) * factor * gain[at] + bias[at];
                }
            }
        }
    }

    /// The first slopes are the gradient of the output; then that of `x`, unless it is added to the others.
    pub(crate) fn normalise_rows_backward<L, const WIDTH: usize>(
        x: &[f32],
        gain: &[f32],
        moments: &[Moments],
        slopes: (&mut [f32], Option<&mut [f32]>),
        gradient: &mut [f32],
    ) {
        let width = if WIDTH == 0 { gain.len() } else { WIDTH };
        let (whole, part) = (width - width % LANES, 1.0 / width as f32);
        let (gain_gradient, bias_gradient) = gradient[..2 * width].split_at_mut(width);
        let gain = &gain[..width];
        let (slopes, mut added) = slopes;
        let rows = x.chunks_exact(width).zip(slopes.chunks_exact_mut(width)).enumerate();
        for (&[mean, factor], (row, (x, dy))) in moments.iter().zip(rows) {
            let mut added = added.as_deref_mut().map(|added| &mut added[row * width..(row + 1) * width]);
            let normal_of = |at: usize| (x[at] - mean) * factor;
            // SAFETY: the machine has the instructions.
            unsafe {
                let (means, factors) = (L::splat(mean), L::splat(factor));
                let normals = |at: usize| L::load(&x[at..]).sub(means).mul(factors);
                let (mut along_one, mut along_x) = (L::splat(0.0), L::splat(0.0));
                for at in (0..whole).step_by(LANES) {
                    let slopes = L::load(&dy[at..]).mul(L::load(&gain[at..]));
                    along_one = along_one.add(slopes);
                    along_x = along_x.add_product(slopes, normals(at));
                }
                let (mut along_one, mut along_x) = (along_one.sum(), along_x.sum());
                for at in whole..width {
                    along_one += dy[at] * gain[at];
                    along_x += dy[at] * gain[at] * normal_of(at);
                }
                (along_one, along_x) = (along_one * part, along_x * part);
                let (ones, along) = (L::splat(along_one), L::splat(along_x));
                for at in (0..whole).step_by(LANES) {
                    let (normal, upstream) = (normals(at), L::load(&dy[at..]));
                    let slopes = upstream.mul(L::load(&gain[at..])).sub(ones).sub(normal.mul(along));
                    match &mut added {
                        Some(added) => slopes.mul(factors).add(L::load(&added[at..])).store(&mut added[at..]),
                        None => slopes.mul(factors).store(&mut dy[at..]),
                    }
                    let gains = &mut gain_gradient[at..];
                    L::load(gains).add_product(upstream, normal).store(gains);
                    let biases = &mut bias_gradient[at..];
                    L::load(biases).add(upstream).store(biases);
                }
                for at in whole..width {
                    let upstream = dy[at];
                    let slope = factor * (upstream * gain[at] - along_one - normal_of(at) * along_x);
                    match &mut added {
                        Some(added) => added[at] += slope,
                        None => dy[at] = slope,
                    }
                    gain_gradient[at] += upstream * normal_of(at);
                    bias_gradient[at] += upstream;
                }
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
            let (mut dx, mut gradient) = (upstream.clone(), vec![0.0; 2 * width]);
            let (mut sum, mut again) = (vec![1.0; dx.len()], gradient.clone());
            norm.backward((&parameters, &mut again), (&x, &moments), &mut dx, Some(&mut sum));
            norm.backward((&parameters, &mut gradient), (&x, &moments), &mut dx, None);
            assert_eq!((sum, again), (dx.iter().map(|dx| dx + 1.0).collect(), gradient.clone()));
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
