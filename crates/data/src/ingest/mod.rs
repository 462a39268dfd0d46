//! Log files to interactions: `runs/<date>/interactions`.
//!
//! In: the files that `[input]` names, over the days of the window. Out: `<unit>/<bucket>-<part>.arrow` (see
//! [`twinspire_core::interaction`]), `side/items.arrow` and `side/users.arrow`, `accounts.json` (one [`FileAccount`] a
//! file) and `rejects.jsonl` (one [`Reject`] a line). It splits nothing by time or user and encodes nothing.
//!
//! The road: `plan` (files, columns, buckets) → per file, in parallel: `open` → `csv` (bytes to records) →
//! `table` (records to verdicts) → `rules` (verdicts on log rows) → `buckets`; `side` reads side tables; `account` keeps
//! rows read = accepted + rejected by kind + filtered by reason.
//!
//! A day whose files hold no row at all is an error that names it. A file without rows beside others of its day is
//! allowed, since a writer that had nothing to say may still close its file; its account shows 0 rows.

mod account;
mod buckets;
pub(crate) mod csv;
mod impression;
pub(crate) mod open;
mod plan;
mod rejects;
pub(crate) mod report;
mod rules;
mod side;
mod table;
mod unit;
mod wanted;

#[cfg(test)]
mod tests;

pub use account::{FileAccount, Kind, Reject};
pub use report::IngestReport;

pub(crate) use plan::{Plan, Unit};
pub(crate) use side::SideTable;
pub(crate) use unit::{ReadFile, read_unit};

use crate::config::DataSettings;
use crate::context::DataContext;
use crate::error::{DataError, Result};
use rayon::prelude::*;
use rejects::{join_rejects, write_rejects};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::stage::{StageKey, run_stage, write_json};
use twinspire_core::table::write_table;

const ACCOUNTS: &str = "accounts.json";
const REJECTS: &str = "rejects.jsonl";

/// Makes `<run_dir>/interactions` from the log files, unless it is up to date.
///
/// # Errors
/// A missing partition or column, an empty or unreadable file; [`DataError::TooManyRejects`] when a file has more bad
/// rows than allowed: the stored rejects of all files are then in `<run_dir>/rejects.jsonl`; I/O.
pub fn ingest(context: &DataContext<'_>, settings: &DataSettings, run_dir: &Path) -> Result<IngestReport> {
    let plan = Plan::new(context, settings)?;
    let folder = run_dir.join("interactions");
    let key = StageKey { stage: "interactions", settings: plan.fingerprint(), inputs: plan.inputs() };
    let job = Job { context, plan: &plan, run_dir };
    let outcome = run_stage(&context.stage, &folder, &key, |staging| job.write(staging))?;
    let path = folder.join(ACCOUNTS);
    let text = context.stage.vfs.read(&path).map_err(|error| DataError::io(&path, error))?;
    let accounts = serde_json::from_slice(&text).map_err(|error| CoreError::damaged(&path, error.to_string()))?;
    Ok(IngestReport { outcome, accounts })
}

/// What the stage works with.
struct Job<'a> {
    context: &'a DataContext<'a>,
    plan: &'a Plan<'a>,
    run_dir: &'a Path,
}

impl Job<'_> {
    fn write(&self, staging: &Path) -> Result<BTreeMap<String, u64>> {
        let mut accounts = self.write_units(staging)?;
        self.check_days(&accounts)?;
        accounts.extend(self.write_side_tables(staging)?);
        self.check_rejects(&accounts, staging)?;
        write_json(self.context.stage.vfs, &staging.join(ACCOUNTS), &accounts)?;
        let total = report::total(&accounts);
        let filtered = total.filtered.values().sum();
        let counts =
            [("read", total.read), ("accepted", total.accepted), ("rejected", total.rejects()), ("filtered", filtered)];
        Ok(counts.map(|(name, count)| (name.to_owned(), count)).into())
    }

    /// Accounts in the order of the units. The first error that a thread meets stops the others.
    fn write_units(&self, staging: &Path) -> Result<Vec<FileAccount>> {
        let progress = self.context.progress;
        progress.start("reading logs", Some(self.plan.units.len() as u64), "files");
        let read = self.context.pool()?.install(|| {
            let one = |unit: &Unit| {
                let read = unit::write_unit(self.context.stage.vfs, self.plan, unit, staging)?;
                self.store_rejects(&read, staging, unit.number)?;
                progress.advance(1);
                Ok(read.account)
            };
            self.plan.units.par_iter().map(one).collect()
        });
        progress.finish();
        read
    }

    fn write_side_tables(&self, staging: &Path) -> Result<Vec<FileAccount>> {
        let vfs = self.context.stage.vfs;
        let folder = staging.join("side");
        let mut accounts = Vec::new();
        for (side, wanted) in self.plan.side_tables() {
            let mut table = SideTable::read(self.plan, side, wanted, u64::MAX)?;
            vfs.create_dir_all(&folder).map_err(|error| DataError::io(&folder, error))?;
            write_table(vfs, &folder.join(format!("{}.arrow", side.name)), &table.batch()?)?;
            for file in table.files {
                self.store_rejects(&file, staging, self.plan.units.len() + accounts.len())?;
                accounts.push(file.account);
            }
        }
        Ok(accounts)
    }

    fn store_rejects(&self, read: &ReadFile, staging: &Path, number: usize) -> Result<()> {
        write_rejects(self.context.stage.vfs, &rejects_of(staging, number), &read.rejects)
    }

    /// Refuses a day, or a whole input without days, whose files have no row.
    fn check_days(&self, accounts: &[FileAccount]) -> Result<()> {
        let units = &self.plan.units;
        for (number, unit) in units.iter().enumerate() {
            let of_day = |other: &Unit| other.is_of_day_of(unit);
            let is_first = !units[..number].last().is_some_and(of_day);
            let rows = units[number..].iter().zip(&accounts[number..]).take_while(|(other, _)| of_day(other));
            if is_first && rows.map(|(_, account)| account.read).sum::<u64>() == 0 {
                return Err(unit.without_rows());
            }
        }
        Ok(())
    }

    /// Joins the rejects of all files: into the stage's folder, or, when there are too many, to where they survive it.
    fn check_rejects(&self, accounts: &[FileAccount], staging: &Path) -> Result<()> {
        let vfs = self.context.stage.vfs;
        let files: Vec<PathBuf> = (0..accounts.len()).map(|number| rejects_of(staging, number)).collect();
        let allowed = self.plan.settings.input().max_reject_ratio;
        let survivor = self.run_dir.join(REJECTS);
        if let Some(account) = accounts.iter().find(|account| account.exceeds(allowed)) {
            join_rejects(vfs, &files, &survivor)?;
            return Err(DataError::TooManyRejects { account: Box::new(account.clone()), allowed, rejects: survivor });
        }
        join_rejects(vfs, &files, &staging.join(REJECTS))?;
        if vfs.exists(&survivor).map_err(|error| DataError::io(&survivor, error))? {
            vfs.remove_file(&survivor).map_err(|error| DataError::io(&survivor, error))?;
        }
        Ok(())
    }
}

/// Rejects of one file, until they are joined.
fn rejects_of(staging: &Path, number: usize) -> PathBuf {
    staging.join(format!("rejects-{number:05}.jsonl"))
}
