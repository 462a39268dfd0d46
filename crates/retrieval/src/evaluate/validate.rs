//! Bare vectors, judged over the full corpus before there is a bundle: after each epoch of training, and to compare
//! models on the same samples.

use super::bootstrap::Bootstrap;
use super::figures::Scorer;
use super::report::{ReportRow, SegmentSize};
use super::scale::Scale;
use super::tally::{Tallier, Tally};
use super::{BLOCK, Truth};
use crate::channel::encode_each;
use crate::config::RetrievalSettings;
use crate::context::RetrievalContext;
use crate::error::Result;
use crate::index::best_of_interests;
use crate::scan::{ItemBlocks, ScanQueries};
use std::collections::BTreeMap;
use twinspire_core::query::{QueryBatch, QueryEncoder};

/// Query vectors `[queries, interests, dimension]` in the order of the query table, item vectors `[items, dimension]`,
/// dimension; there are as many interests as vectors for a query.
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

/// As [`judge_vectors`], of a user tower and item vectors `[items, dimension]`: each query is encoded alone, as a request
/// is.
///
/// # Errors
/// Queries that do not fit the tower.
pub fn judge_towers(
    context: &RetrievalContext<'_>,
    settings: &RetrievalSettings,
    (truth, positives): (&Truth<'_>, &[u64]),
    (tower, items): (&dyn QueryEncoder, &[f32]),
    (name, seed): (&str, u64),
) -> Result<ReportRow> {
    let histories: Vec<_> = (0..truth.len()).map(|row| truth.past(row)).collect();
    let histories = histories.iter().map(|past| past.view()).collect();
    let batch = QueryBatch { features: truth.queries().user_features(), histories };
    context.install(|| {
        let vectors = encode_each(tower, &batch)?;
        Ok(judge_vectors(settings, (truth, positives), (&vectors, items, tower.dimension()), (name, seed)))
    })
}

/// What the segments hold: those of items, whose training positives `positives` are, then those of users.
pub fn segment_sizes(truth: &Truth<'_>, positives: &[u64]) -> Vec<SegmentSize> {
    Scale::new(*truth, positives, &[], Bootstrap { seed: 0, resamples: 0 }).sizes()
}

fn tally(settings: &RetrievalSettings, truth: Truth<'_>, (queries, items, dimension): Vectors<'_>) -> Tally {
    let cells = queries.len() / truth.len().max(1);
    assert!(cells * truth.len() == queries.len() && cells.is_multiple_of(dimension), "as many vectors for each query");
    let blocks = ItemBlocks::new(items, dimension);
    let longest = settings.lengths().last().copied().unwrap_or_default();
    let tallier = Tallier { truth, lengths: settings.lengths(), items: blocks.len(), block: BLOCK };
    let tallies: Result<Vec<Tally>> = tallier.tally(1, |rows| {
        let excluded: Vec<Vec<u32>> =
            rows.clone().map(|row| truth.excluded(row, settings.judge_without_seen())).collect();
        let excluded: Vec<&[u32]> = excluded.iter().map(Vec::as_slice).collect();
        let vectors = &queries[rows.start * cells..rows.end * cells];
        let queries = ScanQueries { vectors, excluded: &excluded };
        let nearest = |asked: ScanQueries<'_>| blocks.top_k_among(asked, longest, truth.candidates());
        let found = best_of_interests(queries, cells / dimension, longest, nearest);
        Ok(vec![found.iter().map(|list| list.iter().map(|scored| scored.item).collect()).collect()])
    });
    tallies.ok().and_then(|mut tallies| tallies.pop()).expect("a scan cannot fail, and there is one way")
}
