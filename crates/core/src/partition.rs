//! Dates and dated path patterns: `logs/date={date}/*.csv.gz` over a range of days that ends at one date.

use crate::Result;
use std::path::{Path, PathBuf};

/// A calendar day.
pub type Date = jiff::civil::Date;

/// The days of a run, first to last.
pub fn window(_last: Date, _days: u32) -> Vec<Date> { todo!() }

/// A path pattern. `{date}` stands for the day; `*` and `?` match inside the last parts.
#[derive(Debug, Clone)]
pub struct PathPattern {
    // private
}

/// A file that a pattern found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Day of the folder, if the pattern has `{date}`.
    pub date: Option<Date>,
    /// The file.
    pub path: PathBuf,
}

impl PathPattern {
    /// `pattern` is relative to `base`; `date_format` is a strftime format such as `%Y-%m-%d`.
    pub fn new(_base: &Path, _pattern: &str, _date_format: &str) -> Result<Self> { todo!() }
    /// True when the pattern has `{date}`.
    pub fn is_dated(&self) -> bool { todo!() }
    /// Files of the days, by day, then by name. A day without any file, and a pattern without `{date}` that finds
    /// none, is an error that names it.
    pub fn files(&self, _days: &[Date]) -> Result<Vec<Partition>> { todo!() }
    /// The days for which files exist, ascending (for `--date` without a value, and for hints).
    pub fn dates(&self) -> Result<Vec<Date>> { todo!() }
}
