//! Arguments of the commands on log files by themselves.

use super::WindowArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Of `twinspire logs`.
#[derive(Debug, Subcommand)]
pub enum LogsCommand {
    /// Judge every row of the window and write nothing: rows by kind with the first of each, by day and by file
    Check(LogsCheckArguments),
    /// Write the rows of a file in another format, by its ending: .csv, .tsv, .jsonl or .tfrecord, also with .gz or .zst
    Convert(LogsConvertArguments),
}

/// Of `twinspire logs check`.
#[derive(Debug, Args)]
pub struct LogsCheckArguments {
    /// Which days are read.
    #[command(flatten)]
    pub window: WindowArguments,
}

/// Of `twinspire logs convert`.
#[derive(Debug, Args)]
pub struct LogsConvertArguments {
    /// The file that is read, of any format
    #[arg(long, value_name = "FILE")]
    pub from: PathBuf,
    /// The file that is written; an existing file is never overwritten
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Columns whose cells hold several values with `|` between them: arrays in JSON, lists in TFRecord
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    pub lists: Vec<String>,
}
