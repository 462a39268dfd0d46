//! What the units of a window say, in one place: the run's folder `interactions`. In: the manifests and summaries of all
//! units. Out: `window.json` ([`Gathered`]), `accounts.json`, `rejects.jsonl`; or the error for a day without rows or a file
//! with too many bad ones. No row is read here.

use super::plan::{ITEMS, USERS};
use super::rejects::join_rejects;
use super::unit::{SUMMARY, Summary};
use super::{ACCOUNTS, FileAccount, Ingest, Limit, REJECTS, SIDE_TABLE, report};
use crate::error::{DataError, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::interaction::ROWS_OF_A_FILE;
use twinspire_core::stage::{StageKey, StageManifest, StageOutcome, made_unit, read_json, run_unit, write_json};
use twinspire_core::vfs::{Vfs, sweep_attempts};

/// The interactions of a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Gathered {
    /// In the order of days and files.
    pub tables: Vec<LogTable>,
    pub items: Option<TableFile>,
    pub users: Option<TableFile>,
    /// Latest time of an event.
    pub latest: Option<i64>,
    /// Number of buckets in which samples are made.
    pub buckets: usize,
    /// Number of units that read files.
    pub units: usize,
}

/// A table of interactions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogTable {
    #[serde(flatten)]
    pub file: TableFile,
    /// Position of row 0 of its log file.
    pub first: u64,
}

/// A table below the shared folder of interactions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableFile {
    pub path: PathBuf,
    pub sha256: String,
}

/// Name of the file that holds [`Gathered`].
const WINDOW: &str = "window.json";

impl Gathered {
    /// Reads `window.json` of a run.
    ///
    /// # Errors
    /// It is not there, or damaged.
    pub fn read(interactions: &Path, vfs: &dyn Vfs) -> Result<Self> {
        Ok(read_json(vfs, &interactions.join(WINDOW))?)
    }
}

impl Ingest<'_> {
    /// Makes the run's `interactions`, unless it is up to date.
    ///
    /// # Errors
    /// [`DataError::UnitMissing`]; [`DataError::EmptyFile`]; [`DataError::TooManyRejects`]; I/O.
    pub fn gather(&self) -> Result<StageOutcome> {
        let units = self.units_made()?;
        let made: Vec<_> = units.iter().map(|(name, manifest)| (name, &manifest.outputs)).collect();
        let input = self.plan.settings.input();
        let settings = json!({
            "units": made, "buckets": self.plan.buckets,
            "max_reject_ratio": input.max_reject_ratio, "max_corrupt_records": input.max_corrupt_records,
        });
        let key = StageKey { stage: "interactions", settings, inputs: Vec::new() };
        let outcome = run_unit(&self.stage(), &self.folders.interactions(), &key, |staging| {
            self.write_gathered(&units, staging)
        })?;
        for (name, _) in &units {
            let folder = self.folders.shared().join(name);
            sweep_attempts(self.context.stage.vfs, folder.parent().unwrap_or(&folder))?;
        }
        Ok(outcome)
    }

    /// Folders and manifests of all units.
    fn units_made(&self) -> Result<Vec<(PathBuf, StageManifest)>> {
        let made = |number| {
            let name = self.name(number);
            let folder = self.folders.shared().join(&name);
            let manifest = made_unit(&self.stage(), &folder, &self.key(number)?);
            let missing = || DataError::UnitMissing { unit: number, folder };
            manifest.ok_or_else(missing).map(|manifest| (name, manifest))
        };
        (0..self.len()).map(made).collect()
    }

    fn write_gathered(&self, units: &[(PathBuf, StageManifest)], staging: &Path) -> Result<BTreeMap<String, u64>> {
        let vfs = self.context.stage.vfs;
        let read = |(name, _): &(PathBuf, StageManifest)| {
            Ok(read_json::<Summary>(vfs, &self.folders.shared().join(name).join(SUMMARY))?)
        };
        let summaries: Vec<Summary> = units.iter().map(read).collect::<Result<_>>()?;
        let rows = |summary: &Summary| summary.accounts.iter().map(|account| account.read).sum();
        self.plan.check_days(&summaries.iter().map(rows).collect::<Vec<u64>>())?;
        self.check_rejects(units, &summaries)?;
        let files: Vec<PathBuf> =
            units.iter().map(|(name, _)| self.folders.shared().join(name).join(REJECTS)).collect();
        join_rejects(vfs, &files, &staging.join(REJECTS))?;
        let latest = summaries.iter().filter_map(|summary| summary.latest).max();
        write_json(vfs, &staging.join(WINDOW), &self.gathered(units, latest))?;
        let accounts: Vec<FileAccount> = summaries.into_iter().flat_map(|summary| summary.accounts).collect();
        write_json(vfs, &staging.join(ACCOUNTS), &accounts)?;
        Ok(report::counts(&accounts))
    }

    fn gathered(&self, units: &[(PathBuf, StageManifest)], latest: Option<i64>) -> Gathered {
        let (logs, sides) = units.split_at(self.plan.units.len());
        let tables_of = |(name, manifest): &(PathBuf, StageManifest)| {
            let tables = manifest.outputs.iter().filter(|output| output.path.ends_with(".arrow"));
            let files = tables.map(|output| TableFile { path: name.join(&output.path), sha256: output.sha256.clone() });
            files.collect::<Vec<_>>()
        };
        let numbered = logs.iter().enumerate();
        let tables = numbered.flat_map(|(number, unit)| {
            let first = number as u64 * ROWS_OF_A_FILE;
            tables_of(unit).into_iter().map(move |file| LogTable { file, first })
        });
        let side = |name: &str| {
            let mut tables = sides.iter().filter(|(folder, _)| folder == Path::new(name)).flat_map(tables_of);
            tables.find(|table| table.path.ends_with(SIDE_TABLE))
        };
        Gathered {
            tables: tables.collect(),
            items: side(ITEMS),
            users: side(USERS),
            latest,
            buckets: self.plan.buckets,
            units: units.len(),
        }
    }

    fn check_rejects(&self, units: &[(PathBuf, StageManifest)], summaries: &[Summary]) -> Result<()> {
        let input = self.plan.settings.input();
        for ((name, _), summary) in units.iter().zip(summaries) {
            let broken = |account: &FileAccount| Some((account.clone(), Limit::broken_by(account, input)?));
            if let Some((account, limit)) = summary.accounts.iter().find_map(broken) {
                let rejects = self.folders.shared().join(name).join(REJECTS);
                return Err(DataError::TooManyRejects { account: Box::new(account), limit, rejects });
            }
        }
        Ok(())
    }
}
