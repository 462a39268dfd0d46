//! `twinspire run`: the whole chain for the last day, or for each day of a range; then what `[retention]` says.

use super::{CommandContext, retention, stages};
use crate::arguments::{Days, RunArguments, WindowArguments};
use crate::config::CheckedConfig;
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::Serve;
use serde_json::{Map, Value, json};

/// Runs the chain.
///
/// # Errors
/// Whatever a stage returns; what was made is kept, and the same command goes on from there.
pub fn run(context: &CommandContext<'_>, arguments: &RunArguments) -> Result<Reply, CliError> {
    let config = context.config_under(arguments.begin.overrides())?;
    match arguments.backfill {
        Some(days) => backfill(context, &config, (days, arguments.window.days), arguments.begin.fresh),
        None => {
            let reply = stages::run_all(context, &config, &arguments.window, (Serve::Always, arguments.begin.fresh))?;
            retention::after_run(context, &config, reply)
        }
    }
}

/// One run a day, in order. Retention waits for the next daily run: it would take away what is being filled in.
fn backfill(
    context: &CommandContext<'_>,
    config: &CheckedConfig,
    (days, length): (Days, Option<u32>),
    fresh: bool,
) -> Result<Reply, CliError> {
    let (mut lines, mut runs) = (Vec::new(), Vec::new());
    let mut day = Some(days.first);
    while let Some(date) = day.filter(|date| *date <= days.last) {
        let window = WindowArguments { date: Some(date), days: length };
        let reply = stages::run_all(context, config, &window, (Serve::UnlessLater, fresh))?;
        lines.extend([format!("# {date}"), reply.text]);
        runs.push(Value::Object(reply.fields));
        day = date.tomorrow().ok();
    }
    Ok(Reply::of_fields(lines.join("\n"), Map::from_iter([("runs".to_owned(), json!(runs))])))
}
