//! `twinspire logs check`: every row of the window judged as ingest would judge it, and nothing written.
//!
//! In: the settings and all log files and side tables. Out: [`LogsReport`]: rows by kind with the first of each, by day and
//! by file. It holds the rows of no file, only counts and examples; of side tables, the keys that were seen.

use crate::config::DataSettings;
use crate::context::DataContext;
use crate::error::Result;
use crate::ingest::report::{account_lines, total};
use crate::ingest::{FileAccount, Limit, Plan, ReadFile, Reject, SideTable, Unit, read_unit};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use twinspire_core::deleted::DeletedUsers;
use twinspire_core::partition::Date;
use twinspire_core::text::{aligned, grouped};

/// Rejects of each kind that are shown.
const SHOWN: usize = 5;
/// Files whose examples are held at a time.
const FILES: usize = 64;

/// Rejected rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindRows {
    /// Name of the kind.
    pub kind: String,
    /// How many there are.
    pub rows: u64,
    /// The first of them, in the order of the files.
    pub examples: Vec<Reject>,
}

/// The rows of one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DayRows {
    /// Day of the folder or file; absent for files without one.
    pub day: Option<String>,
    /// Rows that were read.
    pub read: u64,
    /// Rows that were rejected.
    pub rejected: u64,
    /// Rows that were left out.
    pub filtered: u64,
}

/// What all files of the window hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogsReport {
    /// All rows.
    pub total: FileAccount,
    /// The rows of log files, by day.
    pub days: Vec<DayRows>,
    /// Rejected rows, by kind.
    pub kinds: Vec<KindRows>,
    /// One account a file, without examples.
    pub files: Vec<FileAccount>,
    /// Files that have more bad rows than the config allows.
    pub too_many: Vec<String>,
}

/// Reads all files of the window.
///
/// # Errors
/// What would stop ingest, too many rejects aside: a missing partition or column, a day without rows, an unreadable file.
pub fn check_logs(context: &DataContext<'_>, settings: &DataSettings) -> Result<LogsReport> {
    let plan = Plan::new(context, settings, DeletedUsers::default())?;
    let mut tally = Tally::default();
    context.progress.start("reading logs", Some(plan.units.len() as u64), "files");
    for units in plan.units.chunks(FILES) {
        let one = |unit: &Unit| {
            let read = read_unit(&plan, unit, u64::MAX, |_, _, _, _| Ok(()))?;
            context.progress.advance(1);
            Ok((unit.date, read))
        };
        let read: Result<Vec<(Option<Date>, ReadFile)>> =
            context.pool()?.install(|| units.par_iter().map(one).collect());
        read?.into_iter().for_each(|(day, read)| tally.add_log(day, read));
    }
    context.progress.finish();
    plan.check_days(&tally.files.iter().map(|file| file.read).collect::<Vec<_>>())?;
    for (side, wanted) in plan.side_tables() {
        SideTable::read(&plan, side, wanted, u64::MAX)?.files.into_iter().for_each(|read| tally.add(read));
    }
    Ok(tally.finish(settings))
}

impl LogsReport {
    /// Plain text for people: all rows, then by day, then by kind.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("{} files", grouped(self.files.len() as u64))];
        lines.extend(account_lines(&self.total));
        lines.push(String::new());
        lines.extend(aligned(&self.day_rows()));
        for kind in &self.kinds {
            lines.push(String::new());
            lines.push(format!("{}: {} rows; {}", kind.kind, grouped(kind.rows), kind.examples[0].hint));
            lines.extend(kind.examples.iter().map(|reject| format!("  {}", reject.line())));
        }
        lines
    }

    fn day_rows(&self) -> Vec<Vec<String>> {
        let heads = ["day", "rows", "rejected", "share", "filtered"].map(str::to_owned).to_vec();
        let rows = self.days.iter().map(|rows| {
            let share = rows.rejected as f64 / rows.read.max(1) as f64 * 100.0;
            let day = rows.day.clone().unwrap_or_else(|| "undated".into());
            let (read, rejected) = (grouped(rows.read), grouped(rows.rejected));
            vec![day, read, rejected, format!("{share:.2} %"), grouped(rows.filtered)]
        });
        std::iter::once(heads).chain(rows).collect()
    }
}

/// Counts so far.
#[derive(Default)]
struct Tally {
    days: BTreeMap<Option<Date>, DayRows>,
    kinds: BTreeMap<String, KindRows>,
    files: Vec<FileAccount>,
}

impl Tally {
    fn add_log(&mut self, day: Option<Date>, read: ReadFile) {
        let new = || DayRows { day: day.map(|day| day.to_string()), ..DayRows::default() };
        let rows = self.days.entry(day).or_insert_with(new);
        rows.read += read.account.read;
        rows.rejected += read.account.rejects();
        rows.filtered += read.account.filtered.values().sum::<u64>();
        self.add(read);
    }

    fn add(&mut self, read: ReadFile) {
        for (kind, rows) in &read.account.rejected {
            let new = || KindRows { kind: kind.clone(), rows: 0, examples: Vec::new() };
            let known = self.kinds.entry(kind.clone()).or_insert_with(new);
            known.rows += rows;
            let room = SHOWN - known.examples.len();
            let first = read.rejects.iter().filter(|reject| reject.kind.name() == kind).take(room);
            known.examples.extend(first.cloned());
        }
        self.files.push(FileAccount { examples: Vec::new(), ..read.account });
    }

    fn finish(self, settings: &DataSettings) -> LogsReport {
        let broken = |file: &&FileAccount| Limit::broken_by(file, settings.input()).is_some();
        LogsReport {
            total: total(&self.files),
            days: self.days.into_values().collect(),
            kinds: self.kinds.into_values().collect(),
            too_many: self.files.iter().filter(broken).map(|file| file.path.clone()).collect(),
            files: self.files,
        }
    }
}
