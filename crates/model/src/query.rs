//! Queries to vectors, for search and serving.
//!
//! In: a stored model, the corpus (for histories), encoded queries. Out: vectors that have the very bits of batch
//! encoding. A call works on the calling thread and keeps nothing.

use crate::engine::CHUNK_ROWS;
use crate::input::{Row, RowSource};
use crate::model::TwoTower;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::encode::{FeatureEncoder, TowerLayout};
use twinspire_core::items::ItemTable;
use twinspire_core::query::{PastItems, QueryBatch, QueryEncoder};
use twinspire_core::table::check_ids;
use twinspire_core::{CoreError, Result};

/// The user tower of a stored model, with the items that histories point at.
struct UserTower {
    model: TwoTower,
    fields: TowerLayout,
    items: Arc<ItemTable>,
}

/// Reads `model.safetensors` for queries; fits [`twinspire_core::bundle::LoadQueryEncoder`].
///
/// # Errors
/// As [`TwoTower::load`].
pub fn load_query_encoder(
    path: &Path,
    encoder: &FeatureEncoder,
    items: Arc<ItemTable>,
) -> Result<Box<dyn QueryEncoder>> {
    let model = TwoTower::load(path, encoder)?;
    Ok(Box::new(UserTower { model, fields: encoder.user_layout().clone(), items }))
}

/// Queries of a batch, from one on.
struct Queries<'a>(&'a QueryBatch<'a>, usize);

impl RowSource for Queries<'_> {
    fn row(&self, number: usize) -> Row<'_> {
        let row = self.1 + number;
        Row { history: self.0.histories[row].items, ..Row::of(&self.0.features, row) }
    }

    fn times(&self, number: usize) -> (&[i64], i64) {
        let PastItems { times, asked, .. } = self.0.histories[self.1 + number];
        (times, asked)
    }
}

impl UserTower {
    /// Refuses a batch that would read outside a table.
    fn check(&self, queries: &QueryBatch<'_>, vectors: &[f32]) -> Result<()> {
        let invalid = |field: &str, reason: String| Err(CoreError::Invalid { field: field.into(), reason });
        let (rows, width) = (queries.features.rows, self.interests() * self.dimension());
        if queries.histories.len() != rows || vectors.len() != rows * width {
            return invalid("queries", format!("{rows} rows of features do not fit histories and vectors"));
        }
        check_ids(&queries.features, &self.fields)?;
        let is_outside = |item: &u32| *item as usize >= self.items.len();
        if queries.histories.iter().any(|history| history.items.iter().any(is_outside)) {
            return invalid("history", "an item lies outside the corpus".into());
        }
        let lacks_times = |history: &PastItems<'_>| history.times.len() != history.items.len();
        if self.reads_times() && queries.histories.iter().any(lacks_times) {
            return invalid("history_times", "the user tower reads one time for each item".into());
        }
        Ok(())
    }
}

impl QueryEncoder for UserTower {
    fn dimension(&self) -> usize {
        self.model.dimension()
    }

    fn interests(&self) -> usize {
        self.model.interests()
    }

    fn reads_times(&self) -> bool {
        self.model.layout.user.histories.iter().any(|history| history.encoder.reads_gaps())
    }

    fn encode(&self, queries: &QueryBatch<'_>, vectors: &mut [f32]) -> Result<()> {
        self.check(queries, vectors)?;
        let items = self.items.features();
        let width = self.interests() * self.dimension();
        for (number, target) in vectors.chunks_mut(CHUNK_ROWS * width).enumerate() {
            self.model.user_chunk(&items, &Queries(queries, number * CHUNK_ROWS), target);
        }
        Ok(())
    }
}
