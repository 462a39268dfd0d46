//! What bends the numbers between two linear layers. In: values without their bias. Out: values with it, bent; backward, the
//! gradient of what was bent.

use crate::config::Activation;
use crate::kernel::{add_bias_relu, add_column_sums, bias_rows, exp, for_every_level, mask_by_sign};

/// Rows whose gradients are summed while they are in the L1 cache.
const AT_ONCE: usize = 16;

impl Activation {
    /// As people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Relu => "ReLU",
            Self::Gelu => "GELU",
        }
    }

    /// Does the backward pass read what [`Activation::forward`] was given, and not what it made?
    pub(crate) fn keeps_input(self) -> bool {
        self == Self::Gelu
    }

    /// Adds a bias to every row and bends the values; `kept`, where it is not empty, takes what [`Activation::backward`] reads.
    pub(crate) fn forward(self, values: &mut [f32], bias: &[f32], kept: &mut [f32]) {
        let count = values.len().min(kept.len());
        match self {
            Self::Relu => {
                add_bias_relu(values, bias);
                kept[..count].copy_from_slice(&values[..count]);
            }
            Self::Gelu => {
                bias_rows(values, bias);
                kept[..count].copy_from_slice(&values[..count]);
                gelu(values);
            }
        }
    }

    /// The gradient of what was made becomes that of what was bent, and is added to that of the bias; `kept` is what was made
    /// where [`Activation::keeps_input`] says no.
    pub(crate) fn backward(self, gradient: &mut [f32], kept: &[f32], bias: &mut [f32]) {
        let cells = AT_ONCE * bias.len();
        for (gradient, kept) in gradient.chunks_mut(cells).zip(kept.chunks(cells)) {
            match self {
                Self::Relu => mask_by_sign(gradient, kept),
                Self::Gelu => gelu_backward(gradient, kept),
            }
            add_column_sums(gradient, bias);
        }
    }
}

/// `√(8 / π)`.
pub(crate) const SLOPE: f32 = 1.595_769;
pub(crate) const CUBE: f32 = 0.044_715;

/// `σ(√(8 / π) (x + 0.044715 x³))`, the share of `x` that passes, and the share that does not.
#[inline(always)]
fn shares(x: f32) -> (f32, f32) {
    let small = exp(-SLOPE * (x + CUBE * x * x * x));
    let share = 1.0 / (1.0 + small);
    (share, small * share)
}

for_every_level! {
    /// `x / 2 (1 + tanh(√(2 / π) (x + 0.044715 x³)))`, the tanh form of GELU (Hendrycks, Gimpel: "Gaussian Error Linear
    /// Units", arXiv 1606.08415, 2016).
    pub(crate) fn gelu(values: &mut [f32]) {
        values.iter_mut().for_each(|value| *value *= shares(*value).0);
    }

    /// Gradient through [`gelu`] at `input`.
    pub(crate) fn gelu_backward(gradient: &mut [f32], input: &[f32]) {
        for (slope, &x) in gradient.iter_mut().zip(input) {
            let (share, rest) = shares(x);
            *slope *= share + x * share * rest * SLOPE * (1.0 + 3.0 * CUBE * x * x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs, then what torch.nn.functional.gelu(x, approximate="tanh") makes of them and its derivative, in float64;
    /// `fixtures/model/make_gelu.py` made the file.
    #[derive(serde::Deserialize)]
    struct Reference {
        inputs: Vec<f32>,
        outputs: Vec<f64>,
        slopes: Vec<f64>,
    }

    #[test]
    fn gelu_and_its_slope_equal_pytorch() {
        let reference: Reference = serde_json::from_str(include_str!("../../../../fixtures/model/gelu.json")).unwrap();
        let (mut outputs, mut kept) = (reference.inputs.clone(), vec![0.0; reference.inputs.len()]);
        Activation::Gelu.forward(&mut outputs, &[0.0], &mut kept);
        assert_eq!(kept, reference.inputs);
        let mut slopes = vec![1.0; kept.len()];
        let mut bias = [1.0];
        Activation::Gelu.backward(&mut slopes, &kept, &mut bias);
        assert!((bias[0] - 1.0 - slopes.iter().sum::<f32>()).abs() < 1e-5);
        let close = |ours: f32, theirs: f64| (f64::from(ours) - theirs).abs() <= 1e-6 * theirs.abs().max(1.0);
        for (at, x) in reference.inputs.iter().enumerate() {
            assert!(close(outputs[at], reference.outputs[at]), "gelu({x}) = {}", outputs[at]);
            assert!(close(slopes[at], reference.slopes[at]), "slope at {x}: {}", slopes[at]);
        }
        let mut bad = [f32::NAN];
        gelu(&mut bad);
        assert!(bad[0].is_nan());
    }
}
