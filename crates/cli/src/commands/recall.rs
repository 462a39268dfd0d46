//! `twinspire recall`: one query against the bundle that is served.

use super::CommandContext;
use crate::arguments::RecallArguments;
use crate::config::CheckedConfig;
use crate::error::CliError;
use crate::output::Reply;
use twinspire_core::bundle::{bundles_folder, current};
use twinspire_core::clock::micros_of_seconds;
use twinspire_core::query::Query;
use twinspire_model::load_query_encoder;
use twinspire_retrieval::{Answer, Candidate, Retriever};

/// Answers the query.
///
/// # Errors
/// No bundle is current; it does not open; a value of the query is not allowed.
pub fn run(context: &CommandContext<'_>, arguments: &RecallArguments) -> Result<Reply, CliError> {
    let query = query(arguments)?;
    let answer = open_current(context, &context.config()?)?.retrieve(&query)?;
    Reply::new(answer_text(&answer), &answer)
}

/// The retriever of the bundle that `current` names.
///
/// # Errors
/// No bundle is current; it does not open whole.
pub fn open_current(context: &CommandContext<'_>, config: &CheckedConfig) -> Result<Retriever, CliError> {
    let base_dir = config.base_dir();
    let Some(bundle_id) = current(context.vfs, base_dir)? else {
        return Err(CliError::NoBundle { base_dir: base_dir.to_owned() });
    };
    Ok(Retriever::open(&bundles_folder(base_dir).join(bundle_id), &load_query_encoder, context.clock)?)
}

fn query(arguments: &RecallArguments) -> Result<Query, CliError> {
    let RecallArguments { user, features, history, history_times, k, channels, exclude, filter } = arguments;
    if user.is_none() && features.is_none() && history.is_none() {
        let message = "nothing is known of the query".to_owned();
        let hint = "say who asks with `--user ID`, `--features JSON` or `--history ITEMS`".to_owned();
        return Err(CliError::Usage { message, hint });
    }
    // `--history ""` is an empty history, not one item without a name.
    let history = history.as_ref().map(|items| items.iter().filter(|item| !item.is_empty()).cloned().collect());
    Ok(Query {
        user: user.clone(),
        features: features.clone().unwrap_or_default(),
        history,
        history_times: history_times.as_ref().map(|times| times.iter().copied().map(micros_of_seconds).collect()),
        exclude: exclude.clone(),
        k: *k,
        channels: channels.clone(),
        filter: filter.clone(),
    })
}

/// Candidates as a table, then how they were found.
pub fn answer_text(answer: &Answer) -> String {
    let width = answer.candidates.iter().map(|candidate| candidate.item.chars().count()).max().unwrap_or(0).max(4);
    let mut lines = vec![format!("rank  {:width$}  score    channels (rank, score)", "item")];
    lines.extend(answer.candidates.iter().zip(1..).map(|(candidate, rank)| candidate_line(rank, candidate, width)));
    let known = match (answer.user_known, answer.cold_start) {
        (true, _) => "known user",
        (false, true) => "cold start",
        (false, false) => "unknown user",
    };
    let history = format!("{} items of history used", answer.history_used);
    lines.push(format!("bundle {}, {known}, {history}, {:.2} ms", answer.bundle_id, answer.took_ms));
    if !answer.degraded.is_empty() {
        lines.push(format!("degraded: these channels failed: {}", answer.degraded.join(", ")));
    }
    lines.join("\n")
}

fn candidate_line(rank: usize, candidate: &Candidate, width: usize) -> String {
    let hits: Vec<String> =
        candidate.channels.iter().map(|hit| format!("{} ({}, {:.4})", hit.name, hit.rank, hit.score)).collect();
    format!("{rank:>4}  {:width$}  {:<7.4}  {}", candidate.item, candidate.score, hits.join(", "))
}
