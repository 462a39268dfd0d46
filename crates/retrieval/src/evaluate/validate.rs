//! Recall of bare vectors, for training: the tower of the moment is judged over the full corpus after each epoch, before
//! there is a bundle.

use super::Truth;
use super::metrics::Sums;
use crate::config::RetrievalSettings;
use crate::scan::{ItemBlocks, ScanQueries};
use std::collections::BTreeMap;

/// Queries that are searched at once; bounds the lists that are held.
const CHUNK: usize = 4096;

/// `recall@K` for each length of the settings, as [`super::evaluate`] gives it for the two-tower channel. `vectors` are
/// (query vectors `[queries, dimension]` in the order of the query table, item vectors `[items, dimension]`,
/// dimension). Empty when the table has no true items. Runs in the current thread pool.
pub fn recall_at_k(
    settings: &RetrievalSettings,
    truth: &Truth<'_>,
    (queries, items, dimension): (&[f32], &[f32], usize),
) -> BTreeMap<String, f64> {
    assert_eq!(queries.len(), truth.queries.len() * dimension, "one vector for each query");
    let blocks = ItemBlocks::new(items, dimension);
    let longest = settings.lengths().last().copied().unwrap_or_default();
    let mut sums = Sums::new(settings.lengths());
    for (chunk, vectors) in queries.chunks(CHUNK * dimension).enumerate() {
        let rows = chunk * CHUNK..chunk * CHUNK + vectors.len() / dimension;
        let excluded: Vec<Vec<u32>> =
            rows.clone().map(|row| truth.excluded(row, settings.judge_without_seen())).collect();
        let excluded: Vec<&[u32]> = excluded.iter().map(Vec::as_slice).collect();
        for (row, list) in rows.zip(blocks.top_k(ScanQueries { vectors, excluded: &excluded }, longest)) {
            let Ok(truth) = truth.of(row) else { return BTreeMap::new() };
            sums.see(&list.iter().map(|scored| scored.item).collect::<Vec<u32>>(), truth);
        }
    }
    sums.recall()
}
