//! Queries, and what answers them: a query vector, candidates. [`Lookup`] is the one way from a [`Query`] to what a user
//! tower reads.

mod lookup;
mod past;

pub use lookup::{EncodedQuery, Lookup};

use crate::Result;
use crate::attribute::Filter;
use crate::encode::{EncodedView, RawFeatures};

/// A request, before anything is looked up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    /// User key; her history and features are looked up in the bundle.
    pub user: Option<String>,
    /// Raw features by name; they win over what is stored for the user.
    pub features: RawFeatures,
    /// Item ids, oldest first; replaces the stored history.
    pub history: Option<Vec<String>>,
    /// Times of that history, microseconds UTC, one an item, never falling; needed where a feature looks at a window.
    pub history_times: Option<Vec<i64>>,
    /// Item ids that must not come back.
    pub exclude: Vec<String>,
    /// How many candidates are wanted, 1..=1000.
    pub k: usize,
    /// Names of the channels to ask; empty: all.
    pub channels: Vec<String>,
    /// What candidates must be, beside what the bundle demands.
    pub filter: Option<Filter>,
}

/// Encoded queries: what a user tower reads.
#[derive(Debug, Clone)]
pub struct QueryBatch<'a> {
    /// User and context features, `[queries, …]`.
    pub features: EncodedView<'a>,
    /// Each query's history (`[queries]`).
    pub histories: Vec<PastItems<'a>>,
}

/// What a user did before a query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PastItems<'a> {
    /// Item indices, oldest first.
    pub items: &'a [u32],
    /// Their times, microseconds UTC, one an item; or none, where the user tower reads none.
    pub times: &'a [i64],
    /// When the query is asked, microseconds UTC.
    pub asked: i64,
}

/// Queries to vectors; implemented by the user tower, so that search never sees a layer.
pub trait QueryEncoder: Send + Sync {
    /// Length of a vector.
    fn dimension(&self) -> usize;
    /// Vectors of a query: the interests of a user, of which an item is worth the one that it is nearest to.
    fn interests(&self) -> usize {
        1
    }
    /// Does it read the times of a history?
    fn reads_times(&self) -> bool {
        false
    }
    /// Writes `[queries, interests, dimension]`, row-major, into `vectors`.
    ///
    /// # Errors
    /// When a batch does not fit the tower's fields.
    fn encode(&self, queries: &QueryBatch<'_>, vectors: &mut [f32]) -> Result<()>;
}

/// An item with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Row of the corpus.
    pub item: u32,
    /// Higher is better; finite. In f64, so that the order of near scores does not hang on how they were summed.
    pub score: f64,
}

impl Scored {
    /// The one order of candidates: higher score first, then lower item index. A score that is not finite comes last.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let key = |score: f64| if score.is_finite() { score } else { f64::NEG_INFINITY };
        key(other.score).total_cmp(&key(self.score)).then(self.item.cmp(&other.item))
    }
}
