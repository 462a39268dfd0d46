//! `twinspire check`: the config, and the first rows of the data, before anything long starts.

use super::CommandContext;
use crate::arguments::CheckArguments;
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::Run;
use serde_json::json;
use twinspire_data::check::check_data;

/// Looks at config and data.
///
/// # Errors
/// A config with faults; what would stop `samples` at its start; more rejects among the first rows of a file than
/// the config allows.
pub fn run(context: &CommandContext<'_>, arguments: &CheckArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
    let report = check_data(&run.data_context(), config.data())?;
    let mut lines = vec![format!("config {}: no fault", config.path().display())];
    lines.extend(report.lines());
    if let Some((file, limit)) = &report.too_many {
        context.output.talk(&lines.join("\n"));
        return Err(CliError::CheckRejects { file: file.clone(), limit: *limit });
    }
    Reply::new(lines.join("\n"), &json!({ "run": run.date(), "data": report }))
}
