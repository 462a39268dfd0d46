//! `twinspire bench`: how fast a full training step and a full-corpus evaluation are here.

use super::CommandContext;
use crate::arguments::{BenchCommand, BenchEvaluateArguments, BenchLoss, BenchTrainArguments};
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::Run;
use twinspire_model::ModelSection;
use twinspire_model::bench::{BenchSettings, run as measure};
use twinspire_model::config::LossSection;

/// Seconds before the measured part.
const WARMUP_SECONDS: f64 = 1.0;

/// Rows that are made.
const ROWS: u32 = 500_000;

/// Runs a benchmark.
///
/// # Errors
/// As [`measure`]; a run without a draft or queries; I/O.
pub fn run(context: &CommandContext<'_>, command: &BenchCommand) -> Result<Reply, CliError> {
    match command {
        BenchCommand::Train(arguments) => train(context, arguments),
        BenchCommand::Evaluate(arguments) => evaluate(context, arguments),
    }
}

fn train(context: &CommandContext<'_>, arguments: &BenchTrainArguments) -> Result<Reply, CliError> {
    let loss = match arguments.loss {
        BenchLoss::Bce => LossSection::Bce { negatives_per_positive: 1 },
        BenchLoss::InBatchSoftmax => LossSection::default(),
    };
    let report = measure(&BenchSettings {
        loss,
        batch_size: arguments.batch,
        seconds: arguments.seconds as f64,
        warmup: WARMUP_SECONDS,
        rows: ROWS,
        threads: context.globals.threads.unwrap_or(0),
        seed: context.globals.seed.unwrap_or(1),
        samples: None,
        model: ModelSection::default(),
    })?;
    let text = format!(
        "{} samples/s ({} by the median step), {} MiB at the peak, {} threads, {}; others kept {:.2} cores busy",
        report.samples_per_s,
        report.samples_per_s_median_step,
        report.peak_rss_mib,
        report.threads,
        report.instruction_set,
        report.others_busy_cores,
    );
    Reply::new(text, &report)
}

fn evaluate(context: &CommandContext<'_>, arguments: &BenchEvaluateArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
    let report = run.bench_evaluate(arguments.rounds as usize, arguments.out.as_deref())?;
    let text = format!(
        "{:.3} s for {} queries and {} items (dimension {}, K = {}), {} MiB at the peak, {} threads, {}; others kept {:.2} \
         cores busy",
        report.seconds,
        report.queries,
        report.items,
        report.dimension,
        report.k,
        report.peak_rss_mib,
        report.threads,
        report.instruction_set,
        report.others_busy_cores,
    );
    Reply::new(text, &report)
}
