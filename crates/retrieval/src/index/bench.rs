//! How fast an index answers single queries here, and with which recall.
//!
//! In: vectors and queries, or sizes (then both are made). Out: [`BenchRow`]s, whose names are those of other libraries'
//! scripts, so that they can stand beside them. The choice of a kind never comes from here: `choice` has a table of its own.

use super::about::BuiltKind;
use super::build::{IndexInput, cellular, exact};
use super::choice::{choose, predicted};
use super::fit::Judged;
use super::image::Image;
use super::{VectorIndex, check_vectors};
use crate::config::IndexKind;
use crate::error::Result;
use crate::scan::ScanQueries;
use serde::Serialize;
use std::path::Path;
use std::time::Instant;
use twinspire_core::CoreError;
use twinspire_core::query::Scored;
use twinspire_core::rng::Rng;
use twinspire_core::vfs::Vfs;

/// Queries before the measured ones.
const WARM_UP: usize = 20;
/// Centres of made vectors.
const CENTRES: usize = 2000;
/// Noise of made items against the scale of their centres; queries have half of it.
const NOISE: f64 = 0.6;

/// Vectors of length 1 and queries, both row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchVectors {
    /// `[items, dimension]`.
    pub vectors: Vec<f32>,
    /// `[queries, dimension]`.
    pub queries: Vec<f32>,
    /// Length of a vector.
    pub dimension: usize,
}

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchSettings {
    /// Lengths of the lists.
    pub lengths: Vec<usize>,
    /// Recalls that cells are fitted to; without any only the exact index is measured.
    pub recall_targets: Vec<f64>,
    /// The first queries, which are measured; cells are fitted to the others.
    pub measured: usize,
    /// Of cells.
    pub seed: u64,
}

/// One index and one length of lists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchRow {
    /// Name of the index.
    pub index: BuiltKind,
    /// Number of items.
    pub n: usize,
    /// Length of a vector.
    pub dim: usize,
    /// Length of the lists.
    pub k: usize,
    /// Recall that the cells were fitted to, on other queries.
    pub recall_target: f64,
    /// Share of the exact lists that was found.
    pub recall: f64,
    /// Milliseconds of the median query, one thread.
    pub p50_ms: f64,
    /// Milliseconds that one query of a hundred exceeds.
    pub p99_ms: f64,
    /// Seconds to build, all threads, the fit included.
    pub build_s: f64,
    /// Size of the file.
    pub index_mib: f64,
    /// Milliseconds to open the file, every byte checked; it was just written, so that it lies in memory.
    pub open_ms: f64,
    /// Measured queries.
    pub queries: usize,
    /// Milliseconds by the cost table.
    pub predicted_ms: f64,
    /// Is this what `auto` takes?
    pub is_chosen: bool,
}

/// Vectors as trained ones are: popular centres have more items, and the first dimensions matter most. A query mixes up to
/// three centres, as a user has several tastes.
pub fn made_up(items: usize, queries: usize, dimension: usize, seed: u64) -> BenchVectors {
    let scale: Vec<f64> = (0..dimension).map(|place| 1.0 / (place as f64 + 1.0).sqrt()).collect();
    let mut rng = Rng::stream(seed, "bench index", 0);
    let noise =
        |rng: &mut Rng, times: f64| scale.iter().map(|scale| times * scale * rng.normal()).collect::<Vec<f64>>();
    let centres: Vec<Vec<f64>> = (0..CENTRES).map(|_| noise(&mut rng, 1.0)).collect();
    let mut share = 0.0;
    let shares: Vec<f64> = (1..=CENTRES)
        .map(|rank| {
            share += 1.0 / rank as f64;
            share
        })
        .collect();
    let centre =
        |rng: &mut Rng| &centres[shares.partition_point(|&until| until <= rng.unit() * share).min(CENTRES - 1)];
    let mut unit = |tastes: usize, times: f64| {
        let mut sum = noise(&mut rng, times);
        for _ in 0..tastes {
            let weight = if tastes == 1 { 1.0 } else { rng.unit().powi(2) };
            sum.iter_mut().zip(centre(&mut rng)).for_each(|(sum, value)| *sum += weight * value);
        }
        let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        sum.into_iter().map(move |value| (value / length) as f32)
    };
    let vectors = (0..items).flat_map(|_| unit(1, NOISE)).collect();
    let queries = (0..queries).flat_map(|_| unit(3, NOISE / 2.0)).collect();
    BenchVectors { vectors, queries, dimension }
}

/// Measures the exact index and one with cells for each recall. Each is written to `scratch` once, opened and removed.
///
/// # Errors
/// `Invalid` for a vector that is not finite; I/O of the file.
pub fn measure(given: &BenchVectors, settings: &BenchSettings, scratch: (&dyn Vfs, &Path)) -> Result<Vec<BenchRow>> {
    check_vectors("vectors", &given.vectors, given.dimension)?;
    check_vectors("queries", &given.queries, given.dimension)?;
    let split = settings.measured.min(given.queries.len() / given.dimension) * given.dimension;
    let (measured, others) = given.queries.split_at(split);
    let input = IndexInput { vectors: &given.vectors, dimension: given.dimension, ids: &[], queries: others };
    let bench = Bench { input, measured };
    let started = Instant::now();
    let index = exact(&input);
    let build_s = started.elapsed().as_secs_f64();
    let mut rows = Vec::new();
    for &k in &settings.lengths {
        let built = Built { build_s, bytes: index.image().len(), recall_target: 1.0 };
        rows.push(bench.row(BuiltKind::Exact, k, built, &|query, k| {
            index.search(ScanQueries { vectors: query, excluded: &[&[]] }, k, None).swap_remove(0)
        }));
    }
    let open_ms = opened(index.into_image(), scratch)?;
    rows.iter_mut().for_each(|row| row.open_ms = open_ms);
    if !settings.recall_targets.is_empty() {
        rows.extend(bench.with_cells(settings, scratch)?);
    }
    Ok(rows)
}

/// Milliseconds to open an image that was written a moment ago.
fn opened(mut image: Image, (vfs, path): (&dyn Vfs, &Path)) -> Result<f64> {
    image.seal(&[], &[]);
    image.write(vfs, path)?;
    drop(image);
    let started = Instant::now();
    let milliseconds = Image::open(path).map(|_| started.elapsed().as_secs_f64() * 1e3);
    vfs.remove_file(path).map_err(|error| CoreError::io(path, error))?;
    Ok(milliseconds?)
}

struct Bench<'a> {
    input: IndexInput<'a>,
    measured: &'a [f32],
}

/// What is known before the first query.
struct Built {
    build_s: f64,
    bytes: usize,
    recall_target: f64,
}

impl Bench<'_> {
    fn with_cells(&self, settings: &BenchSettings, scratch: (&dyn Vfs, &Path)) -> Result<Vec<BenchRow>> {
        let started = Instant::now();
        let (_, index) = cellular(&self.input, settings.seed);
        let build_s = started.elapsed().as_secs_f64();
        let mut rows = Vec::new();
        for &k in &settings.lengths {
            let fitting =
                Judged::of(self.input.vectors, &self.input.queries_or_made_up(settings.seed), index.dimension(), k);
            for &recall_target in &settings.recall_targets {
                let started = Instant::now();
                let reach = fitting.fit(&index, recall_target);
                let build_s = build_s + started.elapsed().as_secs_f64();
                let built = Built { build_s, bytes: index.image().len(), recall_target };
                rows.push(self.row(BuiltKind::Ivf, k, built, &|query, k| index.probe(query, (k, None), reach).found));
            }
        }
        let open_ms = opened(index.into_image(), scratch)?;
        rows.iter_mut().for_each(|row| row.open_ms = open_ms);
        Ok(rows)
    }

    /// Asks every measured query alone.
    fn row(&self, kind: BuiltKind, k: usize, built: Built, ask: &dyn Fn(&[f32], usize) -> Vec<Scored>) -> BenchRow {
        let dimension = self.input.dimension;
        self.measured.chunks_exact(dimension).take(WARM_UP).for_each(|query| drop(ask(query, k)));
        let (mut times, mut lists) = (Vec::new(), Vec::new());
        for query in self.measured.chunks_exact(dimension) {
            let started = Instant::now();
            lists.push(ask(query, k));
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let quantile = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
        let items = self.input.vectors.len() / dimension;
        let microseconds = predicted(kind, items, dimension, k);
        BenchRow {
            index: kind,
            n: items,
            dim: dimension,
            k,
            recall_target: built.recall_target,
            recall: Judged::of(self.input.vectors, self.measured, dimension, k).recall_of(&lists),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            build_s: built.build_s,
            index_mib: built.bytes as f64 / f64::from(1 << 20),
            open_ms: 0.0,
            queries: times.len(),
            predicted_ms: microseconds / 1e3,
            is_chosen: choose(IndexKind::Auto, items, dimension, k).kind == kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::vfs::RealVfs;

    #[test]
    fn a_bench_measures_every_index_at_every_length() {
        let given = made_up(3000, 80, 16, 1);
        assert_eq!(given, made_up(3000, 80, 16, 1));
        let settings = BenchSettings { lengths: vec![10, 50], recall_targets: vec![0.9], measured: 30, seed: 1 };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("an.index");
        let rows = measure(&given, &settings, (&RealVfs, &file)).unwrap();
        assert!(!file.exists());
        let what: Vec<_> = rows.iter().map(|row| (row.index, row.k, row.queries)).collect();
        assert_eq!(what, [BuiltKind::Exact, BuiltKind::Ivf].map(|kind| [10, 50].map(|k| (kind, k, 30))).concat());
        assert_eq!([rows[0].recall, rows[1].recall], [1.0, 1.0]);
        assert!(rows[2..].iter().all(|row| row.recall > 0.8), "{rows:?}");
        assert!(rows.iter().all(|row| row.p50_ms > 0.0 && row.p99_ms >= row.p50_ms && row.index_mib > 0.2));
        assert!(rows.iter().all(|row| row.open_ms > 0.0));
    }
}
