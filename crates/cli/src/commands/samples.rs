//! `twinspire samples`: all of the stage here, or the list of its units, one of them, and the seal; and what there is to
//! know of the samples.

use super::{CommandContext, stages};
use crate::arguments::{SamplesArguments, SamplesCommand, WindowArguments};
use crate::config::CheckedConfig;
use crate::error::CliError;
use crate::output::{Reply, to_json};
use crate::pipeline::Run;
use serde_json::{Map, json};
use stages::Stage;
use std::path::Path;
use twinspire_core::vfs::write_file;
use twinspire_data::unit::UnitPlan;

/// Runs the stage, or the step that was named.
///
/// # Errors
/// Whatever the stage returns; what was made is kept.
pub fn run(context: &CommandContext<'_>, arguments: &SamplesArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let of = |window: &WindowArguments| run_of(context, &config, window);
    match &arguments.step {
        None => stages::run_one(context, &arguments.window, Stage::Samples),
        Some(SamplesCommand::Plan(arguments)) => plan(&of(&arguments.window)?),
        Some(SamplesCommand::Unit(arguments)) => unit(&of(&arguments.window)?, arguments.number),
        Some(SamplesCommand::Report(arguments)) => report(context, &of(&arguments.window)?, arguments.html.as_deref()),
        Some(SamplesCommand::Finish(arguments)) => stages::finish_samples(&of(&arguments.window)?),
    }
}

fn run_of<'a>(
    context: &CommandContext<'a>,
    config: &'a CheckedConfig,
    window: &WindowArguments,
) -> Result<Run<'a>, CliError> {
    Run::new(context.surroundings(config), window.date, window.days)
}

fn plan(run: &Run<'_>) -> Result<Reply, CliError> {
    let plan = run.plan_units()?;
    let mut fields = Map::new();
    fields.insert("run".into(), json!(run.date()));
    fields.insert("plan".into(), to_json(&plan)?);
    Ok(Reply::of_fields(plan_lines(&plan).join("\n"), fields))
}

fn plan_lines(plan: &UnitPlan) -> Vec<String> {
    let mut lines = vec![format!("{} units, each run by `twinspire samples unit N`", plan.len())];
    for phase in &plan.phases {
        let last = phase.first + phase.units - 1;
        lines.push(format!("{:<7} {} to {last}", phase.name, phase.first));
    }
    lines.push("a phase begins when the one before is done; `twinspire samples finish` seals the result".into());
    lines
}

/// Makes the samples where they are not up to date, and looks at them.
fn report(context: &CommandContext<'_>, run: &Run<'_>, html: Option<&Path>) -> Result<Reply, CliError> {
    run.samples()?;
    let ledger = run.look_at_samples()?;
    let title = format!("samples of run {}", run.date());
    let mut lines = vec![format!("== {title}")];
    lines.extend(ledger.lines());
    if let Some(path) = html {
        write_file(context.vfs, path, ledger.page(&title).as_bytes())?;
        lines.push(format!("page: {}", path.display()));
    }
    let mut fields = Map::new();
    fields.insert("run".into(), json!(run.date()));
    fields.insert("ledger".into(), to_json(&ledger)?);
    Ok(Reply::of_fields(lines.join("\n"), fields))
}

fn unit(run: &Run<'_>, number: usize) -> Result<Reply, CliError> {
    let outcome = run.run_unit(number)?;
    let mut fields = Map::new();
    fields.insert("run".into(), json!(run.date()));
    fields.insert("unit".into(), json!({ "number": number, "outcome": stages::outcome_json(&outcome) }));
    Ok(Reply::of_fields(stages::heading(&format!("unit {number}"), &outcome), fields))
}
