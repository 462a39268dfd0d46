//! Confidence intervals of means: the percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap",
//! 1993, chapter 13).
//!
//! In: a table of figures, one row a query. Out: for each column the interval that holds the mean of 95 % of the
//! resamples of the queries. For a table of differences it is the interval of a paired comparison. A resample has a
//! random stream of its own and is summed in the order of the queries, so nothing depends on threads.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use twinspire_core::rng::Rng;

/// Part of the resamples that lies outside the interval, on each side.
const OUTSIDE: f64 = 0.025;

/// Resamples that are summed in one pass over the table.
const TILE: usize = 8;

/// How resamples are drawn.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap {
    /// Seed of the draws.
    pub seed: u64,
    /// Number of resamples; 0: no intervals.
    pub resamples: usize,
}

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// 2.5 % of the resamples have a lower mean.
    pub low: f64,
    /// 2.5 % of the resamples have a higher mean.
    pub high: f64,
}

impl Bootstrap {
    /// One interval a column of `values`, `[queries, columns]`; none without queries or resamples. Runs in the current
    /// thread pool.
    pub fn intervals(self, values: &[f64], columns: usize) -> Vec<Interval> {
        if values.is_empty() || self.resamples == 0 {
            return Vec::new();
        }
        let tiles: Vec<Vec<f64>> = (0..self.resamples.div_ceil(TILE))
            .into_par_iter()
            .map(|tile| self.means(tile * TILE..((tile + 1) * TILE).min(self.resamples), values, columns))
            .collect();
        let interval = |column: usize| {
            let means = tiles.iter().flat_map(|means| means.chunks_exact(columns).map(|row| row[column]));
            let mut means: Vec<f64> = means.collect();
            means.sort_unstable_by(f64::total_cmp);
            let outside = (OUTSIDE * self.resamples as f64) as usize;
            Interval { low: means[outside], high: means[self.resamples - 1 - outside] }
        };
        (0..columns).map(interval).collect()
    }

    /// Means of the columns, `[resamples, columns]`.
    fn means(self, resamples: std::ops::Range<usize>, values: &[f64], columns: usize) -> Vec<f64> {
        let queries = values.len() / columns;
        let mut times = vec![[0.0; TILE]; queries];
        for (lane, resample) in resamples.clone().enumerate() {
            let mut rng = Rng::stream(self.seed, "bootstrap", resample as u64);
            (0..queries).for_each(|_| times[rng.below(queries as u32) as usize][lane] += 1.0);
        }
        let mut sums = vec![[0.0; TILE]; columns];
        for (times, row) in times.iter().zip(values.chunks_exact(columns)) {
            for (sums, value) in sums.iter_mut().zip(row) {
                sums.iter_mut().zip(times).for_each(|(sum, times)| *sum += times * value);
            }
        }
        let lanes = 0..resamples.len();
        lanes.flat_map(|lane| sums.iter().map(move |sums| sums[lane] / queries as f64)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(count: usize) -> Vec<f64> {
        let mut rng = Rng::stream(3, "bootstrap test", 0);
        (0..count).flat_map(|_| [rng.unit(), 2.0 + 10.0 * rng.normal()]).collect()
    }

    #[test]
    fn the_interval_of_a_mean_is_about_two_standard_errors_to_each_side() {
        let (count, values) = (2000, draws(2000));
        let found = Bootstrap { seed: 1, resamples: 2000 }.intervals(&values, 2);
        for (column, deviation) in [(0, (1.0f64 / 12.0).sqrt()), (1, 10.0)] {
            let mean = values.iter().skip(column).step_by(2).sum::<f64>() / count as f64;
            let half = 1.96 * deviation / (count as f64).sqrt();
            assert!((found[column].low - (mean - half)).abs() < 0.15 * half, "{found:?} {mean} {half}");
            assert!((found[column].high - (mean + half)).abs() < 0.15 * half, "{found:?} {mean} {half}");
        }
    }

    #[test]
    fn intervals_repeat_at_any_number_of_threads_and_change_with_the_seed() {
        let values = draws(300);
        let at = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Bootstrap { seed, resamples: 101 }.intervals(&values, 2))
        };
        assert_eq!(at(1, 7), at(4, 7));
        assert_ne!(at(1, 7), at(1, 8));
    }

    #[test]
    fn what_never_varies_has_an_interval_of_one_point() {
        let point = Interval { low: 0.25, high: 0.25 };
        assert_eq!(Bootstrap { seed: 1, resamples: 40 }.intervals(&[0.25; 64], 1), [point]);
        assert!(Bootstrap { seed: 1, resamples: 0 }.intervals(&[0.25; 9], 1).is_empty());
        assert!(Bootstrap { seed: 1, resamples: 9 }.intervals(&[], 1).is_empty());
    }
}
