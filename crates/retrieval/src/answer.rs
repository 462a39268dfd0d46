//! What a query is answered with. Field names are stable: they are the JSON of an answer.

use serde::Serialize;

/// Candidates and how they were found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The bundle that answered.
    pub bundle_id: String,
    /// Best first, each item once, at most `k`.
    pub candidates: Vec<Candidate>,
    /// One entry a channel that was asked, in the order of priority.
    pub channels: Vec<ChannelStatus>,
    /// Names of the channels that failed; empty when the answer is whole.
    pub degraded: Vec<String>,
    /// True when neither a stored user nor a history stands behind the answer.
    pub cold_start: bool,
    /// The user key is stored in the bundle.
    pub user_known: bool,
    /// Items of the history that were used.
    pub history_used: usize,
    /// Item ids of the request's history that the corpus does not have; they were left out.
    pub history_unknown: usize,
    /// Milliseconds from the query to the answer.
    pub took_ms: f64,
}

/// An item with the reasons for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// Item id.
    pub item: String,
    /// Score under the first of `channels`; not comparable with that of another channel.
    pub score: f32,
    /// Every channel that found it: first the one whose place it took, then the others by priority.
    pub channels: Vec<ChannelHit>,
}

/// Where a channel had an item.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelHit {
    /// Name of the channel.
    pub name: String,
    /// Its score; comparable within the channel only.
    pub score: f32,
    /// Position in its list, from 1.
    pub rank: usize,
}

/// How a channel did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelStatus {
    /// Name of the channel.
    pub name: String,
    /// Whether it answered.
    pub status: Outcome,
    /// Code of the error, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// Items it found.
    pub count: usize,
    /// Milliseconds it took.
    pub took_ms: f64,
}

/// Whether a channel answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It found items.
    Ok,
    /// It had nothing for this query.
    Empty,
    /// It failed; the others answered.
    Failed,
}
