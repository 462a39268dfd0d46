//! Arguments of the commands beside the chain: config, benchmarks, completions.

use super::{BenchIndexArguments, WindowArguments};
use clap::{Args, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Of `twinspire config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// List the keys that were written, each with its place; or all settings as TOML
    Show(ShowArguments),
    /// Explain a key: meaning, allowed values, default, and what it is now
    Explain(ExplainArguments),
    /// Print the JSON Schema of the config for editors
    Schema,
}

/// Of `twinspire config show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// All settings with defaults and overrides, as TOML
    #[arg(long)]
    pub effective: bool,
}

/// Of `twinspire config explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// Path of a key or section, as in `train.loss` or `features[0].buckets`; by default the whole file
    #[arg(value_name = "KEY", default_value = "")]
    pub key: String,
}

/// Of `twinspire completions`.
#[derive(Debug, Args)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// Of `twinspire bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Measure a full training step on made-up samples in memory: samples per second and peak memory
    Train(BenchTrainArguments),
    /// Measure the road from logs to samples: rows per second, seconds of each phase, peak memory
    Samples(BenchSamplesArguments),
    /// Measure single queries on an exact index and on cells: time, recall, size
    Index(BenchIndexArguments),
    /// Measure the full-corpus evaluation of a run's two towers, from vectors to figures
    Evaluate(BenchEvaluateArguments),
}

/// Of `twinspire bench samples`.
#[derive(Debug, Args)]
pub struct BenchSamplesArguments {
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
    /// A new folder to work in, which stays; by default one in `base_dir`, which is removed
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Of `twinspire bench evaluate`.
#[derive(Debug, Args)]
pub struct BenchEvaluateArguments {
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
    /// How often it is measured; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub rounds: u64,
    /// Also write the vectors into this folder, as `queries.npy` and `items.npy`, for other programs to judge
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Of `twinspire bench train`.
#[derive(Debug, Args)]
pub struct BenchTrainArguments {
    /// What is trained
    #[arg(long, value_enum, default_value_t = TrainTask::Clicks)]
    pub task: TrainTask,
    /// What is minimised by the task clicks; the others have their own loss
    #[arg(long, value_enum, default_value_t = BenchLoss::Bce)]
    pub loss: BenchLoss,
    /// Samples a step
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(2..=1 << 20))]
    pub batch: u32,
    /// How long to measure, in seconds
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
}

/// What a bench trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum TrainTask {
    /// Rows of eleven fields, towers of three layers.
    Clicks,
    /// Histories of 50 items through one block of self-attention; in-batch softmax.
    Tower,
    /// Histories of 50 items trained at all positions through two blocks; a sample is a history.
    Sasrec,
}

/// A loss to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum BenchLoss {
    /// Cosine, logit, sigmoid layer, binary cross-entropy.
    Bce,
    /// Softmax over the items of the batch.
    InBatchSoftmax,
}
