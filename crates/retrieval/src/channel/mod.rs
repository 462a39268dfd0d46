//! Ways of recall. In: encoded queries. Out: for each query a ranked list of items of the corpus.
//!
//! Every kind has one file here, and one file of the bundle (`channels/<name>.arrow`; two towers live in the vectors
//! and the model). Channels are built from the training part only. They merge nothing.

mod build;
#[cfg(test)]
mod contract;
mod item_cf;
mod lists;
mod popular;
mod positives;
mod two_tower;

pub use build::build_channels;
pub(crate) use build::open_channels;
#[cfg(test)]
pub(crate) use positives::Positives;
pub(crate) use two_tower::encode_each;

use crate::error::Result;
use crate::set::ItemSet;
use twinspire_core::query::{QueryBatch, Scored};

/// Encoded queries, and what must not come back.
#[derive(Debug, Clone)]
pub struct RecallQueries<'a> {
    /// User and context features and histories, `[queries, …]`.
    pub batch: QueryBatch<'a>,
    /// One list a query: item indices, ascending.
    pub excluded: Vec<&'a [u32]>,
    /// What may come back; without it, every item.
    pub allowed: Option<&'a ItemSet>,
}

impl RecallQueries<'_> {
    /// Number of queries.
    pub fn len(&self) -> usize {
        self.excluded.len()
    }

    /// May an item come back whatever the query excludes?
    fn allows(&self, item: u32) -> bool {
        self.allowed.is_none_or(|allowed| allowed.contains(item))
    }

    /// True without queries.
    pub fn is_empty(&self) -> bool {
        self.excluded.is_empty()
    }
}

/// One way of recall. What an implementation promises is in `contract`, which all of them run.
pub trait RecallChannel: Send + Sync {
    /// Name in answers and reports.
    fn name(&self) -> &str;

    /// One list a query: at most `k` items, in [`Scored::order`], each once, none excluded, all allowed, every score
    /// finite. What is not allowed is left out before a list is cut, so that it takes nobody's place. A list does not depend on the other queries of the batch. A longer list begins with the shorter one, unless the channel
    /// approximates: then it may hold what the shorter one missed.
    ///
    /// # Errors
    /// When the channel cannot answer at all; a query it knows nothing about gets an empty list.
    fn retrieve(&self, queries: &RecallQueries<'_>, k: usize) -> Result<Vec<Vec<Scored>>>;

    /// The channel that this one approximates, to judge what that costs; `None` where it is exact.
    fn exact(&self) -> Option<&dyn RecallChannel> {
        None
    }
}
