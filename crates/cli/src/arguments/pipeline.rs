//! Arguments of the chain from logs to a bundle.

use crate::config::Override;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use twinspire_core::partition::Date;

/// Which days are read.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct WindowArguments {
    /// Last day of the window; by default the last day that has logs
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_date)]
    pub date: Option<Date>,
    /// Length of the window in days, counted back from its last day; overrides `input.days`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub days: Option<u32>,
}

/// Of `twinspire demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Folder for the made-up logs, their config and the runs
    #[arg(long, value_name = "DIR", default_value = "twinspire-demo")]
    pub dir: PathBuf,
}

/// Of `twinspire init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// Log files to look at; side tables of items or users may be among them
    #[arg(long, value_name = "FILES", num_args = 1.., required = true)]
    pub from: Vec<PathBuf>,
    /// Where the config is written; an existing file is never overwritten
    #[arg(long, value_name = "PATH", default_value = "twinspire.toml")]
    pub out: PathBuf,
}

/// Of `twinspire check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Which days are looked at.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire samples`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SamplesArguments {
    /// Which days are read.
    #[command(flatten)]
    pub window: WindowArguments,
    /// One step of it, for running it in pieces.
    #[command(subcommand)]
    pub step: Option<SamplesCommand>,
}

/// Samples in pieces, for more than one machine.
#[derive(Debug, Subcommand)]
pub enum SamplesCommand {
    /// List the units from logs to samples, which anything that runs commands can run
    Plan(SamplesPlanArguments),
    /// Run one unit, unless it has been run
    Unit(SamplesUnitArguments),
    /// Show what there is to know of the samples: positives by day, what every rule did, shares of the hottest items
    Report(SamplesReportArguments),
    /// Check that every unit has been run, and seal the samples
    Finish(SamplesFinishArguments),
}

/// Of `twinspire samples plan`.
#[derive(Debug, Args)]
pub struct SamplesPlanArguments {
    /// Which days are read.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire samples unit`.
#[derive(Debug, Args)]
pub struct SamplesUnitArguments {
    /// Number of the unit, from 0
    #[arg(value_name = "N")]
    pub number: usize,
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire samples report`.
#[derive(Debug, Args)]
pub struct SamplesReportArguments {
    /// Write it as a page with pictures, too, that opens without a network
    #[arg(long, value_name = "PATH")]
    pub html: Option<PathBuf>,
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire samples finish`.
#[derive(Debug, Args)]
pub struct SamplesFinishArguments {
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// What training begins with.
#[derive(Debug, Clone, Default, Args)]
pub struct BeginArguments {
    /// Start from an earlier model, with what its optimizer remembered: the date of a run, the id of a bundle, or `previous`,
    /// the latest earlier run that has one; overrides `train.warm_start`
    #[arg(long, value_name = "RUN_OR_BUNDLE")]
    pub warm_start: Option<String>,
    /// Begin with the first step, also where a checkpoint of an interrupted run is there
    #[arg(long)]
    pub fresh: bool,
}

impl BeginArguments {
    /// Values that the flags lay over the config.
    pub fn overrides(&self) -> Option<Override> {
        self.warm_start.as_ref().map(|start| Override::flag("--warm-start", "train.warm_start", start))
    }
}

/// Of `twinspire train`.
#[derive(Debug, Args)]
pub struct TrainArguments {
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
    /// What training begins with.
    #[command(flatten)]
    pub begin: BeginArguments,
}

/// Of `twinspire mine`.
#[derive(Debug, Args)]
pub struct MineArguments {
    /// The bundle that is searched; by default the one that is served
    #[arg(long, value_name = "BUNDLE_ID")]
    pub bundle: Option<String>,
    /// First rank that is taken, counted from 1
    #[arg(long, value_name = "RANK", default_value_t = 101)]
    pub first: usize,
    /// Last rank that is taken, at most 1000
    #[arg(long, value_name = "RANK", default_value_t = 500)]
    pub last: usize,
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire compare`.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Files with keys of the sections model and train, each of which replaces that key of the config
    #[arg(value_name = "RECIPES", required = true, num_args = 1..)]
    pub recipes: Vec<PathBuf>,
    /// Seeds of each recipe, with commas between them; by default that of the config
    #[arg(long, value_name = "SEEDS", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub seeds: Vec<u64>,
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire tune`.
#[derive(Debug, Args)]
pub struct TuneArguments {
    /// Write the table as a page with pictures, too, that opens without a network
    #[arg(long, value_name = "PATH")]
    pub html: Option<PathBuf>,
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
    /// Also write the towers as ONNX graphs and as safetensors, with rows to check them by
    #[arg(long)]
    pub towers: bool,
}

/// Of `twinspire evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArguments {
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
    /// Compare on the same queries with a sealed bundle, or with one channel of the run, `merged` or `popularity`
    #[arg(long, value_name = "BUNDLE_OR_CHANNEL")]
    pub against: Option<String>,
    /// Also write the figures of every query as Parquet
    #[arg(long, value_name = "FILE")]
    pub per_query: Option<PathBuf>,
}

/// Of `twinspire report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
    /// The report of a sealed bundle instead of a run's
    #[arg(long, value_name = "BUNDLE_ID")]
    pub bundle: Option<String>,
    /// Also write it as one page that opens without a network
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Of `twinspire publish`.
#[derive(Debug, Args)]
pub struct PublishArguments {
    /// Which run.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Which days are read.
    #[command(flatten)]
    pub window: WindowArguments,
    /// One run for each of these days, in order; what is there already is skipped, and the served bundle is never replaced
    /// by one of an earlier day
    #[arg(long, value_name = "FROM..TO", value_parser = parse_days, conflicts_with = "date")]
    pub backfill: Option<Days>,
    /// What training begins with.
    #[command(flatten)]
    pub begin: BeginArguments,
}

/// Days from one to another, both of which are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub first: Date,
    /// The last day, not before the first.
    pub last: Date,
}

/// Of `twinspire retention`.
#[derive(Debug, Args)]
pub struct RetentionArguments {
    /// Only say what would be removed
    #[arg(long)]
    pub dry_run: bool,
}

/// Of `twinspire users`.
#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Delete users: their rows leave the interactions, and no later run reads them
    Delete(UsersDeleteArguments),
}

/// Of `twinspire users delete`.
#[derive(Debug, Args)]
pub struct UsersDeleteArguments {
    /// Users, as `input.user` names them; several columns are joined with `|`
    #[arg(value_name = "USERS", required_unless_present = "from")]
    pub users: Vec<String>,
    /// A file with one user a line
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

fn parse_days(text: &str) -> Result<Days, String> {
    let expected = || "expected two days as FROM..TO, such as 2026-11-01..2026-11-20".to_owned();
    let (first, last) = text.split_once("..").ok_or_else(expected)?;
    let days = Days { first: parse_date(first)?, last: parse_date(last)? };
    if days.first <= days.last { Ok(days) } else { Err(expected()) }
}

fn parse_date(text: &str) -> Result<Date, String> {
    let expected = || "expected a day as YYYY-MM-DD, such as 2026-11-20".to_owned();
    if text.len() != 10 {
        return Err(expected());
    }
    text.parse().map_err(|_| expected())
}
