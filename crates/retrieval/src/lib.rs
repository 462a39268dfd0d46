//! From a query to merged candidates, and how good they are.
//!
//! In: a bundle (user tower, item vectors, histories, channel files) and queries. Out: [`Answer`]s of at most 1000
//! candidates, each with the channels that found it, and the [`Report`] of full-corpus figures. This crate knows no
//! layer and no gradient (it sees a [`QueryEncoder`](twinspire_core::query::QueryEncoder)), reads no log and does not
//! listen.
//!
//! Reading order: `rows` (what a score is), [`scan`] (exact top-K of many queries), [`index`] (top-K of one), [`item_index`] (the index of a bundle),
//! [`channel`] (the ways of recall), [`merge`], [`retriever`] (look up, encode, ask every channel, merge), [`golden`],
//! [`mod@evaluate`], [`mod@mine`], [`mod@bench`].

pub mod answer;
pub mod bench;
pub mod channel;
pub mod config;
pub mod context;
pub mod embeddings;
pub mod error;
pub mod evaluate;
mod filter;
pub mod golden;
pub mod index;
pub mod item_index;
pub mod merge;
pub mod mine;
pub mod retriever;
mod rows;
pub mod scan;
pub mod set;
#[cfg(test)]
mod testing;

pub use answer::{Answer, Candidate, ChannelHit, ChannelStatus, Outcome};
pub use channel::{RecallChannel, build_channels};
pub use config::{ChannelsSection, EvaluateSection, IndexSection, IndexSettings, RetrievalSettings};
pub use context::{RetrievalContext, in_pool};
pub use error::{Result, RetrievalError};
pub use evaluate::{Report, evaluate};
pub use filter::candidates_of;
pub use item_index::build_item_index;
pub use mine::mine;
pub use retriever::Retriever;
pub use set::ItemSet;
