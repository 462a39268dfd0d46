//! Items whose vectors are nearest to the user's. In: the user tower and the index over item vectors, both of one
//! bundle. Out: items by falling dot product (the cosine, where vectors have length 1); of a user's interests, an item is worth the best.

use super::{RecallChannel, RecallQueries};
use crate::error::{Result, RetrievalError};
use crate::index::{StoredIndex, VectorIndex, best_of_interests};
use crate::item_index::open_item_index;
use crate::scan::{ItemBlocks, Panels, ScanQueries};
use rayon::prelude::*;
use std::sync::{Arc, OnceLock};
use twinspire_core::CoreError;
use twinspire_core::bundle::{Bundle, file};
use twinspire_core::query::{QueryBatch, QueryEncoder, Scored};

/// The two-tower channel.
pub(super) struct TwoTower {
    name: String,
    bundle: Arc<Bundle>,
    index: StoredIndex,
    /// Where the index approximates.
    exact: Option<Scanned>,
}

/// What an index approximates: every item is scanned.
struct Scanned {
    name: String,
    bundle: Arc<Bundle>,
    /// Made when it is asked for the first time.
    panels: OnceLock<Panels>,
}

impl TwoTower {
    /// Opens the bundle's index over its item vectors.
    ///
    /// # Errors
    /// As [`open_item_index`].
    pub fn open(name: String, bundle: Arc<Bundle>) -> Result<Self> {
        let index = open_item_index(&bundle)?;
        let scanned = || Scanned { name: format!("{name}, exact"), bundle: bundle.clone(), panels: OnceLock::new() };
        let exact = (!index.is_exact()).then(scanned);
        Ok(Self { name, bundle, index, exact })
    }
}

impl RecallChannel for TwoTower {
    fn name(&self) -> &str {
        &self.name
    }

    fn retrieve(&self, queries: &RecallQueries<'_>, k: usize) -> Result<Vec<Vec<Scored>>> {
        search(&self.bundle, queries, k, |asked| self.index.search(asked, k, queries.allowed))
    }

    fn exact(&self) -> Option<&dyn RecallChannel> {
        self.exact.as_ref().map(|exact| exact as _)
    }
}

impl RecallChannel for Scanned {
    fn name(&self) -> &str {
        &self.name
    }

    fn retrieve(&self, queries: &RecallQueries<'_>, k: usize) -> Result<Vec<Vec<Scored>>> {
        let items = self.bundle.item_embeddings();
        let panels = self.panels.get_or_init(|| Panels::new(&items.values, items.dimension));
        let blocks = ItemBlocks::of(&items.values, panels);
        search(&self.bundle, queries, k, |asked| blocks.top_k_among(asked, k, queries.allowed))
    }
}

/// Encodes the queries of a bundle and asks `nearest` for all their interests.
fn search(
    bundle: &Bundle,
    queries: &RecallQueries<'_>,
    k: usize,
    nearest: impl FnOnce(ScanQueries<'_>) -> Vec<Vec<Scored>>,
) -> Result<Vec<Vec<Scored>>> {
    let encoder = bundle.query_encoder();
    let vectors = encode_each(encoder, &queries.batch)?;
    let asked = ScanQueries { vectors: &vectors, excluded: &queries.excluded };
    Ok(best_of_interests(asked, encoder.interests(), k, nearest))
}

/// Vectors `[queries, interests, dimension]`, each query encoded alone, as a request is: matrix products of another size may round
/// otherwise, and what is judged must be what is served, bit for bit.
pub(crate) fn encode_each(encoder: &dyn QueryEncoder, batch: &QueryBatch<'_>) -> Result<Vec<f32>> {
    let width = encoder.interests() * encoder.dimension();
    let mut vectors = vec![0.0; batch.features.rows * width];
    vectors.par_chunks_exact_mut(width).enumerate().try_for_each(|(row, vector)| {
        let features = batch.features.slice(row..row + 1);
        encoder.encode(&QueryBatch { features, histories: vec![batch.histories[row]] }, vector)?;
        if vector.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(RetrievalError::Core(CoreError::damaged(file::MODEL, "the user tower gave a number that is not finite")))
    })?;
    Ok(vectors)
}
