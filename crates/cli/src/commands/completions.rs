//! `twinspire completions SHELL`: a completion script, made from the command line's own description.

use super::CommandContext;
use crate::arguments::{Arguments, CompletionsArguments};
use crate::error::CliError;
use crate::output::Reply;
use clap::CommandFactory;
use serde_json::json;

/// The script.
///
/// # Errors
/// None of its own.
pub fn run(_context: &CommandContext<'_>, arguments: &CompletionsArguments) -> Result<Reply, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "twinspire", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Reply::new(script.clone(), &json!({ "shell": arguments.shell.to_string(), "script": script }))
}
