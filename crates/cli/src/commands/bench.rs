//! `twinspire bench`: how fast the road from logs to samples, a training step, single queries and a full-corpus evaluation
//! are here.

use super::CommandContext;
use super::index::read_vectors;
use crate::arguments::{
    BenchCommand, BenchEvaluateArguments, BenchIndexArguments, BenchLoss, BenchSamplesArguments, BenchTrainArguments,
    TrainTask,
};
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::Run;
use twinspire_core::machine::{OthersBusy, peak_rss_mib};
use twinspire_model::ModelSection;
use twinspire_model::bench::{BenchSettings, BenchTask, run as measure};
use twinspire_model::config::LossSection;
use twinspire_retrieval::in_pool;
use twinspire_retrieval::index::bench::{self as index_bench, BenchVectors};

/// Seconds before the measured part.
const WARMUP_SECONDS: f64 = 1.0;

/// Rows that are made.
const ROWS: u32 = 500_000;

/// Queries that are made for the fit of an index, beside the measured ones.
const FITTED: usize = 1024;

/// Runs a benchmark.
///
/// # Errors
/// As [`measure`]; a run without a draft or queries; I/O.
pub fn run(context: &CommandContext<'_>, command: &BenchCommand) -> Result<Reply, CliError> {
    match command {
        BenchCommand::Train(arguments) => train(context, arguments),
        BenchCommand::Index(arguments) => index(context, arguments),
        BenchCommand::Samples(arguments) => samples(context, arguments),
        BenchCommand::Evaluate(arguments) => evaluate(context, arguments),
    }
}

fn train(context: &CommandContext<'_>, arguments: &BenchTrainArguments) -> Result<Reply, CliError> {
    let loss = match arguments.loss {
        BenchLoss::Bce => LossSection::Bce {},
        BenchLoss::InBatchSoftmax => LossSection::default(),
    };
    let task = match arguments.task {
        TrainTask::Clicks => BenchTask::Clicks,
        TrainTask::Tower => BenchTask::Tower,
        TrainTask::Sasrec => BenchTask::Sasrec,
    };
    let report = measure(&BenchSettings {
        task,
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

fn index(context: &CommandContext<'_>, arguments: &BenchIndexArguments) -> Result<Reply, CliError> {
    let (threads, seed) = (context.globals.threads.unwrap_or(0), context.globals.seed.unwrap_or(1));
    let measured = arguments.query_count as usize;
    let given = match (&arguments.vectors, &arguments.queries) {
        (Some(vectors), Some(queries)) => {
            let (vectors, queries) = (read_vectors(vectors, None)?, read_vectors(queries, None)?);
            BenchVectors { vectors: vectors.values, queries: queries.values, dimension: vectors.dimension }
        }
        (_, _) => index_bench::made_up(arguments.n as usize, measured + FITTED, arguments.dim as usize, seed),
    };
    let settings = index_bench::BenchSettings {
        lengths: arguments.k.clone(),
        recall_targets: arguments.recall_target.clone(),
        measured,
        seed,
    };
    let others = OthersBusy::start();
    let scratch = std::env::temp_dir().join(format!("twinspire-bench-{}.index", std::process::id()));
    let rows = in_pool(threads, || index_bench::measure(&given, &settings, (context.vfs, &scratch)))??;
    let mut lines =
        vec!["index   n         k     recall  p50 ms  p99 ms  build s  MiB     open ms  table ms  auto".to_owned()];
    lines.extend(rows.iter().map(|row| {
        let (auto, name) = (if row.is_chosen { "*" } else { "" }, format!("{:?}", row.index).to_lowercase());
        format!(
            "{name:<7} {:<9} {:<5} {:<7.4} {:<7.4} {:<7.4} {:<8.2} {:<7.1} {:<8.2} {:<9.4} {auto}",
            row.n, row.k, row.recall, row.p50_ms, row.p99_ms, row.build_s, row.index_mib, row.open_ms, row.predicted_ms
        )
    }));
    let (cores, mib) = (others.cores(), peak_rss_mib());
    lines.push(format!("{mib} MiB at the peak; others kept {cores:.2} cores busy"));
    let report = serde_json::json!({
        "script": "twinspire bench index", "threads": 1, "rows": rows, "others_busy_cores": cores, "peak_rss_mib": mib,
        "instruction_set": twinspire_core::stage::instruction_set(), "p50_ms": rows.last().map(|row| row.p50_ms),
    });
    Reply::new(lines.join("\n"), &report)
}

fn samples(context: &CommandContext<'_>, arguments: &BenchSamplesArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
    let report = run.bench_samples(arguments.out.as_deref())?;
    let phases: Vec<String> = report.phase_s.iter().map(|(what, seconds)| format!("{what} {seconds:.2} s")).collect();
    let text = format!(
        "{} rows/s: {:.2} s for {} rows, of which {} samples ({}), {} MiB at the peak, {} threads; others kept {:.2} cores \
         busy",
        report.rows_per_s,
        report.seconds,
        report.rows,
        report.samples,
        phases.join(", "),
        report.peak_rss_mib,
        report.threads,
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
