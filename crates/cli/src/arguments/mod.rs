//! The command line: global flags here, the arguments of each group of commands in a file beside it.
//!
//! In: words. Out: typed arguments, or clap's message and exit code 2. What a value means to a stage is checked by the
//! config and by the crates.

mod index;
mod logs;
mod pipeline;
mod query;
mod tools;

pub use index::{
    BenchIndexArguments, IndexBuildArguments, IndexCommand, IndexForm, IndexSearchArguments, IndexUpdateArguments,
};
pub use logs::{LogsCheckArguments, LogsCommand, LogsConvertArguments};
pub use pipeline::{
    BeginArguments, CheckArguments, CompareArguments, Days, DemoArguments, EvaluateArguments, ExportArguments,
    InitArguments, MineArguments, PublishArguments, ReportArguments, RetentionArguments, RunArguments,
    SamplesArguments, SamplesCommand, SamplesFinishArguments, SamplesPlanArguments, SamplesReportArguments,
    SamplesUnitArguments, TrainArguments, TuneArguments, UsersCommand, UsersDeleteArguments, WindowArguments,
};
pub use query::{RecallArguments, ServeArguments};
pub use tools::{
    BenchCommand, BenchEvaluateArguments, BenchLoss, BenchSamplesArguments, BenchTrainArguments, CompletionsArguments,
    ConfigCommand, ExplainArguments, ShowArguments, TrainTask,
};

use crate::config::Override;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Click logs in, served top-K candidates out.
#[derive(Debug, Parser)]
#[command(name = "twinspire", version, arg_required_else_help = true, subcommand_required = true)]
pub struct Arguments {
    /// Flags of every command.
    #[command(flatten)]
    pub globals: GlobalArguments,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global flags")]
pub struct GlobalArguments {
    /// The config file
    #[arg(long, global = true, value_name = "PATH", default_value = "twinspire.toml")]
    pub config: PathBuf,
    /// Base of relative input paths; by default the folder of the config file
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder of runs and bundles, relative to the current folder; overrides `base_dir`
    #[arg(long, global = true, value_name = "DIR")]
    pub base_dir: Option<PathBuf>,
    /// Override a key of the config, as in `--set train.epochs=3`; may be repeated, the last one wins
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = parse_set)]
    pub set: Vec<Override>,
    /// Seed of every random draw; overrides `seed`
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seed: Option<u64>,
    /// Number of worker threads, 0 for all cores; overrides `threads`
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Print one JSON object of a versioned form on stdout
    #[arg(long, global = true)]
    pub json: bool,
    /// No talk on stderr, errors aside
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

impl GlobalArguments {
    /// Values that the flags lay over the config.
    pub fn overrides(&self) -> Vec<Override> {
        let seed = self.seed.map(|seed| Override::flag("--seed", "seed", seed));
        let threads = self.threads.map(|threads| Override::flag("--threads", "threads", threads));
        let base_dir = self.base_dir.as_ref().map(|dir| {
            let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.clone());
            Override::flag("--base-dir", "base_dir", dir.display())
        });
        self.set.iter().cloned().chain(seed).chain(threads).chain(base_dir).collect()
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make up a click world, run the whole chain on its logs, print the candidates of a user
    Demo(DemoArguments),
    /// Write a first, commented config from a look at log files
    Init(InitArguments),
    /// Check the config and the first rows of the data before anything long starts
    Check(CheckArguments),
    /// Look at log files by themselves
    #[command(subcommand)]
    Logs(LogsCommand),
    /// Run the whole chain, from logs to the bundle that is served; what is unchanged is skipped
    Run(RunArguments),
    /// Make samples from logs
    Samples(SamplesArguments),
    /// Mine hard negatives for the samples: a rank band of a bundle's search for each user
    Mine(MineArguments),
    /// Train the two towers on the samples of a run
    Train(TrainArguments),
    /// Train several recipes on the same samples and judge each on the validation part over the full corpus
    Compare(CompareArguments),
    /// Try settings from the ranges of `[tune]`, judged on the validation part over the full corpus; the best go on for longer
    Tune(TuneArguments),
    /// Write item and user embeddings of a trained model as text, Parquet and .npy, and its towers as ONNX
    Export(ExportArguments),
    /// Build the channels of a run and judge them and the merged list over the full corpus
    Evaluate(EvaluateArguments),
    /// Print the stored figures of a run or of a bundle
    Report(ReportArguments),
    /// Seal a judged run as a bundle and make it the one that is served
    Publish(PublishArguments),
    /// Answer one query from the bundle that is served
    Recall(RecallArguments),
    /// Answer queries over HTTP on a loopback address
    Serve(ServeArguments),
    /// Remove the runs, interactions and bundles that `[retention]` does not keep; `run` does it at its end
    Retention(RetentionArguments),
    /// Delete users
    #[command(subcommand)]
    Users(UsersCommand),
    /// Build and search an index over vectors of any origin
    #[command(subcommand)]
    Index(IndexCommand),
    /// Measure speed and memory on this machine
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Show, explain or describe the config
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions(CompletionsArguments),
}

impl Command {
    /// The name that `--json` gives back.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Demo(_) => "demo",
            Self::Init(_) => "init",
            Self::Check(_) => "check",
            Self::Logs(LogsCommand::Check(_)) => "logs check",
            Self::Logs(LogsCommand::Convert(_)) => "logs convert",
            Self::Run(_) => "run",
            Self::Samples(SamplesArguments { step: None, .. }) => "samples",
            Self::Samples(SamplesArguments { step: Some(SamplesCommand::Plan(_)), .. }) => "samples plan",
            Self::Samples(SamplesArguments { step: Some(SamplesCommand::Unit(_)), .. }) => "samples unit",
            Self::Samples(SamplesArguments { step: Some(SamplesCommand::Finish(_)), .. }) => "samples finish",
            Self::Samples(SamplesArguments { step: Some(SamplesCommand::Report(_)), .. }) => "samples report",
            Self::Mine(_) => "mine",
            Self::Train(_) => "train",
            Self::Compare(_) => "compare",
            Self::Tune(_) => "tune",
            Self::Export(_) => "export",
            Self::Evaluate(_) => "evaluate",
            Self::Report(_) => "report",
            Self::Publish(_) => "publish",
            Self::Recall(_) => "recall",
            Self::Serve(_) => "serve",
            Self::Retention(_) => "retention",
            Self::Users(UsersCommand::Delete(_)) => "users delete",
            Self::Index(IndexCommand::Build(_)) => "index build",
            Self::Index(IndexCommand::Search(_)) => "index search",
            Self::Index(IndexCommand::Update(_)) => "index update",
            Self::Bench(BenchCommand::Index(_)) => "bench index",
            Self::Bench(BenchCommand::Train(_)) => "bench train",
            Self::Bench(BenchCommand::Samples(_)) => "bench samples",
            Self::Bench(BenchCommand::Evaluate(_)) => "bench evaluate",
            Self::Config(ConfigCommand::Show(_)) => "config show",
            Self::Config(ConfigCommand::Explain(_)) => "config explain",
            Self::Config(ConfigCommand::Schema) => "config schema",
            Self::Completions(_) => "completions",
        }
    }
}

fn parse_set(text: &str) -> Result<Override, String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok(Override::flag(&format!("--set {}", key.trim()), key, value.trim()))
        }
        Some(_) | None => Err("expected KEY=VALUE, as in train.epochs=3".into()),
    }
}
