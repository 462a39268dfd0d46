//! Adam (Kingma, Ba: "Adam: A Method for Stochastic Optimization", ICLR 2015).
//!
//! In: gradients of a step that are sums over rows, and the factor that makes them means. Out: moved parameters. Dense
//! parameters move in every step; an embedding row moves, and its moments age, only in steps that read it (lazy Adam).

mod dense;
mod rows;

pub(crate) use dense::DenseAdam;
pub(crate) use rows::{Shard, TableAdam};

use crate::config::AdamSection;

/// What Adam needs to know of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamStep {
    beta1: f32,
    beta2: f32,
    /// `1 - beta1` and `1 - beta2`; subtracting in `f32` would lose four digits of the latter.
    rest1: f32,
    rest2: f32,
    /// `rate · sqrt(1 - beta2^t) / (1 - beta1^t)`.
    rate: f32,
    /// `epsilon · sqrt(1 - beta2^t)`.
    epsilon: f32,
    /// Multiplies every gradient first.
    scale: f32,
}

impl AdamStep {
    /// Step `t`, counted from 1; gradients are multiplied by `scale`.
    pub(crate) fn new(section: &AdamSection, rate: f64, t: u64, scale: f64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(t).unwrap_or(i32::MAX));
        let second = correction(section.beta2).sqrt();
        Self {
            beta1: section.beta1 as f32,
            beta2: section.beta2 as f32,
            rest1: (1.0 - section.beta1) as f32,
            rest2: (1.0 - section.beta2) as f32,
            rate: (rate * second / correction(section.beta1)) as f32,
            epsilon: (section.epsilon * second) as f32,
            scale: scale as f32,
        }
    }

    /// Moves equally long slices of parameters and moments.
    #[inline(always)]
    fn apply(self, parameters: &mut [f32], mean: &mut [f32], square: &mut [f32], gradient: &[f32]) {
        let cells = parameters.iter_mut().zip(mean).zip(square).zip(gradient);
        for (((parameter, mean), square), gradient) in cells {
            let gradient = gradient * self.scale;
            *mean = self.beta1 * *mean + self.rest1 * gradient;
            *square = self.beta2 * *square + self.rest2 * gradient * gradient;
            *parameter -= self.rate * *mean / (square.sqrt() + self.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_steps_equal_the_paper() {
        let section = AdamSection::default();
        let (mut parameter, mut mean, mut square) = ([1.0f32], [0.0f32], [0.0f32]);
        let (mut exact, mut m, mut v) = (1.0f64, 0.0f64, 0.0f64);
        for (t, gradient) in [(1, 0.5f64), (2, -2.0), (3, 0.125), (4, 0.0)] {
            m = 0.9 * m + 0.1 * gradient;
            v = 0.999 * v + 0.001 * gradient * gradient;
            let (corrected_m, corrected_v) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            exact -= 0.01 * corrected_m / (corrected_v.sqrt() + 1e-8);
            let step = AdamStep::new(&section, 0.01, t as u64, 0.5);
            step.apply(&mut parameter, &mut mean, &mut square, &[2.0 * gradient as f32]);
            assert!((f64::from(parameter[0]) - exact).abs() < 1e-6, "step {t}: {} {exact}", parameter[0]);
        }
    }
}
