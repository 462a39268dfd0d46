//! Binary cross-entropy over the cosine, as the usual Keras script has it: `p = clamp((cos + 1) / 2)`, `z = logit(p)`,
//! `y = factor · z + bias` (a sigmoid layer of one unit), `loss = -label · ln σ(y) - (1 - label) · ln(1 - σ(y))`.

use super::LossSum;
use crate::kernel::{dot, exp, for_every_level, ln};

/// `p` is kept this far from 0 and 1.
const MARGIN: f32 = 1e-6;

/// Rows of a chunk: a user and `group` items each. `labels` and `weights` have one value an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairs<'a> {
    /// `[users, dimension]`.
    pub(crate) users: &'a [f32],
    /// `[users · group, dimension]`.
    pub(crate) items: &'a [f32],
    pub(crate) group: usize,
    pub(crate) dimension: usize,
    pub(crate) labels: &'a [f32],
    pub(crate) weights: &'a [f32],
}

/// What a pass writes; all buffers have the length of what they are the gradient of.
#[derive(Debug)]
pub(crate) struct Gradients<'a> {
    pub(crate) users: &'a mut [f32],
    pub(crate) items: &'a mut [f32],
    /// Factor and bias of the sigmoid layer.
    pub(crate) head: &'a mut [f32],
}

/// `Σ weight · loss`; `scores` receives the logits `y`.
pub(crate) fn forward(pairs: &Pairs<'_>, head: &[f32], scores: &mut [f32]) -> LossSum {
    cosines(pairs, scores);
    LossSum { loss: losses(scores, pairs.labels, pairs.weights, head), weight: sum(pairs.weights) }
}

/// As [`forward`], with the gradients of the sum; `scores` is overwritten.
pub(crate) fn backward(pairs: &Pairs<'_>, head: &[f32], scores: &mut [f32], gradients: Gradients<'_>) -> LossSum {
    cosines(pairs, scores);
    let loss = slopes(scores, pairs.labels, pairs.weights, head, gradients.head);
    let width = pairs.dimension;
    let items = pairs.items.chunks_exact(width * pairs.group);
    let item_gradients = gradients.items.chunks_exact_mut(width * pairs.group);
    let groups = items.zip(item_gradients).zip(scores.chunks_exact(pairs.group));
    let users = pairs.users.chunks_exact(width).zip(gradients.users.chunks_exact_mut(width));
    for ((user, user_gradient), ((items, item_gradients), slopes)) in users.zip(groups) {
        spread(user, user_gradient, items, item_gradients, slopes);
    }
    LossSum { loss, weight: sum(pairs.weights) }
}

fn sum(weights: &[f32]) -> f64 {
    weights.iter().map(|&weight| f64::from(weight)).sum()
}

fn cosines(pairs: &Pairs<'_>, scores: &mut [f32]) {
    let width = pairs.dimension;
    let groups = pairs.items.chunks_exact(width * pairs.group).zip(scores.chunks_exact_mut(pairs.group));
    for (user, (items, scores)) in pairs.users.chunks_exact(width).zip(groups) {
        for (item, score) in items.chunks_exact(width).zip(scores) {
            *score = dot(user, item);
        }
    }
}

/// `p` before and after it is clamped, and `logit(p)`.
#[inline(always)]
fn logit(cosine: f32) -> (f32, f32, f32) {
    let share = (cosine + 1.0) * 0.5;
    let clamped = share.clamp(MARGIN, 1.0 - MARGIN);
    (share, clamped, ln(clamped) - ln(1.0 - clamped))
}

/// Loss of a logit, and `σ(y)`.
#[inline(always)]
fn cross_entropy(y: f32, label: f32) -> (f32, f32) {
    let small = exp(-y.abs());
    let share = 1.0 / (1.0 + small);
    let sigmoid = if y >= 0.0 { share } else { small * share };
    (y.max(0.0) - y * label + ln(1.0 + small), sigmoid)
}

for_every_level! {
    /// Cosines become logits `y`; the sum of weighted losses is returned.
    pub(crate) fn losses(scores: &mut [f32], labels: &[f32], weights: &[f32], head: &[f32]) -> f64 {
        let (factor, bias) = (head[0], head[1]);
        let mut total = 0.0;
        for ((score, label), weight) in scores.iter_mut().zip(labels).zip(weights) {
            *score = factor * logit(*score).2 + bias;
            total += f64::from(*weight * cross_entropy(*score, *label).0);
        }
        total
    }

    /// Cosines become `weight · d loss / d cosine`; adds the head's gradient, returns the sum of weighted losses.
    pub(crate) fn slopes(
        scores: &mut [f32],
        labels: &[f32],
        weights: &[f32],
        head: &[f32],
        head_gradient: &mut [f32],
    ) -> f64 {
        const LANES: usize = 16;
        let (factor, bias) = (head[0], head[1]);
        let (mut loss, mut by_factor, mut by_bias) = (0.0f64, 0.0f64, 0.0f64);
        let blocks = scores.chunks_mut(LANES).zip(labels.chunks(LANES)).zip(weights.chunks(LANES));
        for ((scores, labels), weights) in blocks {
            let mut terms = [[0.0f32; LANES]; 3];
            for (lane, ((score, label), weight)) in scores.iter_mut().zip(labels).zip(weights).enumerate() {
                let (share, clamped, z) = logit(*score);
                let (entropy, sigmoid) = cross_entropy(factor * z + bias, *label);
                let dy = *weight * (sigmoid - *label);
                let passes = if share == clamped { 0.5 } else { 0.0 };
                *score = dy * factor * passes / (clamped * (1.0 - clamped));
                terms[0][lane] = *weight * entropy;
                terms[1][lane] = dy * z;
                terms[2][lane] = dy;
            }
            let sums = terms.map(|lanes| lanes.iter().map(|&term| f64::from(term)).sum::<f64>());
            loss += sums[0];
            by_factor += sums[1];
            by_bias += sums[2];
        }
        head_gradient[0] = by_factor as f32;
        head_gradient[1] = by_bias as f32;
        loss
    }

    /// Gradients of one user and her items from the slopes of their cosines.
    pub(crate) fn spread(
        user: &[f32],
        user_gradient: &mut [f32],
        items: &[f32],
        item_gradients: &mut [f32],
        slopes: &[f32],
    ) {
        let width = user.len();
        user_gradient.fill(0.0);
        let rows = items.chunks_exact(width).zip(item_gradients.chunks_exact_mut(width)).zip(slopes);
        for ((item, item_gradient), slope) in rows {
            for (sum, value) in user_gradient.iter_mut().zip(item) {
                *sum += slope * value;
            }
            for (gradient, value) in item_gradient.iter_mut().zip(user) {
                *gradient = slope * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: [f32; 2] = [1.5, -0.25];

    fn exact(cosine: f64, label: f64, head: [f64; 2]) -> f64 {
        let share = ((cosine + 1.0) / 2.0).clamp(1e-6, 1.0 - 1e-6);
        let y = head[0] * (share / (1.0 - share)).ln() + head[1];
        y.max(0.0) - y * label + (-y.abs()).exp().ln_1p()
    }

    #[test]
    fn loss_and_slopes_equal_the_definition_and_its_differences() {
        let cosines: Vec<f32> = (-19..=19).map(|n| n as f32 / 20.0).collect();
        let labels: Vec<f32> = (0..cosines.len()).map(|n| (n % 3 == 0) as u32 as f32).collect();
        let weights: Vec<f32> = (0..cosines.len()).map(|n| 0.5 + (n % 2) as f32).collect();
        let (mut scores, mut head) = (cosines.clone(), [0.0; 2]);
        let sum = slopes(&mut scores, &labels, &weights, &HEAD, &mut head);
        let wide = HEAD.map(f64::from);
        let loss = |by: f64, head: [f64; 2]| -> f64 {
            let rows = cosines.iter().zip(&labels).zip(&weights);
            rows.map(|((&c, &l), &w)| f64::from(w) * exact(f64::from(c) + by, f64::from(l), head)).sum()
        };
        assert!((sum / loss(0.0, wide) - 1.0).abs() < 1e-6);
        for (row, slope) in scores.iter().enumerate() {
            let at = |by: f64| exact(f64::from(cosines[row]) + by, f64::from(labels[row]), wide);
            let numeric = f64::from(weights[row]) * (at(1e-6) - at(-1e-6)) / 2e-6;
            assert!((f64::from(*slope) - numeric).abs() < 1e-4 * numeric.abs().max(0.1), "{slope} {numeric}");
        }
        let by_factor = (loss(0.0, [wide[0] + 1e-6, wide[1]]) - loss(0.0, [wide[0] - 1e-6, wide[1]])) / 2e-6;
        let by_bias = (loss(0.0, [wide[0], wide[1] + 1e-6]) - loss(0.0, [wide[0], wide[1] - 1e-6])) / 2e-6;
        assert!((f64::from(head[0]) - by_factor).abs() < 1e-4 && (f64::from(head[1]) - by_bias).abs() < 1e-4);
        let mut scores = cosines.clone();
        assert!((losses(&mut scores, &labels, &weights, &HEAD) / sum - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_clamped_cosine_passes_no_gradient_and_stays_finite() {
        for cosine in [1.0f32, -1.0, 1.000_001] {
            let (mut scores, mut head) = ([cosine], [0.0; 2]);
            let loss = slopes(&mut scores, &[0.0], &[1.0], &[1.0, 0.0], &mut head);
            assert!(loss.is_finite() && scores == [0.0], "{cosine}: {loss} {scores:?}");
        }
    }

    #[test]
    fn what_is_not_a_number_reaches_the_loss() {
        let (mut scores, mut head) = ([f32::NAN, 0.5], [0.0; 2]);
        assert!(slopes(&mut scores, &[0.0, 1.0], &[1.0, 1.0], &[1.0, 0.0], &mut head).is_nan());
    }
}
