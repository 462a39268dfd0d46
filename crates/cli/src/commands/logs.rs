//! `twinspire logs`: log files by themselves. Rows that are rejected end it with the exit code of bad rows, after the report.

use super::CommandContext;
use crate::arguments::{LogsCheckArguments, LogsCommand, LogsConvertArguments};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Reply;
use crate::pipeline::Run;
use twinspire_data::logs::{check_logs, convert_log};

/// Runs one of them.
///
/// # Errors
/// A config with faults; a file that is missing or cannot be read; a file to be written that is there already.
pub fn run(context: &CommandContext<'_>, command: &LogsCommand) -> Result<Reply, CliError> {
    match command {
        LogsCommand::Check(arguments) => check(context, arguments),
        LogsCommand::Convert(arguments) => convert(context, arguments),
    }
}

fn check(context: &CommandContext<'_>, arguments: &LogsCheckArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
    let report = check_logs(&run.data_context(), config.data())?;
    let exit = if report.too_many.is_empty() { Exit::Done } else { Exit::BadRows };
    Ok(Reply { exit, ..Reply::new(report.lines().join("\n"), &report)? })
}

fn convert(context: &CommandContext<'_>, arguments: &LogsConvertArguments) -> Result<Reply, CliError> {
    let converted = convert_log(context.vfs, &arguments.from, &arguments.to, &arguments.lists)?;
    let exit = if converted.rejects.is_empty() { Exit::Done } else { Exit::BadRows };
    let mut lines =
        converted.rejects.iter().map(|reject| format!("not written: {}", reject.line())).collect::<Vec<_>>();
    lines.push(format!("wrote {} rows to {}", converted.account.accepted, arguments.to.display()));
    Ok(Reply { exit, ..Reply::new(lines.join("\n"), &converted)? })
}
