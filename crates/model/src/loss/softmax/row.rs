//! The scores of one row, which become exponentials or slopes, and what rows and their own items do to each other.

use crate::kernel::{LANES, dot_lanes, exp, exp_lanes, for_every_level, for_every_register, ln_wide, prefetch_run};
use crate::layer::embedding::AHEAD;
use crate::loss::criterion::{Criterion, pair_slopes};

/// Takes the highest score of a row off all of them, so that no exponential leaves the range of `f32`; `shifts` are those of
/// `scores`.
pub(super) fn lower(own: &mut [f32], scores: &mut [f32], shifts: &[f32]) {
    let top = own.iter().copied().fold(highest(scores, shifts), f32::max);
    own.iter_mut().chain(scores).for_each(|score| *score -= top);
}

/// Scores of a row, and what is added to each.
pub(super) struct ShiftedRow<'s> {
    pub(super) scores: &'s mut [f32],
    pub(super) shifts: &'s [f32],
}

/// Scores of a row, its own items' with their shifts and the candidates' without, become exponentials whose labels are smoothed.
/// Returns their sum, and what is taken off its logarithm to give the loss.
pub(super) fn smooth_row(smoothing: f32, own: ShiftedRow<'_>, met: ShiftedRow<'_>, hidden: &[u32]) -> (f32, f64) {
    let positive = f64::from(own.scores[0]);
    let [of_own, of_met] = [total(own.scores, None), total(met.scores, Some(met.shifts))];
    own.scores.iter_mut().for_each(|score| *score = exp(*score));
    let sum = exponentials(met.scores, met.shifts) + own.scores.iter().sum::<f32>();
    let (count, smoothing) = (of_own.1 + of_met.1, f64::from(smoothing));
    let level = (smoothing * f64::from(sum) / count as f64) as f32;
    let lower = |(score, shift): (&mut f32, &f32)| *score -= if *shift > f32::NEG_INFINITY { level } else { 0.0 };
    own.scores.iter_mut().zip(own.shifts).for_each(lower);
    met.scores.iter_mut().zip(met.shifts).for_each(lower);
    hidden.iter().for_each(|&candidate| met.scores[candidate as usize] = 0.0);
    let mean = (of_own.0 + of_met.0) / count as f64;
    (sum, (1.0 - smoothing) * positive + smoothing * mean)
}

/// Sum and number of the scores that are not negative infinity once they are shifted.
fn total(scores: &[f32], shifts: Option<&[f32]>) -> (f64, usize) {
    let shifts = shifts.into_iter().flatten().copied().chain(std::iter::repeat(0.0));
    let shifted = scores.iter().zip(shifts).map(|(score, shift)| score + shift);
    shifted
        .filter(|score| *score > f32::NEG_INFINITY)
        .fold((0.0, 0), |(sum, count), score| (sum + f64::from(score), count + 1))
}

/// Scores of a row become slopes of the sum over its negatives; returns the sum of their weights, and the loss.
pub(super) fn pairs_row(
    criterion: Criterion,
    (own, own_weights): (&mut [f32], &[f32]),
    (scores, weights): (&mut [f32], &[f32]),
) -> (f32, f64) {
    let positive = own[0];
    let of_own = pair_slopes(&mut own[1..], &own_weights[1..], criterion, positive);
    let of_all = pair_slopes(scores, weights, criterion, positive);
    let [loss, slope, weight] = [0, 1, 2].map(|at| of_own[at] + of_all[at]);
    let mean = if weight > 0.0 { f64::from(criterion.factor()) * f64::from(loss) / f64::from(weight) } else { 0.0 };
    match criterion {
        Criterion::Contrastive { .. } => {
            own[0] = 0.0;
            (weight, mean + 1.0 - f64::from(positive))
        }
        Criterion::Softmax { .. } | Criterion::Bpr { .. } | Criterion::Hinge { .. } => {
            own[0] = -slope;
            (weight, mean)
        }
    }
}

for_every_level! {
    /// Rows and their own items, those of `places` `[rows · group]`, pull at each other by `slopes` `[rows, group]`; gradients that
    /// the users have so far are multiplied by `factors` `[rows]`, and so are the users, into the last target.
    pub(crate) fn pull_rows<const WIDTH: usize>(
        read: (&[f32], (&[f32], &[u32])),
        by: (&[f32], &[f32]),
        written: (&mut [f32], &mut [f32], &mut [f32]),
        width: usize,
    ) {
        let width = if WIDTH == 0 { width } else { WIDTH };
        let ((users, (items, places)), (slopes, factors)) = (read, by);
        let (user_gradients, item_gradients, scaled) = written;
        let group = slopes.len() / factors.len().max(1);
        let mut own = slopes.iter().zip(places.iter().zip(item_gradients.chunks_exact_mut(width)));
        let targets = user_gradients.chunks_exact_mut(width).zip(scaled.chunks_exact_mut(width));
        for ((user, factor), (gradient, scaled)) in users.chunks_exact(width).zip(factors).zip(targets) {
            gradient.iter_mut().for_each(|value| *value *= factor);
            scaled.iter_mut().zip(user).for_each(|(scaled, user)| *scaled = user * factor);
            for (slope, (place, item_gradient)) in own.by_ref().take(group) {
                let item = &items[*place as usize * width..][..width];
                gradient.iter_mut().zip(item).for_each(|(gradient, item)| *gradient += slope * item);
                item_gradient.iter_mut().zip(user).for_each(|(gradient, user)| *gradient = slope * user);
            }
        }
    }

    /// Scores of the rows' own items `[rows, group]` become exponentials, which are added to `sums` `[rows]`.
    pub(crate) fn own_powers(own: &mut [f32], sums: &mut [f32]) {
        own.iter_mut().for_each(|score| *score = exp(*score));
        for (own, sum) in own.chunks_exact(own.len() / sums.len()).zip(sums) {
            *sum += own.iter().sum::<f32>();
        }
    }

    /// `Σ weight · (ln sum - part)`: sixteen logarithms at once.
    pub(crate) fn log_losses(sums: &[f32], parts: &[f64], weights: &[f32]) -> f64 {
        let mut losses = [0.0f64; LANES];
        let blocks = sums.chunks(LANES).zip(parts.chunks(LANES)).zip(weights.chunks(LANES));
        for ((sums, parts), weights) in blocks {
            let mut logs = [0.0f64; LANES];
            logs.iter_mut().zip(sums).for_each(|(log, sum)| *log = ln_wide(*sum));
            let own = logs.iter().zip(parts).zip(weights);
            losses.iter_mut().zip(own).for_each(|(loss, ((log, part), weight))| *loss += f64::from(*weight) * (log - part));
        }
        losses.into_iter().sum()
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
    /// Writes `user · item / temperature` of the rows' own items, those of `places` `[rows · group]`.
    pub(crate) fn own_scores<L, const WIDTH: usize>(
        users: &[f32],
        items: (&[f32], &[u32]),
        scores: &mut [f32],
        by: (usize, f32),
    ) {
        let ((items, places), (width, temperature)) = (items, by);
        let width = if WIDTH == 0 { width } else { WIDTH };
        let group = scores.len() * width / users.len();
        for (number, (user, scores)) in users.chunks_exact(width).zip(scores.chunks_exact_mut(group)).enumerate() {
            for (place, score) in (number * group..).zip(scores) {
                if let Some(next) = places.get(place + AHEAD) {
                    prefetch_run(items, *next as usize * width, width);
                }
                // SAFETY: the machine has the instructions.
                let product = unsafe { dot_lanes::<L>(user, &items[places[place] as usize * width..][..width]) };
                *score = product / temperature;
            }
        }
    }

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
