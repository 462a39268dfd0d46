//! The rows of one query that may still be among the best. In: rows with lower bounds of their scores. Out: the same, cut
//! back now and then, and the threshold that a row's upper bound must reach.
//!
//! The threshold is the `wanted`-th best lower bound so far, or a little less. So `wanted` rows are sure to score at least
//! that much, and a row whose upper bound is below it is not among the best `wanted`. Bounds are in units of the query's
//! step.

/// Steps of the histogram that finds a threshold.
const BINS: usize = 512;

/// Rows that may be among the best.
#[derive(Debug)]
pub(super) struct Survivors {
    wanted: usize,
    /// Largest distance between the lower and the upper bound of a row.
    spread: f32,
    threshold: f32,
    /// Length at which the rows are cut back.
    limit: usize,
    bounds: Vec<f32>,
    rows: Vec<u32>,
}

impl Survivors {
    /// None yet. `spread` is the largest distance between the lower and the upper bound of a row; `wanted` is above 0.
    pub fn new(wanted: usize, spread: f32) -> Self {
        Self {
            wanted,
            spread,
            threshold: f32::NEG_INFINITY,
            limit: 2 * wanted,
            bounds: Vec::with_capacity(4 * wanted),
            rows: Vec::with_capacity(4 * wanted),
        }
    }

    /// What the upper bound of a row must reach.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row whose upper bound reaches the threshold.
    pub fn push(&mut self, lower_bound: f32, row: u32) {
        self.bounds.push(lower_bound);
        self.rows.push(row);
    }

    /// Room for `more` rows behind those that are there: lower bounds, rows, and how many are there.
    #[cfg(target_arch = "x86_64")]
    pub fn spare(&mut self, more: usize) -> (*mut f32, *mut u32, usize) {
        self.bounds.reserve(more);
        self.rows.reserve(more);
        (self.bounds.as_mut_ptr(), self.rows.as_mut_ptr(), self.rows.len())
    }

    /// Takes over what was written behind [`Survivors::spare`].
    ///
    /// # Safety
    /// Both arrays were written up to `len`, and room for `len` was asked for.
    #[cfg(target_arch = "x86_64")]
    pub unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.bounds.capacity() && len <= self.rows.capacity());
        // SAFETY: as the caller says.
        unsafe {
            self.bounds.set_len(len);
            self.rows.set_len(len);
        }
    }

    /// Drops the rows from number `from` on that `keep` refuses.
    pub fn retain(&mut self, from: usize, mut keep: impl FnMut(f32, u32) -> bool) {
        let mut kept = from;
        for position in from..self.rows.len() {
            let (bound, row) = (self.bounds[position], self.rows[position]);
            self.bounds[kept] = bound;
            self.rows[kept] = row;
            kept += usize::from(keep(bound, row));
        }
        self.bounds.truncate(kept);
        self.rows.truncate(kept);
    }

    /// Cuts the rows back when there are many.
    pub fn cut_when_long(&mut self) {
        if self.len() >= self.limit {
            self.cut();
            self.limit = 2 * self.len();
        }
    }

    /// Raises the threshold as far as the rows allow, and drops those that do not reach it.
    pub fn cut(&mut self) {
        if self.len() < self.wanted {
            return;
        }
        self.threshold = kth_best(&self.bounds, self.wanted);
        let least = self.threshold - self.spread;
        self.retain(0, |bound, _| bound >= least);
    }

    /// What is left at the end: the rows whose lower bound reaches the threshold, at least `wanted` where there are so
    /// many, and behind them the rest with their upper bounds.
    pub fn finish(mut self) -> (Vec<u32>, Vec<(f32, u32)>) {
        self.cut();
        let (threshold, mut sure, mut open) = (self.threshold, Vec::with_capacity(self.len()), Vec::new());
        for (&bound, &row) in self.bounds.iter().zip(&self.rows) {
            if bound >= threshold {
                sure.push(row);
            } else {
                open.push((bound + self.spread, row));
            }
        }
        (sure, open)
    }
}

/// A whole number whose order is that of finite values.
fn key(value: f32) -> i32 {
    let bits = value.to_bits() as i32;
    bits ^ ((bits >> 31) as u32 >> 1) as i32
}

/// A value that at least `k` of `values` reach, and, equal values aside, not many more than `k`: bins of a histogram over
/// their keys are counted from the top, and the bin of the `k`-th is split again when it is crowded. `values` are finite, at
/// least `k`.
pub(super) fn kth_best(values: &[f32], k: usize) -> f32 {
    let (mut low, mut high) = (i32::MAX, i32::MIN);
    for &value in values {
        (low, high) = (low.min(key(value)), high.max(key(value)));
    }
    let mut above = 0;
    loop {
        let range = high.wrapping_sub(low) as u32;
        let shift = (u32::BITS - range.leading_zeros()).saturating_sub(BINS.ilog2());
        let mut counts = [0u32; BINS];
        for &value in values {
            let offset = key(value).wrapping_sub(low) as u32;
            if offset <= range {
                counts[(offset >> shift) as usize] += 1;
            }
        }
        let mut bin = BINS - 1;
        while above + (counts[bin] as usize) < k {
            above += counts[bin] as usize;
            bin -= 1;
        }
        let most = range.min((((bin + 1) << shift) - 1) as u32);
        high = low.wrapping_add(most as i32);
        low = low.wrapping_add((bin << shift) as i32);
        if shift == 0 || above + counts[bin] as usize <= k + k / 16 {
            return f32::from_bits((low ^ ((low >> 31) as u32 >> 1) as i32) as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::rng::Rng;

    /// Values as they come, equal ones, and one that is far away.
    fn values(kind: u32, count: usize) -> Vec<f32> {
        let mut rng = Rng::stream(9, "survivors", u64::from(kind));
        let mut values: Vec<f32> = (0..count)
            .map(|_| match kind {
                0 => rng.normal() as f32,
                1 => rng.below(3) as f32,
                2 => 1e-38 * rng.below(100) as f32,
                _ => 7.0,
            })
            .collect();
        values[count / 2] = 1e20;
        values
    }

    #[test]
    fn the_kth_best_is_reached_by_k_values_and_hardly_more() {
        for kind in 0..4 {
            for count in [1, 2, 100, 3000] {
                let values = values(kind, count);
                let mut sorted = values.clone();
                sorted.sort_by(|left, right| right.total_cmp(left));
                for k in [1, count / 3, count / 2, count].into_iter().filter(|&k| k > 0) {
                    let found = kth_best(&values, k);
                    let reached = values.iter().filter(|&&value| value >= found).count();
                    let more = values.iter().filter(|&&value| value > found).count();
                    assert!(reached >= k && more <= k + k / 16, "kind {kind}, {k} of {count}: {reached}, {more}");
                    assert!(found <= sorted[k - 1]);
                }
            }
        }
    }

    #[test]
    fn the_best_survive_every_cut_and_most_others_do_not() {
        let (wanted, values) = (50, values(0, 20_000));
        let mut found = Survivors::new(wanted, 0.01);
        for (chunk, values) in values.chunks(100).enumerate() {
            for (&value, row) in values.iter().zip(chunk as u32 * 100..) {
                if value + 0.01 >= found.threshold() {
                    found.push(value, row);
                }
            }
            found.cut_when_long();
            assert!(found.len() < 4 * wanted);
        }
        let (sure, open) = found.finish();
        let mut best: Vec<u32> = (0..values.len() as u32).collect();
        best.sort_by(|left, right| values[*right as usize].total_cmp(&values[*left as usize]));
        assert!(best[..wanted].iter().all(|row| sure.contains(row)));
        assert!(sure.len() <= wanted + wanted / 16 && open.len() < wanted);
    }
}
