//! `twinspire mine`: hard negatives for the samples, from the search of an earlier bundle.

use super::CommandContext;
use crate::arguments::MineArguments;
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::Run;
use serde_json::json;
use twinspire_retrieval::mine::Band;

/// Mines hard negatives.
///
/// # Errors
/// A band that is none; whatever the stage returns.
pub fn run(context: &CommandContext<'_>, arguments: &MineArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let band = Band::new(arguments.first, arguments.last)?;
    let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
    let mined = run.mine(arguments.bundle.as_deref(), band)?;
    let rows = &mined.outcome.manifest().rows;
    let how = if mined.outcome.is_skipped() { "up to date" } else { "made" };
    let counts: Vec<String> = rows.iter().map(|(what, count)| format!("{what} {count}")).collect();
    let (first, last) = (arguments.first, arguments.last);
    let text = format!("== negatives: {how} ({}), ranks {first} to {last} of {}\n", counts.join(", "), mined.bundle_id);
    let skipped = mined.outcome.is_skipped();
    Reply::new(text, &json!({ "skipped": skipped, "rows": rows, "bundle_id": mined.bundle_id, "band": band }))
}
