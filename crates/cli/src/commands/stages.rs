//! `samples`, `train`, `export`, `evaluate`, `publish`, and `run`, which is all of them in order. A stage whose settings
//! and inputs are unchanged is skipped.

use super::CommandContext;
use crate::arguments::{TrainArguments, WindowArguments};
use crate::config::CheckedConfig;
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::{EvaluateOutcome, Published, Run, SamplesOutcome, Serve, report_lines};
use serde_json::{Map, Value, json};
use twinspire_core::stage::StageOutcome;
use twinspire_model::TrainReport;

/// One command of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Logs to samples.
    Samples,
    /// Samples to a model.
    Train {
        /// Passes over checkpoints of the same run.
        fresh: bool,
    },
    /// A model to embeddings.
    Export {
        /// Its towers, too, as other programs read them.
        towers: bool,
    },
    /// Channels and golden set, then the figures of every channel.
    Evaluate,
    /// The sealed bundle.
    Publish(Serve),
}

impl Stage {
    /// The whole chain, in order.
    fn chain(serve: Serve, fresh: bool) -> [Self; 5] {
        [Self::Samples, Self::Train { fresh }, Self::Export { towers: false }, Self::Evaluate, Self::Publish(serve)]
    }
}

/// What a stage says: lines for people, and its part of the JSON.
struct Said {
    lines: Vec<String>,
    name: &'static str,
    value: Value,
}

/// Runs one stage.
///
/// # Errors
/// Whatever the stage returns; what earlier stages made is kept.
pub fn run_one(context: &CommandContext<'_>, window: &WindowArguments, stage: Stage) -> Result<Reply, CliError> {
    run_stages(context, &context.config()?, window, &[stage])
}

/// Trains.
///
/// # Errors
/// As [`run_one`].
pub fn train(context: &CommandContext<'_>, arguments: &TrainArguments) -> Result<Reply, CliError> {
    let TrainArguments { window, begin } = arguments;
    let config = context.config_under(begin.overrides())?;
    run_stages(context, &config, window, &[Stage::Train { fresh: begin.fresh }])
}

/// Runs the whole chain; `fresh` passes over checkpoints of the same run.
///
/// # Errors
/// As [`run_one`]; nothing is published then, and the earlier bundle stays current.
pub fn run_all(
    context: &CommandContext<'_>,
    config: &CheckedConfig,
    window: &WindowArguments,
    (serve, fresh): (Serve, bool),
) -> Result<Reply, CliError> {
    run_stages(context, config, window, &Stage::chain(serve, fresh))
}

/// Seals the samples of a run whose units were run one by one.
///
/// # Errors
/// A unit that has not been run.
pub fn finish_samples(run: &Run<'_>) -> Result<Reply, CliError> {
    let said = samples_said(&run.finish_units()?);
    let mut fields = Map::new();
    fields.insert("run".into(), json!(run.date()));
    fields.insert(said.name.into(), said.value);
    Ok(Reply::of_fields(said.lines.join("\n"), fields))
}

fn run_stages(
    context: &CommandContext<'_>,
    config: &CheckedConfig,
    window: &WindowArguments,
    stages: &[Stage],
) -> Result<Reply, CliError> {
    let run = Run::new(context.surroundings(config), window.date, window.days)?;
    context.output.talk(&format!("run {} in {}, seed {}", run.date(), config.base_dir().display(), config.seed()));
    let (mut lines, mut fields) = (Vec::new(), Map::new());
    fields.insert("run".into(), json!(run.date()));
    for stage in stages {
        for said in run_stage(&run, *stage)? {
            lines.extend(said.lines);
            lines.push(String::new());
            fields.insert(said.name.into(), said.value);
        }
    }
    Ok(Reply::of_fields(lines.join("\n"), fields))
}

fn run_stage(run: &Run<'_>, stage: Stage) -> Result<Vec<Said>, CliError> {
    match stage {
        Stage::Samples => Ok(vec![samples_said(&run.samples()?)]),
        Stage::Train { fresh } => Ok(vec![train_said(&run.train(fresh)?)]),
        Stage::Export { towers } => {
            let embeddings = stage_said("embeddings", &run.export()?);
            let towers = towers.then(|| run.export_towers()).transpose()?;
            Ok([embeddings].into_iter().chain(towers.map(|towers| stage_said("towers", &towers))).collect())
        }
        Stage::Evaluate => Ok(vec![stage_said("draft", &run.draft()?), evaluate_said(&run.evaluate()?)]),
        Stage::Publish(serve) => Ok(vec![published_said(&run.publish(serve)?)]),
    }
}

pub(super) fn heading(name: &str, outcome: &StageOutcome) -> String {
    let how = if outcome.is_skipped() { "up to date" } else { "made" };
    let rows: Vec<String> = outcome.manifest().rows.iter().map(|(what, count)| format!("{what} {count}")).collect();
    format!("== {name}: {how} ({})", rows.join(", "))
}

pub(super) fn outcome_json(outcome: &StageOutcome) -> Value {
    json!({ "skipped": outcome.is_skipped(), "rows": outcome.manifest().rows })
}

fn stage_said(name: &'static str, outcome: &StageOutcome) -> Said {
    Said { lines: vec![heading(name, outcome)], name, value: outcome_json(outcome) }
}

fn samples_said(outcome: &SamplesOutcome) -> Said {
    let mut lines = vec![heading("interactions", &outcome.ingest.outcome)];
    lines.extend(outcome.ingest.lines());
    lines.extend([String::new(), heading("samples", &outcome.samples.outcome)]);
    lines.extend(outcome.samples.statistics.lines());
    let value = json!({
        "interactions": outcome_json(&outcome.ingest.outcome),
        "files_read": outcome.ingest.files_read,
        "accounts": outcome.ingest.accounts,
        "samples": outcome_json(&outcome.samples.outcome),
        "statistics": outcome.samples.statistics,
    });
    Said { lines, name: "samples", value }
}

fn train_said(report: &TrainReport) -> Said {
    let mut lines = vec![heading("train", &report.outcome)];
    let start = report.provenance.as_ref().and_then(|provenance| provenance.started_from.as_ref());
    lines.extend(start.map(|start| format!("started from {}", start.name)));
    for epoch in &report.epochs {
        let figures = epoch.validation.iter().map(|(name, value)| format!("validation {name} {value:.4}"));
        let corpus = epoch.corpus.iter().map(|(name, value)| format!("{name} {value:.4}"));
        let figures: Vec<String> = figures.chain(corpus).collect();
        let kept = if epoch.epoch == report.kept_epoch { "  (kept)" } else { "" };
        lines.push(format!("epoch {}: loss {:.4}, {}{kept}", epoch.epoch, epoch.loss, figures.join(", ")));
    }
    let value = json!({
        "skipped": report.outcome.is_skipped(),
        "epochs": report.epochs,
        "kept_epoch": report.kept_epoch,
        "provenance": report.provenance,
        "model": report.model,
    });
    Said { lines, name: "train", value }
}

fn evaluate_said(outcome: &EvaluateOutcome) -> Said {
    let report = &outcome.report;
    let mut lines = vec![heading("evaluate", &outcome.outcome)];
    lines.extend(report_lines(report));
    let mut value = json!(report);
    value["skipped"] = json!(outcome.outcome.is_skipped());
    Said { lines, name: "report", value }
}

fn published_said(published: &Published) -> Said {
    let how = if published.unchanged { "was there already" } else { "published" };
    let served = if published.current { "is current" } else { "is not served, since one of a later day is" };
    let mut lines = vec![format!("== bundle {} {how}, and {served}", published.bundle_id)];
    lines.push(format!("it lies in {}", published.folder.display()));
    let when = if published.current { "before" } else { "now" };
    lines.extend(published.previous.iter().map(|previous| format!("served {when}: {previous}")));
    Said { lines, name: "bundle", value: json!(published) }
}
