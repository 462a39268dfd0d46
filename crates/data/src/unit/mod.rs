//! The road from logs to samples in pieces that anything can run. In: the settings, and the number of a unit. Out: the
//! folder of that unit; at the end the run's `samples`, byte for byte those of [`crate::sample::make_samples`].
//!
//! Machines that share no disk have each their own `base_dir`, and `samples.units` in an object store: a unit fetches
//! from there what it needs, and is sent there when it is made (`shared`).
//!
//! A unit is a function of files: run twice, killed in the middle or run in two places at once, it leaves the same
//! folder, made visible by one rename. Units of a phase know nothing of each other; a phase begins when the one before
//! is done. There is no coordinator here: whatever can run a command and try again can run units.

mod shared;

use crate::config::DataSettings;
use crate::context::{DataContext, RunFolders};
use crate::error::{DataError, Result};
use crate::ingest::{Ingest, IngestReport, Plan};
use crate::sample::{self, SamplesReport};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::SharedUnits;
use std::path::PathBuf;
use twinspire_core::CoreError;
use twinspire_core::stage::{StageOutcome, fingerprint, write_json};

/// Name of the list of units, in the run's `units`.
const PLAN: &str = "plan.json";

/// Version of [`UnitPlan`].
const FORMAT: u32 = 1;

/// All units of a run, numbered from 0 in the order in which one process alone would run them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitPlan {
    /// Version of this form.
    pub format: u32,
    /// SHA-256 of the settings and of the names of the files.
    pub fingerprint: String,
    /// In order; a phase begins when all units of the one before are done.
    pub phases: Vec<Phase>,
    /// What each unit of the first phase reads: a log file, or a side table.
    pub reads: Vec<String>,
}

/// Units that may run in any order and at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// `read`, `gather`, `count`, `scan`, `fit` or `encode`.
    pub name: String,
    /// Number of its first unit.
    pub first: usize,
    /// How many there are.
    pub units: usize,
}

impl UnitPlan {
    /// Number of all units.
    pub fn len(&self) -> usize {
        self.phases.iter().map(|phase| phase.units).sum()
    }

    /// True without units.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn plan_of(ingest: &Ingest<'_>, context: &DataContext<'_>, settings: &DataSettings) -> Result<UnitPlan> {
    let buckets = ingest.plan.buckets;
    let mut first = 0;
    let phases =
        [("read", ingest.len()), ("gather", 1), ("count", 1), ("scan", buckets), ("fit", 1), ("encode", buckets)];
    let phases = phases.map(|(name, units)| {
        first += units;
        Phase { name: name.to_owned(), first: first - units, units }
    });
    let everything = json!({
        "format": FORMAT, "read": ingest.settings()?, "buckets": buckets, "seed": context.stage.seed,
        "samples": sample::stage_settings(context, settings)?,
    });
    let reads = (0..ingest.len()).map(|number| ingest.what(number)).collect();
    Ok(UnitPlan { format: FORMAT, fingerprint: fingerprint(&everything), phases: phases.to_vec(), reads })
}

/// Lists the units of a run and writes the list to `<run>/units/plan.json`.
///
/// # Errors
/// A missing partition or column, an empty file; I/O.
pub fn plan_units(context: &DataContext<'_>, settings: &DataSettings, folders: &RunFolders) -> Result<UnitPlan> {
    let plan = Plan::of_run(context, settings, folders)?;
    let units = plan_of(&Ingest { context, plan: &plan, folders }, context, settings)?;
    let vfs = context.stage.vfs;
    let folder = folders.units();
    vfs.create_dir_all(&folder).map_err(|error| DataError::io(&folder, error))?;
    write_json(vfs, &folder.join(PLAN), &units)?;
    SharedUnits::new(context, settings, folders).send_file(&folder.join(PLAN))?;
    Ok(units)
}

/// Runs one unit, unless it has been run.
///
/// # Errors
/// [`DataError::PlanChanged`] when the settings or the files are not those of the plan; [`DataError::UnitMissing`] when a
/// unit of the phase before has not been run; whatever the unit finds in its files.
pub fn run_unit(
    context: &DataContext<'_>,
    settings: &DataSettings,
    folders: &RunFolders,
    number: usize,
) -> Result<StageOutcome> {
    let plan = Plan::of_run(context, settings, folders)?;
    let ingest = Ingest { context, plan: &plan, folders };
    let shared = SharedUnits::new(context, settings, folders);
    let units = checked(&ingest, &shared, settings)?;
    if number >= units.len() {
        let reason = format!("expected a unit from 0 to {}, found {number}", units.len() - 1);
        return Err(CoreError::Invalid { field: "unit".into(), reason }.into());
    }
    let (folder, needed) = folders_of(&ingest, number);
    needed.iter().chain([&folder]).try_for_each(|folder| shared.fetch(folder))?;
    let outcome = match number.checked_sub(ingest.len()) {
        None => ingest.read(number)?,
        Some(0) => ingest.gather()?,
        Some(after) => sample::run_unit(context, settings, folders, after - 1)?,
    };
    shared.send(&folder)?;
    Ok(outcome)
}

/// The folder of a unit, and those of earlier ones that it reads.
fn folders_of(ingest: &Ingest<'_>, number: usize) -> (PathBuf, Vec<PathBuf>) {
    match number.checked_sub(ingest.len()) {
        None => (ingest.folder(number), Vec::new()),
        Some(0) => (ingest.folders.interactions(), (0..ingest.len()).map(|number| ingest.folder(number)).collect()),
        Some(after) => {
            let (folder, needed) = sample::folders_of(ingest.folders, ingest.plan.buckets, after - 1);
            (folder, gathered_and(ingest, needed))
        }
    }
}

/// The folders of a window's interactions, and others.
fn gathered_and(ingest: &Ingest<'_>, others: Vec<PathBuf>) -> Vec<PathBuf> {
    let (gathered, mut folders) = folders_of(ingest, ingest.len());
    folders.push(gathered);
    folders.extend(others);
    folders
}

/// Checks that every unit has been run, and seals the run's `samples`.
///
/// # Errors
/// As [`run_unit`]; [`DataError::UnitMissing`] names the first unit that has not been run.
pub fn finish_units(
    context: &DataContext<'_>,
    settings: &DataSettings,
    folders: &RunFolders,
) -> Result<(IngestReport, SamplesReport)> {
    let plan = Plan::of_run(context, settings, folders)?;
    let ingest = Ingest { context, plan: &plan, folders };
    let shared = SharedUnits::new(context, settings, folders);
    checked(&ingest, &shared, settings)?;
    let needed = gathered_and(&ingest, sample::folders_of_seal(folders, plan.buckets));
    needed.iter().try_for_each(|folder| shared.fetch(folder))?;
    let report = ingest.gathered_report(0)?;
    Ok((report, sample::finish_samples(context, settings, folders)?))
}

/// The stored plan, if it is still the one of these settings and files.
fn checked(ingest: &Ingest<'_>, shared: &SharedUnits<'_>, settings: &DataSettings) -> Result<UnitPlan> {
    let path = ingest.folders.units().join(PLAN);
    let Some(text) = shared.read(&path)? else {
        return Err(DataError::PlanChanged { path, what: "there is no such file".into() });
    };
    let stored: UnitPlan = serde_json::from_str(&text).map_err(|error| CoreError::damaged(&path, error.to_string()))?;
    if plan_of(ingest, ingest.context, settings)?.fingerprint != stored.fingerprint {
        return Err(DataError::PlanChanged { path, what: "the settings or the files are others".into() });
    }
    Ok(stored)
}
