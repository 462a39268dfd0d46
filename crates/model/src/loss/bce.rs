//! Binary cross-entropy over the cosine, as the usual Keras script has it: `p = clamp((cos + 1) / 2)`, `z = logit(p)`,
//! `y = factor · z + bias` (a sigmoid layer of one unit), `loss = -label · ln σ(y) - (1 - label) · ln(1 - σ(y))`.

use super::LossSum;
use crate::kernel::{LANES, dot_lanes, exp, for_every_level, for_every_register, ln};

/// `p` is kept this far from 0 and 1.
const MARGIN: f32 = 1e-6;

/// Rows of a chunk: a user and `group` items each. Of several interests, an item is worth the nearest; a backward pass takes one. `labels` and `weights` have one value an item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairs<'a> {
    /// `[users, interests, dimension]`.
    pub(crate) users: &'a [f32],
    /// `[users · group, dimension]`.
    pub(crate) items: &'a [f32],
    pub(crate) interests: usize,
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
    products(*pairs, scores);
    LossSum { loss: losses(scores, pairs.labels, pairs.weights, head), weight: sum(pairs.weights) }
}

/// As [`forward`], with the gradients of the sum; `scores` is overwritten.
pub(crate) fn backward(pairs: &Pairs<'_>, head: &[f32], scores: &mut [f32], gradients: Gradients<'_>) -> LossSum {
    products(*pairs, scores);
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

/// `p` before and after it is clamped, and `logit(p)`.
#[inline(always)]
fn logit(cosine: f32) -> (f32, f32, f32) {
    let share = (cosine + 1.0) * 0.5;
    let clamped = share.clamp(MARGIN, 1.0 - MARGIN);
    (share, clamped, ln(clamped) - ln(1.0 - clamped))
}

/// Loss of a logit, and `σ(y)`.
#[inline(always)]
pub(crate) fn cross_entropy(y: f32, label: f32) -> (f32, f32) {
    let small = exp(-y.abs());
    let share = 1.0 / (1.0 + small);
    let sigmoid = if y >= 0.0 { share } else { small * share };
    (y.max(0.0) - y * label + ln(1.0 + small), sigmoid)
}

/// [`slopes`] of one block; adds to the sums of losses and of the head's gradients. A weight of 0 adds nothing.
#[inline(always)]
fn block_slopes(
    scores: &mut [f32; LANES],
    (labels, weights): (&[f32; LANES], &[f32; LANES]),
    head: &[f32],
    sums: &mut [[f64; LANES]; 3],
) {
    let (factor, bias) = (head[0], head[1]);
    let [losses, by_factor, by_bias] = sums;
    for lane in 0..LANES {
        let (share, clamped, z) = logit(scores[lane]);
        let (entropy, sigmoid) = cross_entropy(factor * z + bias, labels[lane]);
        let dy = weights[lane] * (sigmoid - labels[lane]);
        let passes = if share == clamped { 0.5 } else { 0.0 };
        scores[lane] = dy * factor * passes / (clamped * (1.0 - clamped));
        losses[lane] += f64::from(weights[lane] * entropy);
        by_factor[lane] += f64::from(dy * z);
        by_bias[lane] += f64::from(dy);
    }
}

for_every_register! {
    /// Dot products of users with their items, each with the nearest interest: of unit vectors, the cosines.
    pub(crate) fn products<L>(pairs: Pairs<'_>, scores: &mut [f32]) {
        let width = pairs.dimension;
        let groups = pairs.items.chunks_exact(width * pairs.group).zip(scores.chunks_exact_mut(pairs.group));
        for (user, (items, scores)) in pairs.users.chunks_exact(pairs.interests * width).zip(groups) {
            let (first, others) = user.split_at(width);
            for (item, score) in items.chunks_exact(width).zip(scores) {
                // SAFETY: the machine has the instructions.
                *score = unsafe { dot_lanes::<L>(first, item) };
                for other in others.chunks_exact(width) {
                    // SAFETY: likewise.
                    let found = unsafe { dot_lanes::<L>(other, item) };
                    *score = if found > *score { found } else { *score };
                }
            }
        }
    }
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

    /// Cosines become `weight · d loss / d cosine`; writes the head's gradient, returns the sum of weighted losses.
    pub(crate) fn slopes(
        scores: &mut [f32],
        labels: &[f32],
        weights: &[f32],
        head: &[f32],
        head_gradient: &mut [f32],
    ) -> f64 {
        let mut sums = [[0.0f64; LANES]; 3];
        let ((labels, last_labels), (weights, last_weights)) = (labels.as_chunks(), weights.as_chunks());
        let (blocks, last) = scores.as_chunks_mut();
        for ((scores, labels), weights) in blocks.iter_mut().zip(labels).zip(weights) {
            block_slopes(scores, (labels, weights), head, &mut sums);
        }
        let mut padded = [[0.0; LANES]; 3];
        for (padded, last) in padded.iter_mut().zip([&*last, last_labels, last_weights]) {
            padded[..last.len()].copy_from_slice(last);
        }
        let [mut slopes, labels, weights] = padded;
        block_slopes(&mut slopes, (&labels, &weights), head, &mut sums);
        last.copy_from_slice(&slopes[..last.len()]);
        let [loss, by_factor, by_bias] = sums.map(|lanes| lanes.iter().sum::<f64>());
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
    fn an_item_is_worth_the_nearest_of_several_interests() {
        let (users, items) = ([1.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.6, 0.8], [0.6, 0.8, -1.0, 0.0, 0.0, -1.0, 1.0, 0.0]);
        let (labels, weights, mut scores) = ([0.0; 4], [1.0; 4], [0.0; 4]);
        let pairs = Pairs {
            users: &users,
            items: &items,
            interests: 2,
            group: 2,
            dimension: 2,
            labels: &labels,
            weights: &weights,
        };
        products(pairs, &mut scores);
        assert_eq!(scores, [0.8, 0.0, 0.0, 0.6]);
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
