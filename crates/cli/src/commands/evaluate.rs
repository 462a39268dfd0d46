//! `twinspire evaluate`: the stage, then what was asked for beside it: a comparison, the figures of every query.

use super::CommandContext;
use super::stages::{Stage, run_one};
use crate::arguments::EvaluateArguments;
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::Run;
use serde_json::json;
use twinspire_retrieval::evaluate::Comparison;

/// Judges the run.
///
/// # Errors
/// As the stage; a name that is neither a bundle nor a channel; a bundle that cannot read the queries; I/O.
pub fn run(context: &CommandContext<'_>, arguments: &EvaluateArguments) -> Result<Reply, CliError> {
    let mut reply = run_one(context, &arguments.window, Stage::Evaluate)?;
    if arguments.against.is_none() && arguments.per_query.is_none() {
        return Ok(reply);
    }
    let config = context.config()?;
    let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
    let judged = run.judge_queries(arguments.against.as_deref(), arguments.per_query.as_deref())?;
    if let Some(comparison) = &judged.comparison {
        reply.text += &comparison_text(comparison, judged.length);
        reply.fields.insert("comparison".into(), json!(comparison));
    }
    if let Some(path) = &arguments.per_query {
        reply.text += &format!("\nfigures of {} queries in {}\n", judged.queries, path.display());
        reply.fields.insert("per_query".into(), json!(path));
    }
    Ok(reply)
}

fn comparison_text(comparison: &Comparison, length: usize) -> String {
    let Comparison { against, queries, resamples, .. } = comparison;
    let lines = comparison.lines(length).join("\n");
    format!(
        "\n== against {against}: {queries} queries, 95 % intervals of {resamples} resamples, * does not hold 0\n{lines}\n"
    )
}
