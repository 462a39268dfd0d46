//! Interactions to samples: `runs/<date>/interactions` to `runs/<date>/samples`.
//!
//! In: the interaction tables that [`crate::ingest`] wrote, bucket by bucket, and its side tables. Out: the files of
//! [`SampleLayout`]: encoded samples and queries, the corpus, the histories, the fitted features, the statistics.
//! It reads no log and draws no negatives.
//!
//! The road: `crate::bucket` (rows of one bucket in order) → `split` (their parts) → `scan` and `corpus` (first pass: items,
//! what is fitted) → `history` and `encode` (second pass: samples, queries, histories) → `job` (files, in order).
//! `source` knows where each raw value comes from, `side` reads side tables.

mod corpus;
mod down_sample;
mod encode;
mod history;
mod job;
mod rows;
mod scan;
mod side;
mod source;
mod split;

use crate::clean::{Cleaning, DenyLists, find_suspects};
use crate::config::{DataSettings, Split, day_of, start_of_day};
use crate::context::{DataContext, run_date};
use crate::error::{DataError, Result};
use crate::statistics::Statistics;
use job::Job;
use serde_json::json;
use side::SideTable;
use source::{Columns, Sources};
use split::SplitRule;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::interaction::Part;
use twinspire_core::partition::Date;
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::{StageKey, StageManifest, StageOutcome, read_json, read_manifest, run_stage};
use twinspire_core::table::{integers_i64, read_mapped};

/// What the samples stage did.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplesReport {
    /// Made, or up to date.
    pub outcome: StageOutcome,
    /// What was counted, now or when the folder was made.
    pub statistics: Statistics,
}

/// Makes `<run_dir>/samples` from `<run_dir>/interactions`, unless it is up to date.
///
/// # Errors
/// No interactions; damaged tables; a feature whose column is nowhere or whose value cannot be encoded (naming the
/// row); a split that leaves nothing to train on; I/O.
pub fn make_samples(context: &DataContext<'_>, settings: &DataSettings, run_dir: &Path) -> Result<SamplesReport> {
    let folder = run_dir.join("interactions");
    let interactions = read_manifest(context.stage.vfs, &folder)?;
    let last = last_named_day(context, settings)?;
    let layout = SampleLayout { folder: run_dir.join("samples") };
    let lists = DenyLists::read(settings, context.data_dir)?;
    let decided = stage_settings(settings, last, &interactions, &lists);
    let key = StageKey { stage: "samples", settings: decided, inputs: Vec::new() };
    let outcome = run_stage(&context.stage, &layout.folder, &key, |staging| {
        let job = plan(context, settings, (&folder, &interactions), last, lists)?;
        let statistics = context.pool()?.install(|| job.write(&SampleLayout { folder: staging.to_owned() }))?;
        Ok::<_, DataError>(manifest_rows(&statistics))
    })?;
    let statistics = read_json(context.stage.vfs, &layout.statistics())?;
    Ok(SamplesReport { outcome, statistics })
}

/// What decides the bytes of this stage. The interactions count by the checksums in their manifest, which ingest
/// checked or made a moment ago, so that a large folder is not read twice.
fn stage_settings(
    settings: &DataSettings,
    last: Option<Date>,
    interactions: &StageManifest,
    lists: &DenyLists,
) -> serde_json::Value {
    let tables = interactions.outputs.iter().filter(|output| output.path.ends_with(".arrow"));
    json!({
        "mode": settings.mode(),
        "split": settings.split(),
        "clean": [json!(settings.clean()), json!(lists.fingerprints())],
        "positives": settings.outcome().positives(),
        "down_sample": settings.down_sample(),
        "join": settings.input().join,
        "features": settings.features(),
        "user": settings.user_columns(),
        "item": [Some(settings.item_column()), settings.items_table().map(|table| table.item.as_str())],
        "zone": settings.input().time.as_ref().map(|time| &time.zone),
        "last": last.map(|day| day.to_string()),
        "interactions": tables.collect::<Vec<_>>(),
    })
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

/// Files of each bucket, units in order. Their names are `<bucket>-<part>.arrow`.
fn bucket_files(folder: &Path, interactions: &StageManifest) -> Vec<Vec<PathBuf>> {
    let mut buckets: BTreeMap<&str, Vec<PathBuf>> = BTreeMap::new();
    for output in &interactions.outputs {
        if let Some((_unit, name)) = output.path.rsplit_once('/')
            && let Some((bucket, _part)) = name.split_once('-')
        {
            buckets.entry(bucket).or_default().push(folder.join(&output.path));
        }
    }
    buckets
        .into_values()
        .map(|mut files| {
            files.sort();
            files
        })
        .collect()
}

fn plan<'a>(
    context: &'a DataContext<'_>,
    settings: &'a DataSettings,
    (folder, interactions): (&Path, &StageManifest),
    last: Option<Date>,
    lists: DenyLists,
) -> Result<Job<'a>> {
    let buckets = bucket_files(folder, interactions);
    let Some(first) = buckets.iter().flatten().next() else {
        let reason = "there are no interactions".to_owned();
        return Err(DataError::Unsuitable { what: "samples".to_owned(), reason });
    };
    let schema = read_mapped(first)?.schema();
    let log: Vec<String> =
        schema.fields().iter().filter_map(|field| field.name().strip_prefix("f:")).map(str::to_owned).collect();
    let sources = Sources::find(
        settings.features(),
        &columns(settings, &log),
        SideTable::open(&folder.join("side/users.arrow"))?,
        SideTable::open(&folder.join("side/items.arrow"))?,
    )?;
    let tables: Vec<PathBuf> = buckets.iter().flatten().cloned().collect();
    let budget = u64::from(settings.memory_mib()) << 18;
    let crossing = context.pool()?.install(|| find_suspects(&tables, settings.traffic_rules(), budget))?;
    Ok(Job {
        vfs: context.stage.vfs,
        progress: context.progress,
        schema: settings.features(),
        mode: settings.mode(),
        rule: split_rule(settings, context.stage.seed, last, &buckets)?,
        cleaning: Cleaning::new(settings, sources.log_columns.len(), lists, crossing),
        down_sample: settings.down_sample(),
        seed: context.stage.seed,
        weights: settings.outcome().positives().into_iter().map(|(_, weight)| weight).collect(),
        sources,
        buckets,
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

fn split_rule(settings: &DataSettings, seed: u64, last: Option<Date>, buckets: &[Vec<PathBuf>]) -> Result<SplitRule> {
    match settings.split() {
        Split::ByColumn { .. } => Ok(SplitRule::AsRead),
        Split::LeaveLastOneOut {} => Ok(SplitRule::LeaveLastOneOut),
        Split::Given { validation_share, .. } => Ok(SplitRule::Draw { share: *validation_share, seed }),
        Split::ByDate { validation_days, test_days } => {
            let last = match last {
                Some(day) => day,
                None => last_day_of_data(settings, buckets)?,
            };
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

fn last_day_of_data(settings: &DataSettings, buckets: &[Vec<PathBuf>]) -> Result<Date> {
    let mut latest = i64::MIN;
    for path in buckets.iter().flatten() {
        let batch = read_mapped(path)?;
        latest = latest.max(integers_i64(&batch, "time")?.iter().copied().max().unwrap_or(i64::MIN));
    }
    day_of(latest, &settings.zone()).ok_or_else(outside_calendar)
}
