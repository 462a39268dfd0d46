//! Interactions to samples: the interactions of a window to `runs/<date>/samples`.
//!
//! In: the tables that [`crate::ingest`] wrote, bucket by bucket, and its side tables. Out: the files of
//! [`SampleLayout`]: encoded samples and queries, the corpus, its attributes, the histories, the fitted features, the statistics.
//! It reads no log and draws no negatives.
//!
//! The road: `crate::bucket` (rows of one bucket in order) → `crate::clean` → `split` (their parts) → `scan` and `corpus` (first pass: items,
//! what is fitted) → `fit` and `windows` (all buckets joined) → `history` and `encode` (second pass: samples, queries, histories) →
//! `finish` (files, in order). `job` runs each of them as a unit; `source` knows where each raw value comes from, `side`
//! reads side tables. `watch` looks at all of it once more, for the ledger.

mod attributes;
mod corpus;
mod down_sample;
mod encode;
mod finish;
mod fit;
mod history;
mod job;
mod numbers;
mod rows;
mod scan;
mod side;
mod source;
mod split;
mod unchosen;
mod watch;
mod windows;

use crate::clean::DenyLists;
use crate::config::{DataSettings, Split, day_of, start_of_day};
use crate::context::{DataContext, RunFolders, run_date, times_of_window};
use crate::error::{DataError, Result};
use crate::ingest::{Gathered, TableFile};
use crate::ledger::Ledger;
use crate::statistics::Statistics;
use job::{Job, Step};
use serde_json::json;
use side::SideTable;
use source::{Columns, Sources};
use split::SplitRule;
use std::collections::BTreeMap;
use std::path::PathBuf;
use twinspire_core::interaction::Part;
use twinspire_core::partition::Date;
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::{StageKey, StageOutcome, read_json, run_stage};
use twinspire_core::table::MappedParts;
use twinspire_core::vfs::sweep_attempts;

/// What the samples stage did.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplesReport {
    /// Made, or up to date.
    pub outcome: StageOutcome,
    /// What was counted, now or when the folder was made.
    pub statistics: Statistics,
}

/// Makes the run's `samples` from its `interactions`, unless it is up to date: all units, in the threads of the context.
///
/// # Errors
/// No interactions; damaged tables; a feature whose column is nowhere or whose value cannot be encoded (naming the
/// row); a split that leaves nothing to train on; I/O. Units that were done stay done.
pub fn make_samples(context: &DataContext<'_>, settings: &DataSettings, folders: &RunFolders) -> Result<SamplesReport> {
    let pool = context.pool()?;
    seal(context, settings, folders, |job| pool.install(|| job.run_all()))
}

/// Makes the run's `samples` from its units, all of which must have been run.
///
/// # Errors
/// [`DataError::UnitMissing`]; I/O.
pub(crate) fn finish_samples(
    context: &DataContext<'_>,
    settings: &DataSettings,
    folders: &RunFolders,
) -> Result<SamplesReport> {
    let pool = context.pool()?;
    seal(context, settings, folders, |job| {
        job.check_made(Step::Fit)?;
        pool.install(|| job.check_all_made(Step::Encode))
    })
}

fn seal(
    context: &DataContext<'_>,
    settings: &DataSettings,
    folders: &RunFolders,
    run: impl FnOnce(&Job<'_>) -> Result<()>,
) -> Result<SamplesReport> {
    let vfs = context.stage.vfs;
    let gathered = Gathered::read(&folders.interactions(), vfs)?;
    let layout = SampleLayout { folder: folders.samples() };
    let key = StageKey {
        stage: "samples",
        settings: json!({ "samples": stage_settings(context, settings)?, "interactions": gathered }),
        inputs: Vec::new(),
    };
    let outcome = run_stage(&context.stage, &layout.folder, &key, |staging| {
        let job = plan(context, settings, folders, gathered)?;
        run(&job)?;
        Ok::<_, DataError>(manifest_rows(&job.finish(&SampleLayout { folder: staging.to_owned() })?))
    })?;
    let units = folders.units();
    vfs.remove_dir_all(&units).map_err(|error| DataError::io(&units, error))?;
    sweep_attempts(vfs, folders.run())?;
    let statistics = read_json(vfs, &layout.statistics())?;
    Ok(SamplesReport { outcome, statistics })
}

/// What there is to know of the run's `samples` before they are trusted: see [`crate::ledger`].
///
/// # Errors
/// No samples; damaged tables; I/O.
pub fn look_at_samples(context: &DataContext<'_>, settings: &DataSettings, folders: &RunFolders) -> Result<Ledger> {
    let gathered = Gathered::read(&folders.interactions(), context.stage.vfs)?;
    let job = plan(context, settings, folders, gathered)?;
    context.pool()?.install(|| watch::ledger(&job))
}

/// Runs one unit of the samples stage; `number` counts from the first of them.
///
/// # Errors
/// As [`make_samples`]; [`DataError::UnitMissing`] for one that must come before.
pub(crate) fn run_unit(
    context: &DataContext<'_>,
    settings: &DataSettings,
    folders: &RunFolders,
    number: usize,
) -> Result<StageOutcome> {
    let job = plan(context, settings, folders, Gathered::read(&folders.interactions(), context.stage.vfs)?)?;
    context.pool()?.install(|| match Step::of(number, job.buckets) {
        Step::Count => job.count(),
        Step::Scan(bucket) => {
            job.check_made(Step::Count)?;
            job.scan(&job.cleaning()?, bucket)
        }
        Step::Fit => {
            job.check_all_made(Step::Scan)?;
            job.fit()
        }
        Step::Encode(bucket) => {
            job.check_made(Step::Fit)?;
            job.check_made(Step::Scan(bucket))?;
            job.encode(&job.open_fit()?, bucket)
        }
    })
}

/// The folder of a unit of this stage, and those of others that it reads; `number` counts as in [`run_unit`].
pub(crate) fn folders_of(folders: &RunFolders, buckets: usize, number: usize) -> (PathBuf, Vec<PathBuf>) {
    let step = Step::of(number, buckets);
    (step.folder(folders), step.needed(buckets).into_iter().map(|step| step.folder(folders)).collect())
}

/// The folders that [`finish_samples`] reads.
pub(crate) fn folders_of_seal(folders: &RunFolders, buckets: usize) -> Vec<PathBuf> {
    let steps = [Step::Fit].into_iter().chain((0..buckets).map(Step::Encode));
    steps.map(|step| step.folder(folders)).collect()
}

/// What decides the bytes of this stage, the interactions aside: they count by the checksums that ingest wrote down, so
/// that large files are not read twice.
///
/// # Errors
/// As [`run_date`].
pub(crate) fn stage_settings(context: &DataContext<'_>, settings: &DataSettings) -> Result<serde_json::Value> {
    let lists = DenyLists::read(context, settings)?;
    let last = last_named_day(context, settings)?;
    let times = times_of_window(context, settings)?.map(|times| (times.start, times.end));
    Ok(json!({
        "mode": settings.mode(),
        "split": settings.split(),
        "clean": [json!(settings.clean()), json!(lists.fingerprints())],
        "positives": settings.outcome().positives(),
        "down_sample": settings.down_sample(),
        "join": settings.input().join,
        "features": settings.features(),
        "user": settings.user_columns(),
        "item": [Some(settings.item_column()), settings.items_table().map(|table| table.item.as_str())],
        "attributes": settings.items_table().map(|table| (&table.attributes, &table.available)),
        "zone": settings.input().time.as_ref().map(|time| &time.zone),
        "last": last.map(|day| day.to_string()),
        "times": times,
    }))
}

fn manifest_rows(statistics: &Statistics) -> BTreeMap<String, u64> {
    let mut rows = BTreeMap::from([
        ("read".to_owned(), statistics.read),
        ("filtered".to_owned(), statistics.filtered.values().sum()),
        ("users".to_owned(), statistics.users),
        ("items".to_owned(), statistics.items),
    ]);
    for (part, counts) in &statistics.parts {
        rows.insert(format!("samples_{}", part.name()), counts.samples);
        if *part != Part::Train {
            rows.insert(format!("queries_{}", part.name()), counts.queries);
        }
    }
    rows
}

fn plan<'a>(
    context: &'a DataContext<'_>,
    settings: &'a DataSettings,
    folders: &'a RunFolders,
    gathered: Gathered,
) -> Result<Job<'a>> {
    let shared = folders.shared();
    let tables: Vec<(PathBuf, u64)> =
        gathered.tables.iter().map(|table| (shared.join(&table.file.path), table.first)).collect();
    let Some((first, _)) = tables.first() else {
        let reason = "there are no interactions".to_owned();
        return Err(DataError::Unsuitable { what: "samples".to_owned(), reason });
    };
    let schema = MappedParts::open(first)?.schema().clone();
    let log: Vec<String> =
        schema.fields().iter().filter_map(|field| field.name().strip_prefix("f:")).map(str::to_owned).collect();
    let side =
        |table: &Option<TableFile>| table.as_ref().map(|table| SideTable::open(&shared.join(&table.path))).transpose();
    let sources =
        Sources::find(settings.features(), &columns(settings, &log), side(&gathered.users)?, side(&gathered.items)?)?;
    let last = last_named_day(context, settings)?;
    Ok(Job {
        context,
        folders,
        settings,
        rule: split_rule(settings, context.stage.seed, last, gathered.latest)?,
        lists: DenyLists::read(context, settings)?,
        weights: settings.outcome().positives().into_iter().map(|(_, weight)| weight).collect(),
        times: times_of_window(context, settings)?,
        kept_cells: sources.read_again(settings.mode()),
        sources,
        tables,
        buckets: gathered.buckets,
        first_unit: gathered.units + 1,
        decided: json!({ "samples": stage_settings(context, settings)?, "interactions": gathered }),
    })
}

/// Names under which keys are columns; `log` are the raw columns of the interaction tables.
fn columns<'a>(settings: &'a DataSettings, log: &'a [String]) -> Columns<'a> {
    let mut user: Vec<&str> = Vec::new();
    if let [single] = settings.user_columns() {
        user.push(single);
    }
    let mut item = vec![settings.item_column()];
    if let Some(table) = settings.items_table() {
        item.push(&table.item);
    }
    Columns { user, item, log }
}

/// The last day of the window, as far as the command line or dated folders name it.
fn last_named_day(context: &DataContext<'_>, settings: &DataSettings) -> Result<Option<Date>> {
    if context.window.last.is_some() || !settings.is_dated() {
        return Ok(context.window.last);
    }
    Ok(run_date(context, settings)?.parse().ok())
}

fn split_rule(settings: &DataSettings, seed: u64, last: Option<Date>, latest: Option<i64>) -> Result<SplitRule> {
    match settings.split() {
        Split::ByColumn { .. } => Ok(SplitRule::AsRead),
        Split::LeaveLastOneOut { validation } => Ok(SplitRule::LeaveLastOneOut { validation: *validation }),
        Split::Given { validation_share, .. } => Ok(SplitRule::Draw { share: *validation_share, seed }),
        Split::ByDate { validation_days, test_days } => {
            let of_data = || day_of(latest?, &settings.zone());
            let last = last.or_else(of_data).ok_or_else(outside_calendar)?;
            let test_from = if *test_days == 0 { i64::MAX } else { first_moment(settings, last, *test_days)? };
            let judged = validation_days.saturating_add(*test_days);
            let validation_from = if judged == 0 { i64::MAX } else { first_moment(settings, last, judged)? };
            Ok(SplitRule::ByTime { validation_from, test_from })
        }
    }
}

fn outside_calendar() -> DataError {
    let reason = "the days of the parts lie outside the calendar".to_owned();
    DataError::Unsuitable { what: "samples.split".to_owned(), reason }
}

/// Microseconds UTC of the first moment of the last `days` days that end with `last`.
fn first_moment(settings: &DataSettings, last: Date, days: u32) -> Result<i64> {
    let back = jiff::Span::new().try_days(i64::from(days) - 1).map_err(|_| outside_calendar())?;
    let first = last.checked_sub(back).map_err(|_| outside_calendar())?;
    start_of_day(first, &settings.zone()).ok_or_else(outside_calendar)
}
