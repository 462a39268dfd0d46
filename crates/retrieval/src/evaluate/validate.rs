//! Bare vectors, judged over the full corpus before there is a bundle: after each epoch of training, and to compare
//! models on the same samples.

use super::bootstrap::Bootstrap;
use super::figures::Scorer;
use super::report::ReportRow;
use super::scale::Scale;
use super::tally::{Tallier, Tally};
use super::{BLOCK, Truth};
use crate::config::RetrievalSettings;
use crate::error::Result;
use crate::scan::{ItemBlocks, ScanQueries};
use std::collections::BTreeMap;

/// Query vectors `[queries, dimension]` in the order of the query table, item vectors `[items, dimension]`, dimension.
pub type Vectors<'a> = (&'a [f32], &'a [f32], usize);

/// `recall@K` for each length of the settings, as [`super::evaluate`] gives it for an exact two-tower channel. Runs in
/// the current thread pool.
pub fn recall_at_k(settings: &RetrievalSettings, truth: &Truth<'_>, vectors: Vectors<'_>) -> BTreeMap<String, f64> {
    means(settings, truth, vectors).into_iter().filter(|(name, _)| name.starts_with("recall@")).collect()
}

/// All figures that are means over queries, likewise.
pub fn means(settings: &RetrievalSettings, truth: &Truth<'_>, vectors: Vectors<'_>) -> BTreeMap<String, f64> {
    tally(settings, *truth, vectors).table(*truth, &Scorer::new(settings.lengths()), |_, _| true).means()
}

/// All figures of the lists that the vectors give by exact search, with segments and intervals, as a row of a report
/// that is called `name`. `positives` are those of the training part, one an item; `seed` that of the intervals. Runs
/// in the current thread pool.
pub fn judge_vectors(
    settings: &RetrievalSettings,
    (truth, positives): (&Truth<'_>, &[u64]),
    vectors: Vectors<'_>,
    (name, seed): (&str, u64),
) -> ReportRow {
    let bootstrap = Bootstrap { seed, resamples: settings.resamples() };
    let scale = Scale::new(*truth, positives, settings.lengths(), bootstrap);
    scale.row(name, &tally(settings, *truth, vectors))
}

fn tally(settings: &RetrievalSettings, truth: Truth<'_>, (queries, items, dimension): Vectors<'_>) -> Tally {
    assert_eq!(queries.len(), truth.len() * dimension, "one vector for each query");
    let blocks = ItemBlocks::new(items, dimension);
    let longest = settings.lengths().last().copied().unwrap_or_default();
    let tallier = Tallier { truth, lengths: settings.lengths(), items: blocks.len(), block: BLOCK };
    let tallies: Result<Vec<Tally>> = tallier.tally(1, |rows| {
        let excluded: Vec<Vec<u32>> =
            rows.clone().map(|row| truth.excluded(row, settings.judge_without_seen())).collect();
        let excluded: Vec<&[u32]> = excluded.iter().map(Vec::as_slice).collect();
        let vectors = &queries[rows.start * dimension..rows.end * dimension];
        let found = blocks.top_k(ScanQueries { vectors, excluded: &excluded }, longest);
        Ok(vec![found.iter().map(|list| list.iter().map(|scored| scored.item).collect()).collect()])
    });
    tallies.ok().and_then(|mut tallies| tallies.pop()).expect("a scan cannot fail, and there is one way")
}
