//! What the stages of this crate are told beside their settings, and the days that a run covers.

use crate::config::{DataSettings, start_of_day};
use crate::error::{DataError, Result};
use crate::files::{DataFiles, resolve};
use std::ops::Range;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::partition::{Date, Partition, PathPattern, Tree, window};
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
    /// Where logs and shared units lie.
    pub files: &'a DataFiles,
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

/// Where the folders of a run lie, and the interactions that it shares with other runs.
#[derive(Debug, Clone)]
pub struct RunFolders {
    base: PathBuf,
    run: PathBuf,
}

impl RunFolders {
    /// Of the run `date` (see [`run_date`]) in a `base_dir`.
    pub fn new(base_dir: &Path, date: &str) -> Self {
        Self { base: base_dir.to_owned(), run: base_dir.join("runs").join(date) }
    }

    /// The folder of all runs.
    pub fn base(&self) -> &Path {
        &self.base
    }

    /// `runs/<date>`.
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// `interactions`: what was read of each log file, by day; of all runs.
    pub fn shared(&self) -> PathBuf {
        self.base.join("interactions")
    }

    /// `runs/<date>/interactions`: what the window holds of it.
    pub fn interactions(&self) -> PathBuf {
        self.run.join("interactions")
    }

    /// `runs/<date>/samples`.
    pub fn samples(&self) -> PathBuf {
        self.run.join("samples")
    }

    /// `runs/<date>/units`: work of the samples stage until it is sealed.
    pub fn units(&self) -> PathBuf {
        self.run.join("units")
    }
}

/// The days that were asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The last day; without it, the last day that has files.
    pub last: Option<Date>,
    /// Number of days; without it, `input.days`.
    pub days: Option<u32>,
}

impl Window {
    fn length(self, settings: &DataSettings) -> Option<u32> {
        self.days.or(settings.input().days)
    }
}

/// Length of the window of dated logs when nothing says it; days before the first that has files are none.
pub const DEFAULT_DAYS: u32 = 30;

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
    pattern.dates(context.files)?.last().map(ToString::to_string).ok_or_else(|| no_file(settings))
}

fn log_pattern(context: &DataContext<'_>, settings: &DataSettings) -> Result<PathPattern> {
    let input = settings.input();
    Ok(PathPattern::new(context.data_dir, &input.path, &input.date_format)?)
}

fn no_file(settings: &DataSettings) -> DataError {
    DataError::NoFile { pattern: settings.input().path.clone() }
}

/// The log files of the window, by day, then by name.
///
/// # Errors
/// [`DataError::MissingPartition`] or `Core(Missing)` for the first day without a file, [`DataError::NoFile`] when no day
/// has one, `Core(Missing)` for a path without `{date}` that matches nothing, [`DataError::UnknownWindow`] for a length without a last day.
pub(crate) fn log_files(context: &DataContext<'_>, settings: &DataSettings) -> Result<Vec<Partition>> {
    let pattern = log_pattern(context, settings)?;
    if !settings.is_dated() {
        times_of_window(context, settings)?;
        return plain_files(context, &settings.input().path);
    }
    let length = context.window.length(settings);
    let dates = pattern.dates(context.files)?;
    let last = context.window.last.or(dates.last().copied()).ok_or_else(|| no_file(settings))?;
    let days = match length {
        Some(length) => window(last, length)?,
        None => {
            let mut days = window(last, DEFAULT_DAYS)?;
            days.retain(|day| dates.first().is_some_and(|first| first <= day) || *day == last);
            days
        }
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
    pattern.files(context.files, &days)
}

/// Times of the days that were asked for, where the folders do not say it: from the first moment of the first day to the
/// first moment after the last one.
///
/// # Errors
/// [`DataError::UnknownWindow`] for a length without a last day.
pub(crate) fn times_of_window(context: &DataContext<'_>, settings: &DataSettings) -> Result<Option<Range<i64>>> {
    if settings.is_dated() {
        return Ok(None);
    }
    let (first, last) = match (context.window.last, context.window.length(settings)) {
        (Some(last), Some(length)) => (window(last, length)?[0], last),
        (Some(last), None) => (Date::MIN, last),
        (None, Some(_)) => return Err(DataError::UnknownWindow { pattern: settings.input().path.clone() }),
        (None, None) => return Ok(None),
    };
    if !settings.time().is_some_and(|time| time.has_days()) {
        return Ok(None);
    }
    let start = start_of_day(first, &settings.zone()).unwrap_or(i64::MIN);
    let end = last.tomorrow().ok().and_then(|day| start_of_day(day, &settings.zone())).unwrap_or(i64::MAX);
    Ok(Some(start..end))
}

/// Files of a path or pattern without `{date}`.
///
/// # Errors
/// `Core(Missing)` when it matches nothing, [`DataError::EmptyFile`] for a single file of no bytes.
pub(crate) fn plain_files(context: &DataContext<'_>, path: &str) -> Result<Vec<Partition>> {
    let pattern = PathPattern::new(context.data_dir, path, "%Y-%m-%d")?;
    pattern.files(context.files, &[]).or_else(|error| {
        let single = resolve(context.data_dir, path);
        let is_missing = matches!(error, DataError::Core(CoreError::Missing { .. }));
        if is_missing && context.files.size(&single)?.is_some() {
            return Err(DataError::EmptyFile { path: single, reason: "it has 0 bytes".into() });
        }
        Err(error)
    })
}
