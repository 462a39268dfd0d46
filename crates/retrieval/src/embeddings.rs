//! User embeddings for export. In: encoder, corpus, histories, user tower. Out: the vectors of every stored user, with
//! her stored features and her whole history, as of the moment after the last event of all. Context features are missing,
//! as in a request that sends none.

use crate::context::in_pool;
use crate::error::{Result, RetrievalError};
use rayon::prelude::*;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::history::Histories;
use twinspire_core::items::ItemTable;
use twinspire_core::query::{Lookup, Query, QueryEncoder};

/// Users of one unit of work.
const CHUNK: usize = 256;

/// Vectors of all users of `histories`, in its order: one row a user, or one for each of her interests in turn, whose ids
/// are then her key with `#1`, `#2`, …; `threads` as everywhere, 0 for all cores.
///
/// # Errors
/// A stored value that cannot be encoded; a vector that is not finite.
pub fn user_embeddings(
    encoder: &FeatureEncoder,
    items: &ItemTable,
    histories: &Histories,
    query_encoder: &dyn QueryEncoder,
    threads: usize,
) -> Result<EmbeddingTable> {
    let (needs_times, interests) = (query_encoder.reads_times(), query_encoder.interests());
    let lookup = Lookup { encoder, items, histories, needs_times };
    let (dimension, width) = (query_encoder.dimension(), interests * query_encoder.dimension());
    let after = histories.last_time().saturating_add(1);
    let mut values = vec![0.0; histories.len() * width];
    let write = |(chunk, vectors): (usize, &mut [f32])| {
        for (row, vector) in vectors.chunks_exact_mut(width).enumerate() {
            let user = histories.user((chunk * CHUNK + row) as u32).to_owned();
            let encoded = lookup.encode(&Query { user: Some(user), ..Query::default() }, after)?;
            query_encoder.encode(&encoded.batch(), vector)?;
        }
        Ok::<_, RetrievalError>(())
    };
    in_pool(threads, || values.par_chunks_mut(CHUNK * width).enumerate().try_for_each(write))??;
    let users = (0..histories.len() as u32).map(|row| histories.user(row).to_owned());
    let ids = match interests {
        1 => users.collect(),
        _ => users.flat_map(|user| (1..=interests).map(move |number| format!("{user}#{number}"))).collect(),
    };
    Ok(EmbeddingTable::new(ids, dimension, values)?)
}
