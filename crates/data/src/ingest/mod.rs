//! Log files to interactions. Each log file is read once, into `<base_dir>/interactions/<day>/<file>`, whatever number of
//! runs reads its day; a run's own folder `interactions` says which of them its window holds.
//!
//! In: the files that `[input]` names, over the days of the window. Out, for each file: `<part>.arrow` (see
//! [`twinspire_core::interaction`]), `summary.json` (its [`FileAccount`]) and `rejects.jsonl` (one [`Reject`] a line); for
//! each side table `interactions/<name>/table.arrow` and the like; and for the run `window.json`, `accounts.json` and the
//! joined `rejects.jsonl`. It splits nothing by time or user and encodes nothing.
//!
//! The road: `plan` (files, columns, buckets) → per file, a `unit`: `open` → `source` (bytes to records, by `csv`, `jsonl`,
//! `tfrecord` or `parquet`) → `table` (records to verdicts) → `rules` (verdicts on log rows) → `slots`; `side` reads side
//! tables; `account` keeps rows read = accepted + rejected by kind + filtered by reason; `gather` joins what the units of a
//! window say.
//!
//! A day whose files hold no row at all is an error that names it. A file without rows beside others of its day is
//! allowed, since a writer that had nothing to say may still close its file; its account shows 0 rows.

mod account;
mod corrections;
pub(crate) mod csv;
mod gather;
mod impression;
mod jsonl;
mod limit;
pub(crate) mod named;
pub(crate) mod open;
mod parquet;
mod plan;
pub(crate) mod record;
mod rejects;
pub(crate) mod report;
mod rules;
mod side;
mod slots;
pub(crate) mod source;
mod table;
mod tfrecord;
mod unit;
mod wanted;
mod window;

#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod tests;

pub use account::{FileAccount, Kind, Reject};
pub use limit::Limit;
pub use report::IngestReport;

pub(crate) use account::Accountant;
pub(crate) use gather::{Gathered, TableFile};
pub(crate) use plan::{Plan, USERS, Unit};
pub(crate) use side::SideTable;
pub(crate) use table::{Table, Verdict};
pub(crate) use tfrecord::{Feature, push_example};
pub(crate) use unit::{ReadFile, read_unit};

use crate::config::DataSettings;
use crate::context::{DataContext, RunFolders};
use crate::error::Result;
use rayon::prelude::*;
use serde_json::json;
use std::path::{Path, PathBuf};
use twinspire_core::stage::{StageContext, StageKey, StageOutcome, read_json, run_unit};
use unit::{write_log, write_side};

const ACCOUNTS: &str = "accounts.json";
pub(crate) const REJECTS: &str = "rejects.jsonl";
const SIDE_TABLE: &str = "table.arrow";

/// Reads the files of the window that have not been read yet or have changed since, and makes the run's `interactions`.
///
/// # Errors
/// A missing partition or column, an empty or unreadable file; [`crate::DataError::TooManyRejects`] when a file has more
/// bad rows than allowed; I/O. What was read stays read.
pub fn ingest(context: &DataContext<'_>, settings: &DataSettings, folders: &RunFolders) -> Result<IngestReport> {
    let plan = Plan::of_run(context, settings, folders)?;
    let job = Ingest { context, plan: &plan, folders };
    let read = job.read_all()?;
    job.gathered_report(read)
}

/// The units of ingest: one a log file, in the order of the plan, then one a side table.
pub(crate) struct Ingest<'a> {
    pub context: &'a DataContext<'a>,
    pub plan: &'a Plan<'a>,
    pub folders: &'a RunFolders,
}

impl Ingest<'_> {
    /// Number of units.
    pub fn len(&self) -> usize {
        self.plan.units.len() + self.plan.side_tables().count()
    }

    /// Nothing is drawn here, so that runs of other seeds read the same files.
    fn stage(&self) -> StageContext<'_> {
        StageContext { seed: 0, ..self.context.stage }
    }

    /// What decides the bytes of all units, the contents of the files aside.
    ///
    /// # Errors
    /// A store that refuses.
    pub fn settings(&self) -> Result<Vec<serde_json::Value>> {
        (0..self.len()).map(|number| Ok(self.key(number)?.settings)).collect()
    }

    /// Makes the run's `interactions`, and says what became of every row; `files_read` were read now.
    ///
    /// # Errors
    /// As [`Ingest::gather`].
    pub fn gathered_report(&self, files_read: usize) -> Result<IngestReport> {
        let outcome = self.gather()?;
        let accounts = read_json(self.context.stage.vfs, &self.folders.interactions().join(ACCOUNTS))?;
        Ok(IngestReport { outcome, files_read, accounts })
    }

    /// What a unit reads.
    pub fn what(&self, number: usize) -> String {
        match self.plan.units.get(number) {
            Some(unit) => unit.name.clone(),
            None => self.side(number).0.name.to_owned(),
        }
    }

    /// Folder of a unit, below [`RunFolders::shared`].
    fn name(&self, number: usize) -> PathBuf {
        match self.plan.units.get(number) {
            Some(unit) => unit.folder(),
            None => self.side(number).0.name.into(),
        }
    }

    /// Folder of a unit.
    pub fn folder(&self, number: usize) -> PathBuf {
        self.folders.shared().join(self.name(number))
    }

    /// Number of files that a unit reads.
    fn files_of(&self, number: usize) -> usize {
        if number < self.plan.units.len() { 1 } else { self.side(number).0.files.len() }
    }

    fn side(&self, number: usize) -> (&plan::SideFiles, &wanted::Wanted) {
        let place = number - self.plan.units.len();
        self.plan.side_tables().nth(place).expect("a unit is a log file or a side table")
    }

    /// Files of this machine count by their content, objects by what their store says of them.
    fn key(&self, number: usize) -> Result<StageKey> {
        let (stage, settings, files) = match self.plan.units.get(number) {
            Some(unit) => ("interactions of a file", self.plan.log_settings(unit), std::slice::from_ref(&unit.path)),
            None => {
                let (side, wanted) = self.side(number);
                ("side table", self.plan.side_settings(side, wanted), side.files.as_slice())
            }
        };
        let (mut inputs, mut objects) = (Vec::new(), Vec::new());
        for path in files {
            match self.context.files.state(path)? {
                None => inputs.push(path.clone()),
                Some(state) => objects.push(state),
            }
        }
        let settings = if objects.is_empty() { settings } else { json!([settings, objects]) };
        Ok(StageKey { stage, settings, inputs })
    }

    /// Runs one unit unless it is up to date.
    ///
    /// # Errors
    /// As [`ingest`]; rejects are counted, not judged.
    pub fn read(&self, number: usize) -> Result<StageOutcome> {
        let folder = self.folder(number);
        let vfs = self.context.stage.vfs;
        run_unit(&self.stage(), &folder, &self.key(number)?, |staging: &Path| match self.plan.units.get(number) {
            Some(unit) => write_log(vfs, self.plan, unit, staging),
            None => write_side(vfs, self.plan, self.side(number), staging),
        })
    }

    /// Runs all units and returns how many files were not up to date. The first error that a thread meets stops the others.
    fn read_all(&self) -> Result<usize> {
        let progress = self.context.progress;
        progress.start("reading logs", Some(self.len() as u64), "files");
        let read = self.context.pool()?.install(|| {
            let one = |number| {
                let outcome = self.read(number)?;
                progress.advance(1);
                Ok(if outcome.is_skipped() { 0 } else { self.files_of(number) })
            };
            (0..self.len()).into_par_iter().map(one).collect::<Result<Vec<usize>>>()
        });
        progress.finish();
        Ok(read?.iter().sum())
    }
}
