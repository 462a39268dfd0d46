//! From the states of a history to its vector.

use crate::kernel::add_scaled;
use std::ops::Range;

/// What becomes the vector of a history.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reading {
    /// The state of the newest item.
    Last,
    /// The mean of all states.
    Mean,
    /// The mean weighted by `decay` to the power of an item's distance from the newest.
    Recent { decay: f32 },
}

impl Reading {
    /// Calls `visit` with each token of `seen` and its weight; the weights sum up to 1.
    fn for_each_weight(self, seen: Range<usize>, mut visit: impl FnMut(usize, f32)) {
        match self {
            _ if seen.is_empty() => {}
            Self::Last => visit(seen.end - 1, 1.0),
            Self::Mean => {
                let weight = 1.0 / seen.len() as f32;
                seen.for_each(|token| visit(token, weight));
            }
            Self::Recent { decay } => {
                let weight = |age: usize| decay.powi(age as i32);
                let sum: f32 = (0..seen.len()).map(weight).sum();
                seen.clone().for_each(|token| visit(token, weight(seen.end - 1 - token) / sum));
            }
        }
    }

    /// Writes the vector of a history whose tokens are `seen`; without tokens it is zero.
    pub(crate) fn take(self, states: &[f32], seen: Range<usize>, target: &mut [f32]) {
        let width = target.len();
        if self == Self::Last && !seen.is_empty() {
            return target.copy_from_slice(&states[(seen.end - 1) * width..][..width]);
        }
        target.fill(0.0);
        self.for_each_weight(seen, |token, weight| add_scaled(target, &states[token * width..][..width], weight));
    }

    /// Adds what the gradient of the vector means for the states.
    pub(crate) fn spread(self, slope: &[f32], seen: Range<usize>, gradient: &mut [f32]) {
        let width = slope.len();
        self.for_each_weight(seen, |token, weight| add_scaled(&mut gradient[token * width..][..width], slope, weight));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reading_weighs_as_it_says_and_spreads_by_the_same_weights() {
        let states = [8.0, 80.0, 4.0, 40.0, 1.0, 10.0, 7.0, 70.0];
        let cases = [
            (Reading::Last, [0.0, 0.0, 1.0, 0.0]),
            (Reading::Mean, [0.0, 0.5, 0.5, 0.0]),
            (Reading::Recent { decay: 0.5 }, [0.0, 1.0 / 3.0, 2.0 / 3.0, 0.0]),
        ];
        for (reading, weights) in cases {
            let (mut vector, mut gradient) = ([9.0; 2], [0.0; 8]);
            reading.take(&states, 1..3, &mut vector);
            let expected: f32 = states.iter().step_by(2).zip(weights).map(|(state, weight)| state * weight).sum();
            assert!((vector[0] - expected).abs() < 1e-5 && (vector[1] - 10.0 * expected).abs() < 1e-4, "{vector:?}");
            reading.spread(&[1.0, 2.0], 1..3, &mut gradient);
            let spread = gradient.chunks(2).zip(weights);
            assert!(
                spread.clone().all(|(state, weight)| (state[0] - weight).abs() < 1e-6 && state[1] == 2.0 * state[0])
            );
            reading.take(&states, 2..2, &mut vector);
            assert_eq!(vector, [0.0; 2], "a history without items is the zero vector");
        }
    }
}
