//! `twinspire check`: the config against the first rows of the data, before anything long starts.
//!
//! In: the settings and the first rows of a few files: the first and the last of the first and of the last day, the
//! test file, the side tables. Out: [`CheckReport`]. It holds one file's rejects at a time and writes nothing.

use crate::clean::DenyLists;
use crate::config::DataSettings;
use crate::context::DataContext;
use crate::error::Result;
use crate::ingest::report::{account_lines, reject_lines, total};
use crate::ingest::{FileAccount, Limit, Plan, ReadFile, SideTable, Unit, read_unit};
use jiff::Timestamp;
use serde::Serialize;
use twinspire_core::deleted::DeletedUsers;
use twinspire_core::interaction::{NO_TIME, Part};
use twinspire_core::text::grouped;

/// Rows of a file that are looked at.
pub const LOOKED_AT: u64 = 10_000;

/// What a file showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckedFile {
    /// What would become of the rows.
    pub account: FileAccount,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// What its events are; `None` for side tables.
    pub events: Option<SeenEvents>,
}

/// Events of the accepted rows of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SeenEvents {
    /// Rows that are positives.
    pub positives: u64,
    /// Earliest and latest time, microseconds UTC (with `format = "order"`: the least and the greatest number).
    pub times: Option<(i64, i64)>,
}

/// What the first rows say of the config.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckReport {
    /// Log files in the window.
    pub log_files: usize,
    /// The files that were looked at.
    pub files: Vec<CheckedFile>,
    /// The first file that has more rejects among its first rows than ingest would allow, and the limit.
    pub too_many: Option<(String, Limit)>,
    /// Times are times of day, not only an order.
    pub has_clock: bool,
}

/// Looks at the first rows.
///
/// # Errors
/// What would stop ingest: a missing partition or column, an unreadable file or deny list, a first or last day without
/// rows. Rejects are no errors here.
pub fn check_data(context: &DataContext<'_>, settings: &DataSettings) -> Result<CheckReport> {
    let plan = Plan::new(context, settings, DeletedUsers::default())?;
    DenyLists::read(context, settings)?;
    let mut files = Vec::new();
    for unit in chosen(&plan.units) {
        let mut events = SeenEvents::default();
        let read = read_unit(&plan, unit, LOOKED_AT, |event, _, _, _| {
            events.see(event.time, event.says.kind.is_positive());
            Ok(())
        })?;
        if read.account.read == 0 {
            check_day(&plan, unit)?;
        }
        files.push(CheckedFile::new(read, Some(events)));
    }
    for (side, wanted) in plan.side_tables() {
        let table = SideTable::read(&plan, side, wanted, LOOKED_AT)?;
        files.extend(table.files.into_iter().map(|read| CheckedFile::new(read, None)));
    }
    let broken =
        |file: &CheckedFile| Some((file.account.path.clone(), Limit::broken_by(&file.account, settings.input())?));
    Ok(CheckReport {
        too_many: files.iter().find_map(broken),
        log_files: plan.units.iter().filter(|unit| unit.part == Part::Train).count(),
        files,
        has_clock: settings.has_clock(),
    })
}

/// Refuses the day of a file without rows if no other file of that day has one.
fn check_day(plan: &Plan<'_>, unit: &Unit) -> Result<()> {
    let of_day = || plan.units.iter().filter(|other| other.is_of_day_of(unit));
    for other in of_day() {
        if read_unit(plan, other, 1, |_, _, _, _| Ok(()))?.account.read > 0 {
            return Ok(());
        }
    }
    Err(of_day().next().unwrap_or(unit).without_rows())
}

/// The first and the last file of the first and of the last day, and the first test file.
fn chosen(units: &[Unit]) -> Vec<&Unit> {
    let logs: Vec<&Unit> = units.iter().filter(|unit| unit.part == Part::Train).collect();
    let test = units.iter().find(|unit| unit.part == Part::Test);
    let (Some(first), Some(last)) = (logs.first(), logs.last()) else { return test.into_iter().collect() };
    let ends_first_day = logs.iter().rev().find(|unit| unit.date == first.date);
    let begins_last_day = logs.iter().find(|unit| unit.date == last.date);
    let inner = ends_first_day.into_iter().chain(begins_last_day);
    let mut chosen: Vec<&Unit> = std::iter::once(first).chain(inner).chain([last]).copied().chain(test).collect();
    chosen.sort_by_key(|unit| unit.number);
    chosen.dedup_by_key(|unit| unit.number);
    chosen
}

impl SeenEvents {
    fn see(&mut self, time: i64, positive: bool) {
        self.positives += u64::from(positive);
        if time != NO_TIME {
            let (first, last) = self.times.unwrap_or((time, time));
            self.times = Some((first.min(time), last.max(time)));
        }
    }
}

impl CheckedFile {
    fn new(read: ReadFile, events: Option<SeenEvents>) -> Self {
        let columns = read.header.map(|header| header.names().to_vec()).unwrap_or_default();
        Self { account: read.account, columns, events }
    }

    fn lines(&self, has_clock: bool) -> Vec<String> {
        let mut lines = vec![format!("{}: {}", self.account.path, self.columns.join(", "))];
        lines.extend(account_lines(&self.account).into_iter().map(|line| format!("  {line}")));
        let Some(events) = self.events else { return lines };
        let share = events.positives as f64 / self.account.accepted.max(1) as f64 * 100.0;
        lines.push(format!("  positives: {} ({share:.1} %)", grouped(events.positives)));
        if let Some((first, last)) = events.times {
            let shown = |time| match Timestamp::from_microsecond(time) {
                Ok(moment) if has_clock => moment.to_string(),
                Ok(_) | Err(_) => time.to_string(),
            };
            lines.push(format!("  times: {} to {}", shown(first), shown(last)));
        }
        if events.positives == 0 && self.account.accepted > 0 {
            lines.push("  none of these rows is a positive: check input.event or input.label".into());
        }
        lines
    }
}

impl CheckReport {
    /// Plain text for people.
    pub fn lines(&self) -> Vec<String> {
        let accounts: Vec<FileAccount> = self.files.iter().map(|file| file.account.clone()).collect();
        let read = grouped(total(&accounts).read);
        let mut lines = vec![format!("{} log files; looked at {read} rows of {}", self.log_files, self.files.len())];
        lines.extend(self.files.iter().flat_map(|file| file.lines(self.has_clock)));
        lines.extend(reject_lines(&accounts));
        lines
    }
}
