//! How far vectors have collapsed.
//!
//! In: vectors row by row. Out: numbers. Sums are in 64 bits and in the order of the rows, so that no figure depends on
//! threads.

use crate::layer::product::{Matrix, multiply};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// Users whose lists are made at once: each reads all item vectors.
const USERS: usize = 16;

/// Variance of vectors of length 1 below which they are one vector.
const NO_VARIANCE: f64 = 1e-9;

/// Mean cosine between two different rows of unit vectors `[rows, dimension]`; `None` for fewer than two rows.
///
/// `(|Σ u|² - Σ |u|²) / (n (n - 1))`: all pairs for the price of one sum.
pub(super) fn mean_cosine(vectors: &[f32], dimension: usize) -> Option<f64> {
    let rows = vectors.len() / dimension;
    let (sum, mut own) = (sums(vectors, dimension), 0.0);
    vectors.iter().for_each(|&number| own += f64::from(number) * f64::from(number));
    let all: f64 = sum.iter().map(|number| number * number).sum();
    (rows > 1).then(|| (all - own) / (rows * (rows - 1)) as f64)
}

/// In how many directions the rows differ: the participation ratio `(Σ λ)² / Σ λ²` of the eigenvalues of their covariance
/// (Gao et al.: "A theory of multineuronal dimensionality, dynamics and measurement", bioRxiv 214262, 2017). It is 1 on a line
/// and the dimension where all directions are alike; where Roy and Vetterli ("The effective rank", EUSIPCO 2007) take the
/// entropy of the spectrum, this takes its second moment, which needs no eigenvalues: `trace(C)² / |C|²`. 0 where all rows
/// are equal, `None` for fewer than two.
pub(super) fn effective_rank(vectors: &[f32], dimension: usize) -> Option<f64> {
    let rows = vectors.len() / dimension;
    if rows < 2 {
        return None;
    }
    let mean: Vec<f64> = sums(vectors, dimension).iter().map(|sum| sum / rows as f64).collect();
    let mut covariance = vec![0.0; dimension * dimension];
    covariance.par_chunks_mut(dimension).enumerate().for_each(|(column, target)| {
        for row in vectors.chunks_exact(dimension) {
            let own = f64::from(row[column]) - mean[column];
            for ((sum, &number), mean) in target.iter_mut().zip(row).zip(&mean) {
                *sum += own * (f64::from(number) - mean);
            }
        }
    });
    let trace: f64 = covariance.iter().step_by(dimension + 1).sum();
    let squares: f64 = covariance.iter().map(|number| number * number).sum();
    Some(if trace < NO_VARIANCE * rows as f64 { 0.0 } else { trace * trace / squares })
}

/// Share of the places in the lists of the `k` best items of each user that `hot` items take. `users` and `items` are
/// `[rows, dimension]`; of equal scores the item of the lower number is better. `None` without users.
pub(super) fn hot_share(
    users: &[f32],
    items: &[f32],
    dimension: usize,
    (hot, k): (&BTreeSet<u32>, usize),
) -> Option<f64> {
    let rows = users.len() / dimension;
    let blocks = users.par_chunks(USERS * dimension);
    let hits: usize = blocks.map(|users| hits(users, items, dimension, (hot, k))).sum();
    (rows * k > 0).then(|| hits as f64 / (rows * k) as f64)
}

fn hits(users: &[f32], items: &[f32], dimension: usize, (hot, k): (&BTreeSet<u32>, usize)) -> usize {
    let (count, corpus) = (users.len() / dimension, items.len() / dimension);
    let mut scores = vec![0.0; corpus * count];
    let users = Matrix::new(users, count, dimension).transposed();
    multiply(&mut scores, Matrix::new(items, corpus, dimension), users, false);
    let mut list: Vec<(f32, u32)> = Vec::with_capacity(corpus);
    let mut hits = 0;
    for user in 0..count {
        list.clear();
        list.extend(scores.iter().skip(user).step_by(count).copied().zip(0..));
        if k < list.len() {
            list.select_nth_unstable_by(k, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        hits += list.iter().take(k).filter(|(_, item)| hot.contains(item)).count();
    }
    hits
}

fn sums(vectors: &[f32], dimension: usize) -> Vec<f64> {
    let mut sums = vec![0.0; dimension];
    for row in vectors.chunks_exact(dimension) {
        sums.iter_mut().zip(row).for_each(|(sum, &number)| *sum += f64::from(number));
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::rng::Rng;

    /// Unit vectors around `centre`, whose numbers vary by `spread`.
    fn vectors(rows: usize, centre: &[f64], spread: &[f64]) -> Vec<f32> {
        let mut rng = Rng::stream(1, "test", 0);
        let row = |_| {
            let row: Vec<f64> = centre.iter().zip(spread).map(|(at, by)| at + by * rng.normal()).collect();
            let length = row.iter().map(|number| number * number).sum::<f64>().sqrt();
            row.into_iter().map(move |number| (number / length) as f32).collect::<Vec<_>>()
        };
        (0..rows).flat_map(row).collect()
    }

    #[test]
    fn the_mean_cosine_is_that_of_all_pairs() {
        let vectors = vectors(50, &[0.5, 0.0, 0.0], &[1.0; 3]);
        let rows: Vec<&[f32]> = vectors.chunks(3).collect();
        let cosine = |a: usize, b: usize| rows[a].iter().zip(rows[b]).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let pairs = (0..50).flat_map(|a| (0..a).map(move |b| (a, b)));
        let expected = pairs.map(|(a, b)| cosine(a, b)).sum::<f64>() / (50.0 * 49.0 / 2.0);
        assert!((mean_cosine(&vectors, 3).unwrap() - expected).abs() < 1e-6);
        assert_eq!((mean_cosine(&[1.0, 0.0], 2), effective_rank(&[1.0, 0.0], 2)), (None, None));
        assert!((mean_cosine(&[0.6, 0.8, 0.6, 0.8, 0.6, 0.8], 2).unwrap() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn the_effective_rank_counts_the_directions() {
        let centre = [0.0; 8];
        let all = effective_rank(&vectors(4000, &centre, &[1.0; 8]), 8).unwrap();
        let two = effective_rank(&vectors(4000, &centre, &[1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 8).unwrap();
        assert!((all - 8.0).abs() < 0.1 && (two - 2.0).abs() < 0.02, "{all}, {two}");
        // Two points are a line, wherever they are.
        let line: Vec<f32> = [[0.6, 0.8, 0.0], [0.0, 0.6, 0.8]].concat().repeat(5);
        assert!((effective_rank(&line, 3).unwrap() - 1.0).abs() < 1e-6);
        assert_eq!(effective_rank(&[0.6, 0.8].repeat(9), 2), Some(0.0));
    }

    #[test]
    fn the_share_of_hot_items_is_that_of_sorted_lists() {
        let (users, items) = (vectors(40, &[0.0; 4], &[1.0; 4]), vectors(300, &[0.3; 4], &[1.0; 4]));
        let hot: BTreeSet<u32> = [3, 77, 120, 299].into();
        let mut expected = 0;
        for user in users.chunks(4) {
            let score = |item: u32| user.iter().zip(&items[item as usize * 4..]).map(|(a, b)| a * b).sum::<f32>();
            let mut order: Vec<u32> = (0..300).collect();
            order.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
            expected += order[..30].iter().filter(|item| hot.contains(item)).count();
        }
        assert_eq!(hot_share(&users, &items, 4, (&hot, 30)), Some(expected as f64 / (40.0 * 30.0)));
        assert!(expected > 0);
        // All scores are equal: the first items are best, and there are no more than there are.
        assert_eq!(hot_share(&[1.0, 0.0], &[1.0, 0.0, 1.0, 0.0], 2, (&[1].into(), 1)), Some(0.0));
        assert_eq!(hot_share(&[], &items, 4, (&hot, 30)), None);
    }
}
