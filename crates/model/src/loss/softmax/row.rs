//! The scores of one row, which become exponentials or slopes, and what rows and their own items do to each other.

use crate::kernel::{LANES, exp, exp_lanes, for_every_level, for_every_register};
use crate::loss::criterion::{Criterion, pair_slopes};

/// Takes the highest score of a row off all of them, so that no exponential leaves the range of `f32`; `shifts` are those of
/// `scores`.
pub(super) fn lower(own: &mut [f32], scores: &mut [f32], shifts: &[f32]) {
    let top = own.iter().copied().fold(highest(scores, shifts), f32::max);
    own.iter_mut().chain(scores).for_each(|score| *score -= top);
}

/// Scores of a row, its own items' and the candidates', become exponentials; returns the loss and their sum.
pub(super) fn softmax_row(
    smoothing: f32,
    (own, own_shifts): (&mut [f32], &[f32]),
    (scores, shifts): (&mut [f32], &[f32]),
    hidden: &[u32],
) -> (f64, f32) {
    let (positive, is_smooth) = (f64::from(own[0]), smoothing > 0.0);
    let met = if is_smooth { [total(own, None), total(scores, Some(shifts))] } else { Default::default() };
    own.iter_mut().for_each(|score| *score = exp(*score));
    let sum = exponentials(scores, shifts) + own.iter().sum::<f32>();
    let all = f64::from(sum).ln();
    if !is_smooth {
        return (all - positive, sum);
    }
    let (count, smoothing) = (met[0].1 + met[1].1, f64::from(smoothing));
    let level = (smoothing * f64::from(sum) / count as f64) as f32;
    let lower = |score: &mut f32, shift: f32| *score -= if shift > f32::NEG_INFINITY { level } else { 0.0 };
    own.iter_mut().zip(own_shifts).for_each(|(score, shift)| lower(score, *shift));
    scores.iter_mut().zip(shifts).for_each(|(score, shift)| lower(score, *shift));
    hidden.iter().for_each(|&candidate| scores[candidate as usize] = 0.0);
    let mean = (met[0].0 + met[1].0) / count as f64;
    (all - (1.0 - smoothing) * positive - smoothing * mean, sum)
}

/// Sum and number of the scores that are not negative infinity once they are shifted.
fn total(scores: &[f32], shifts: Option<&[f32]>) -> (f64, usize) {
    let shifts = shifts.into_iter().flatten().copied().chain(std::iter::repeat(0.0));
    let shifted = scores.iter().zip(shifts).map(|(score, shift)| score + shift);
    shifted
        .filter(|score| *score > f32::NEG_INFINITY)
        .fold((0.0, 0), |(sum, count), score| (sum + f64::from(score), count + 1))
}

/// Scores of a row become slopes of the sum over its negatives; returns the loss and the sum of their weights.
pub(super) fn pairs_row(
    criterion: Criterion,
    (own, own_weights): (&mut [f32], &[f32]),
    (scores, weights): (&mut [f32], &[f32]),
) -> (f64, f32) {
    let positive = own[0];
    let of_own = pair_slopes(&mut own[1..], &own_weights[1..], criterion, positive);
    let of_all = pair_slopes(scores, weights, criterion, positive);
    let [loss, slope, weight] = [0, 1, 2].map(|at| of_own[at] + of_all[at]);
    let mean = if weight > 0.0 { f64::from(criterion.factor()) * f64::from(loss) / f64::from(weight) } else { 0.0 };
    match criterion {
        Criterion::Contrastive { .. } => {
            own[0] = 0.0;
            (mean + 1.0 - f64::from(positive), weight)
        }
        Criterion::Softmax { .. } | Criterion::Bpr { .. } | Criterion::Hinge { .. } => {
            own[0] = -slope;
            (mean, weight)
        }
    }
}

for_every_level! {
    /// Rows and their own items pull at each other by `slopes` `[rows, group]`, gradients that the users have so far are
    /// multiplied by `factors` `[rows]`, and so are the users, into the last target.
    pub(crate) fn pull_rows<const WIDTH: usize>(
        read: (&[f32], &[f32]),
        by: (&[f32], &[f32]),
        written: (&mut [f32], &mut [f32], &mut [f32]),
        width: usize,
    ) {
        let width = if WIDTH == 0 { width } else { WIDTH };
        let ((users, items), (slopes, factors), (user_gradients, item_gradients, scaled)) = (read, by, written);
        let group = slopes.len() / factors.len().max(1);
        let mut own = slopes.iter().zip(items.chunks_exact(width).zip(item_gradients.chunks_exact_mut(width)));
        let targets = user_gradients.chunks_exact_mut(width).zip(scaled.chunks_exact_mut(width));
        for ((user, factor), (gradient, scaled)) in users.chunks_exact(width).zip(factors).zip(targets) {
            gradient.iter_mut().for_each(|value| *value *= factor);
            scaled.iter_mut().zip(user).for_each(|(scaled, user)| *scaled = user * factor);
            for (slope, (item, item_gradient)) in own.by_ref().take(group) {
                gradient.iter_mut().zip(item).for_each(|(gradient, item)| *gradient += slope * item);
                item_gradient.iter_mut().zip(user).for_each(|(gradient, user)| *gradient = slope * user);
            }
        }
    }

    /// The highest of `score + shift`; negative infinity without any.
    pub(crate) fn highest(scores: &[f32], shifts: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for (scores, shifts) in scores.chunks(LANES).zip(shifts.chunks(LANES)) {
            for (highest, (score, shift)) in lanes.iter_mut().zip(scores.iter().zip(shifts)) {
                let shifted = score + shift;
                *highest = if shifted > *highest { shifted } else { *highest };
            }
        }
        lanes.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
}

for_every_register! {
    /// `scores` become `exp(score + shift)`; returns their sum.
    pub(crate) fn exponentials<L>(scores: &mut [f32], shifts: &[f32]) -> f32 {
        let (mut blocks, shift_blocks) = (scores.chunks_exact_mut(LANES), shifts.chunks_exact(LANES));
        let rest_shifts = shift_blocks.remainder();
        // SAFETY: the machine has the instructions.
        let mut sum = unsafe {
            let mut sums = L::splat(0.0);
            for (block, shifts) in (&mut blocks).zip(shift_blocks) {
                let powers = exp_lanes(L::load(block).add(L::load(shifts)));
                powers.store(block);
                sums = sums.add(powers);
            }
            sums.sum()
        };
        for (score, shift) in blocks.into_remainder().iter_mut().zip(rest_shifts) {
            *score = exp(*score + shift);
            sum += *score;
        }
        sum
    }
}
