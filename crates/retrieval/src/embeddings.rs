//! User embeddings for export. In: encoder, corpus, histories, user tower. Out: one vector for every stored user, with
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

/// Vectors of all users of `histories`, in its order; `threads` as everywhere, 0 for all cores.
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
    let (lookup, dimension) = (Lookup { encoder, items, histories }, query_encoder.dimension());
    let after = histories.last_time().saturating_add(1);
    let mut values = vec![0.0; histories.len() * dimension];
    let write = |(chunk, vectors): (usize, &mut [f32])| {
        for (row, vector) in vectors.chunks_exact_mut(dimension).enumerate() {
            let user = histories.user((chunk * CHUNK + row) as u32).to_owned();
            let encoded = lookup.encode(&Query { user: Some(user), ..Query::default() }, after)?;
            query_encoder.encode(&encoded.batch(), vector)?;
        }
        Ok::<_, RetrievalError>(())
    };
    in_pool(threads, || values.par_chunks_mut(CHUNK * dimension).enumerate().try_for_each(write))??;
    let ids = (0..histories.len() as u32).map(|row| histories.user(row).to_owned()).collect();
    Ok(EmbeddingTable::new(ids, dimension, values)?)
}
