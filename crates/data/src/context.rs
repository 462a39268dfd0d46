//! What the stages of this crate are told beside their settings, and the days that a run covers.

use crate::config::DataSettings;
use crate::error::{DataError, Result};
use std::path::Path;
use twinspire_core::CoreError;
use twinspire_core::partition::{Date, Partition, PathPattern, window};
use twinspire_core::progress::Progress;
use twinspire_core::stage::StageContext;

/// What a stage of this crate is told.
#[derive(Clone, Copy)]
pub struct DataContext<'a> {
    /// Durable writes, clock and seed.
    pub stage: StageContext<'a>,
    /// Hears how far the work is.
    pub progress: &'a dyn Progress,
    /// Number of worker threads; 0 stands for all cores. Results do not depend on it.
    pub threads: usize,
    /// Base of relative input paths.
    pub data_dir: &'a Path,
    /// The days that are read.
    pub window: Window,
}

impl DataContext<'_> {
    /// A pool of [`DataContext::threads`] threads.
    pub(crate) fn pool(&self) -> Result<rayon::ThreadPool> {
        let built = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build();
        built.map_err(|error| DataError::Unsuitable { what: "threads".to_owned(), reason: error.to_string() })
    }
}

/// The days that were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The last day; without it, the last day that has files.
    pub last: Option<Date>,
    /// Number of days; without it, `input.days`, else all days up to the last.
    pub days: Option<u32>,
}

impl Window {
    fn length(self, settings: &DataSettings) -> Option<u32> {
        self.days.or(settings.input().days)
    }
}

/// Log files of the window.
#[derive(Debug, Clone)]
pub(crate) struct LogFiles {
    /// By day, then by name.
    pub files: Vec<Partition>,
    /// First and last day, when rows outside of them are left out or the folders are dated.
    pub days: Option<(Date, Date)>,
}

/// Name of the run folder: the last day of the window, or `undated` when the path has no `{date}` and no day was named.
///
/// # Errors
/// [`DataError::NoFile`] when no day has a file.
pub fn run_date(context: &DataContext<'_>, settings: &DataSettings) -> Result<String> {
    if let Some(last) = context.window.last {
        return Ok(last.to_string());
    }
    if !settings.is_dated() {
        return Ok("undated".into());
    }
    let pattern = log_pattern(context, settings)?;
    pattern.dates()?.last().map(ToString::to_string).ok_or_else(|| no_file(settings))
}

fn log_pattern(context: &DataContext<'_>, settings: &DataSettings) -> Result<PathPattern> {
    let input = settings.input();
    Ok(PathPattern::new(context.data_dir, &input.path, &input.date_format)?)
}

fn no_file(settings: &DataSettings) -> DataError {
    DataError::NoFile { pattern: settings.input().path.clone() }
}

/// Finds the log files of the window.
///
/// # Errors
/// [`DataError::MissingPartition`] or `Core(Missing)` for the first day without a file, [`DataError::NoFile`] when no day
/// has one, `Core(Missing)` for a path without `{date}` that matches nothing, [`DataError::UnknownWindow`] for a length without a last day.
pub(crate) fn log_files(context: &DataContext<'_>, settings: &DataSettings) -> Result<LogFiles> {
    let pattern = log_pattern(context, settings)?;
    let length = context.window.length(settings);
    if !settings.is_dated() {
        return undated_files(context, settings, length);
    }
    let dates = pattern.dates()?;
    let last = context.window.last.or(dates.last().copied()).ok_or_else(|| no_file(settings))?;
    let days = match length {
        Some(length) => window(last, length)?,
        None => match dates.first() {
            Some(&first) if first <= last => {
                first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).collect()
            }
            _ => vec![last],
        },
    };
    if let Some(&missing) = days.iter().find(|day| dates.binary_search(day).is_err()) {
        let input = settings.input();
        let written = missing.strftime(&input.date_format).to_string();
        return Err(DataError::MissingPartition {
            date: missing,
            pattern: input.path.replace("{date}", &written),
            available: dates.first().copied().zip(dates.last().copied()),
        });
    }
    let covered = days.first().copied().zip(days.last().copied());
    Ok(LogFiles { files: pattern.files(&days)?, days: covered })
}

fn undated_files(context: &DataContext<'_>, settings: &DataSettings, length: Option<u32>) -> Result<LogFiles> {
    let has_clock = settings.time().is_some_and(|time| time.has_days());
    let days = match (context.window.last, length) {
        (Some(last), Some(length)) => window(last, length)?.first().map(|&first| (first, last)),
        (Some(last), None) => Some((Date::MIN, last)),
        (None, Some(_)) => return Err(DataError::UnknownWindow { pattern: settings.input().path.clone() }),
        (None, None) => None,
    };
    let files = plain_files(context, &settings.input().path)?;
    Ok(LogFiles { files, days: days.filter(|_| has_clock) })
}

/// Files of a path or pattern without `{date}`.
///
/// # Errors
/// `Core(Missing)` when it matches nothing, [`DataError::EmptyFile`] for a single file of no bytes.
pub(crate) fn plain_files(context: &DataContext<'_>, path: &str) -> Result<Vec<Partition>> {
    let pattern = PathPattern::new(context.data_dir, path, "%Y-%m-%d")?;
    pattern.files(&[]).map_err(|error| {
        let single = context.data_dir.join(path);
        if matches!(error, CoreError::Missing { .. }) && single.is_file() {
            return DataError::EmptyFile { path: single, reason: "it has 0 bytes".into() };
        }
        error.into()
    })
}
