//! Cells of near vectors: k-means (S. Lloyd, "Least squares quantization in PCM", 1982) on a sample.
//!
//! In: vectors and a seed. Out: [`Cells`], the same at any number of threads: assignments are made row by row, and every
//! centroid is summed over its rows in their order. It builds no index.

use crate::scan::{ItemBlocks, ScanQueries};
use rayon::prelude::*;
use twinspire_core::rng::Rng;

/// Sampled vectors for each cell.
const SAMPLED: usize = 40;
/// Rounds of assigning and moving.
const ROUNDS: usize = 6;
/// Vectors that are assigned at once.
const CHUNK: usize = 4096;

/// A partition of vectors.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cells {
    /// `[cells, dimension]`: means of the members.
    pub centroids: Vec<f32>,
    /// Items of each cell, ascending; no cell is empty.
    pub members: Vec<Vec<u32>>,
    /// Root of the mean squared distance between a member and the centroid.
    pub spreads: Vec<f32>,
}

/// Splits `vectors`, `[items, dimension]`, into at most `cells` cells.
pub(super) fn split(vectors: &[f32], dimension: usize, cells: usize, seed: u64) -> Cells {
    let items = vectors.len() / dimension;
    let mut order: Vec<u32> = (0..items as u32).collect();
    Rng::stream(seed, "index cells", 0).shuffle(&mut order);
    order.truncate(cells * SAMPLED);
    let sample: Vec<f32> = order.iter().flat_map(|&item| row(vectors, dimension, item)).copied().collect();
    let mut centroids = sample[..cells.min(order.len()) * dimension].to_vec();
    for round in 0..ROUNDS {
        let members = members(&assign(&sample, dimension, &centroids), centroids.len() / dimension);
        centroids = means(&sample, dimension, &members);
        let mut rng = Rng::stream(seed, "index cells", 1 + round as u64);
        for (centroid, _) in
            centroids.chunks_exact_mut(dimension).zip(&members).filter(|(_, members)| members.is_empty())
        {
            centroid.copy_from_slice(row(&sample, dimension, rng.below(order.len() as u32)));
        }
    }
    let mut members = members(&assign(vectors, dimension, &centroids), centroids.len() / dimension);
    members.retain(|members| !members.is_empty());
    let centroids = means(vectors, dimension, &members);
    let spreads = spreads(vectors, dimension, (&centroids, &members));
    Cells { centroids, members, spreads }
}

fn row(vectors: &[f32], dimension: usize, item: u32) -> &[f32] {
    &vectors[item as usize * dimension..][..dimension]
}

/// The nearest centroid of every vector: the largest x·c - ‖c‖²/2, which is a product with one dimension more.
fn assign(vectors: &[f32], dimension: usize, centroids: &[f32]) -> Vec<u32> {
    let widened = |row: &[f32], last: f32| row.iter().copied().chain([last]).collect::<Vec<f32>>();
    let half = |row: &[f32]| -0.5 * row.iter().map(|value| value * value).sum::<f32>();
    let centroids: Vec<f32> = centroids.chunks_exact(dimension).flat_map(|row| widened(row, half(row))).collect();
    let blocks = ItemBlocks::new(&centroids, dimension + 1);
    let nearest = |chunk: &[f32]| {
        let vectors: Vec<f32> = chunk.chunks_exact(dimension).flat_map(|row| widened(row, 1.0)).collect();
        let excluded = vec![&[][..]; chunk.len() / dimension];
        let found = blocks.top_k(ScanQueries { vectors: &vectors, excluded: &excluded }, 1);
        found.into_iter().map(|best| best.first().map_or(0, |best| best.item)).collect::<Vec<u32>>()
    };
    vectors.par_chunks(CHUNK * dimension).flat_map_iter(nearest).collect()
}

fn members(cell_of: &[u32], cells: usize) -> Vec<Vec<u32>> {
    let mut members = vec![Vec::new(); cells];
    for (&cell, item) in cell_of.iter().zip(0..) {
        members[cell as usize].push(item);
    }
    members
}

/// `[cells, dimension]`; zeros for a cell without members.
fn means(vectors: &[f32], dimension: usize, members: &[Vec<u32>]) -> Vec<f32> {
    let mut centroids = vec![0.0; members.len() * dimension];
    centroids.par_chunks_exact_mut(dimension).zip(members).for_each(|(centroid, members)| {
        let mut sums = vec![0.0f64; dimension];
        for &item in members {
            sums.iter_mut().zip(row(vectors, dimension, item)).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        let count = members.len().max(1) as f64;
        centroid.iter_mut().zip(sums).for_each(|(value, sum)| *value = (sum / count) as f32);
    });
    centroids
}

fn spreads(vectors: &[f32], dimension: usize, (centroids, members): (&[f32], &[Vec<u32>])) -> Vec<f32> {
    let spread = |(centroid, members): (&[f32], &Vec<u32>)| {
        let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        let distance = |&item: &u32| row(vectors, dimension, item).iter().zip(centroid).map(square).sum::<f64>();
        (members.iter().map(distance).sum::<f64>() / members.len() as f64).sqrt() as f32
    };
    centroids.par_chunks_exact(dimension).zip(members).map(spread).collect()
}

#[cfg(test)]
mod tests {
    use super::super::contract::Data;
    use super::*;

    #[test]
    fn cells_are_the_same_at_any_number_of_threads_and_part_the_items() {
        for data in Data::ALL {
            let vectors = data.vectors(1, 5000, 12);
            let in_pool = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| split(&vectors, 12, 60, 7))
            };
            let cells = in_pool(1);
            assert!(cells == in_pool(2) && cells == in_pool(4));
            let mut items: Vec<u32> = cells.members.iter().flatten().copied().collect();
            items.sort_unstable();
            assert!(items.into_iter().eq(0..5000));
            assert!(cells.members.iter().all(|members| !members.is_empty() && members.is_sorted()));
        }
    }

    #[test]
    fn planted_groups_are_found() {
        let vectors: Vec<f32> =
            (0..900u32).flat_map(|item| [(item % 3) as f32 * 10.0, (item % 7) as f32 * 0.01]).collect();
        let cells = split(&vectors, 2, 20, 1);
        for members in &cells.members {
            assert!(members.iter().all(|item| item % 3 == members[0] % 3), "no cell mixes two groups");
        }
        assert!(cells.spreads.iter().all(|&spread| spread < 0.04));
    }
}
