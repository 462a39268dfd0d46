//! The units of the samples stage. In: the interactions of a window. Out, each in a folder of `runs/<date>/units`: for
//! every bucket `scan` (its rows cleaned, split and in order; what must be known before anything can be encoded), once
//! `fit` (the corpus and the fitted encoder), for every bucket `encode` (its samples, queries and histories). Held at a
//! time: one bucket a thread; for `fit` and `encode` the corpus. A unit is a function of its inputs, so no byte depends on
//! the number of threads, or on where and how often it was run.

use super::down_sample::DownSampling;
use super::encode::{Encoding, PARTS};
use super::fit::Fit;
use super::scan::scan;
use super::source::Sources;
use super::split::SplitRule;
use crate::bucket::{Bucket, StoredBucket};
use crate::clean::{Cleaning, DenyLists, Suspects, find_suspects};
use crate::config::DataSettings;
use crate::context::{DataContext, RunFolders};
use crate::error::{DataError, Result};
use crate::statistics::PartCounts;
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use twinspire_core::interaction::SLOTS;
use twinspire_core::sample::SampleRows;
use twinspire_core::stage::{
    StageContext, StageKey, StageOutcome, is_whole, made_unit, read_json, run_unit, write_json,
};
use twinspire_core::table::write_table;
use twinspire_core::vfs::{Unsynced, Vfs};

/// Everything that the units read.
pub(super) struct Job<'a> {
    pub context: &'a DataContext<'a>,
    pub folders: &'a RunFolders,
    pub settings: &'a DataSettings,
    pub rule: SplitRule,
    pub lists: DenyLists,
    /// Weight of each positive event, by its number.
    pub weights: Vec<f32>,
    /// Times that are read; all of them without one.
    pub times: Option<Range<i64>>,
    pub sources: Sources,
    /// As [`Sources::read_again`].
    pub kept_cells: Vec<[bool; 2]>,
    /// Tables of the window, each with the position of row 0 of its log file.
    pub tables: Vec<(PathBuf, u64)>,
    pub buckets: usize,
    /// Number of the first unit, in the list of all units of the run.
    pub first_unit: usize,
    /// What decides the bytes of all units.
    pub decided: Value,
}

/// A unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Once.
    Count,
    /// Of one bucket.
    Scan(usize),
    /// Once.
    Fit,
    /// Of one bucket.
    Encode(usize),
}

impl Step {
    /// The unit with a number, from 0: `count`, all scans, `fit`, all encodings.
    pub fn of(number: usize, buckets: usize) -> Self {
        match number {
            0 => Self::Count,
            number if number <= buckets => Self::Scan(number - 1),
            number if number == buckets + 1 => Self::Fit,
            number => Self::Encode(number - buckets - 2),
        }
    }

    /// Its folder.
    pub fn folder(self, folders: &RunFolders) -> PathBuf {
        folders.units().join(match self {
            Self::Count => "count".into(),
            Self::Scan(bucket) => format!("scan-{bucket:05}"),
            Self::Fit => "fit".into(),
            Self::Encode(bucket) => format!("encode-{bucket:05}"),
        })
    }

    /// The units of this stage that it reads.
    pub fn needed(self, buckets: usize) -> Vec<Self> {
        match self {
            Self::Count => Vec::new(),
            Self::Scan(_) => vec![Self::Count],
            Self::Fit => (0..buckets).map(Self::Scan).collect(),
            Self::Encode(bucket) => vec![Self::Fit, Self::Scan(bucket)],
        }
    }
}

/// Suspects of the rules that cross users.
const SUSPECTS: &str = "suspects.json";
/// Counts of a unit.
pub(super) const COUNTS: &str = "counts.json";
/// Queries of a part, histories of the users of a bucket.
pub(super) const HISTORIES: &str = "histories.arrow";

/// Samples of a part.
pub(super) fn samples_of(part: twinspire_core::interaction::Part) -> String {
    format!("{}.arrow", part.name())
}

/// Queries of a part.
pub(super) fn queries_of(part: twinspire_core::interaction::Part) -> String {
    format!("queries-{}.arrow", part.name())
}

impl Job<'_> {
    fn number(&self, step: Step) -> usize {
        self.first_unit
            + match step {
                Step::Count => 0,
                Step::Scan(bucket) => bucket + 1,
                Step::Fit => self.buckets + 1,
                Step::Encode(bucket) => self.buckets + 2 + bucket,
            }
    }

    fn key(&self, step: Step) -> StageKey {
        let (stage, bucket) = match step {
            Step::Count => ("count", None),
            Step::Scan(bucket) => ("scan of a bucket", Some(bucket)),
            Step::Fit => ("fit", None),
            Step::Encode(bucket) => ("samples of a bucket", Some(bucket)),
        };
        StageKey { stage, settings: json!({ "all": self.decided, "bucket": bucket }), inputs: Vec::new() }
    }

    /// Folder of a unit.
    pub fn folder(&self, step: Step) -> PathBuf {
        step.folder(self.folders)
    }

    /// Refuses to go on without a unit that was run by another process, perhaps before a power loss.
    ///
    /// # Errors
    /// [`DataError::UnitMissing`] when it was not run, or a file of it is gone or has another checksum.
    pub fn check_made(&self, step: Step) -> Result<()> {
        let folder = self.folder(step);
        let made = made_unit(&self.context.stage, &folder, &self.key(step));
        if made.is_some_and(|manifest| is_whole(&folder, &manifest)) {
            return Ok(());
        }
        Err(DataError::UnitMissing { unit: self.number(step), folder })
    }

    /// As [`Job::check_made`], for the units of a phase; the first that is missing is named.
    ///
    /// # Errors
    /// As [`Job::check_made`].
    pub fn check_all_made(&self, phase: fn(usize) -> Step) -> Result<()> {
        let checked: Vec<Result<()>> =
            (0..self.buckets).into_par_iter().map(|bucket| self.check_made(phase(bucket))).collect();
        checked.into_iter().collect()
    }

    /// Runs a unit unless it is up to date. Its folder is not synced: whoever did not make it looks at its checksums.
    fn unit(
        &self,
        step: Step,
        write: impl FnOnce(&dyn Vfs, &Path) -> Result<BTreeMap<String, u64>>,
    ) -> Result<StageOutcome> {
        let vfs = Unsynced(self.context.stage.vfs);
        let stage = StageContext { vfs: &vfs, ..self.context.stage };
        run_unit(&stage, &self.folder(step), &self.key(step), |staging| write(&vfs, staging))
    }

    /// Runs all units in the thread pool it is called in.
    ///
    /// # Errors
    /// As [`Job::scan`], [`Job::fit`] and [`Job::encode`].
    pub fn run_all(&self) -> Result<()> {
        self.count()?;
        let cleaning = self.cleaning()?;
        self.every_bucket("looking at interactions", |bucket| self.scan(&cleaning, bucket))?;
        self.fit()?;
        let fit = self.open_fit()?;
        self.every_bucket("making samples", |bucket| self.encode(&fit, bucket))
    }

    fn every_bucket(&self, what: &str, work: impl Fn(usize) -> Result<StageOutcome> + Sync) -> Result<()> {
        let progress = self.context.progress;
        progress.start(what, Some(self.buckets as u64), "buckets");
        let done = (0..self.buckets).into_par_iter().try_for_each(|bucket| {
            work(bucket)?;
            progress.advance(1);
            Ok(())
        });
        progress.finish();
        done
    }

    /// What no bucket alone can know: the addresses and devices that rules suspect.
    ///
    /// # Errors
    /// Damaged tables; I/O.
    pub fn count(&self) -> Result<StageOutcome> {
        self.unit(Step::Count, |vfs, staging| {
            write_json(vfs, &staging.join(SUSPECTS), &self.suspects()?)?;
            Ok(BTreeMap::new())
        })
    }

    /// The rules, with what [`Job::count`] found.
    ///
    /// # Errors
    /// A damaged file.
    pub fn cleaning(&self) -> Result<Cleaning> {
        let path = self.folder(Step::Count).join(SUSPECTS);
        let suspects: Vec<Suspects> = read_json(self.context.stage.vfs, &path)?;
        Ok(Cleaning::new(self.settings, self.sources.log_columns.len(), &self.lists, suspects))
    }

    /// The rules, once more from the tables: a sealed stage keeps no units.
    ///
    /// # Errors
    /// Damaged tables.
    pub fn cleaning_anew(&self) -> Result<Cleaning> {
        Ok(Cleaning::new(self.settings, self.sources.log_columns.len(), &self.lists, self.suspects()?))
    }

    fn suspects(&self) -> Result<Vec<Suspects>> {
        let tables: Vec<PathBuf> = self.tables.iter().map(|(path, _)| path.clone()).collect();
        let budget = u64::from(self.settings.memory_mib()) << 18;
        find_suspects(&tables, self.settings.traffic_rules(), self.times.as_ref(), budget)
    }

    /// A bucket as it is after every rule, with the final parts.
    fn load(&self, cleaning: &Cleaning, bucket: usize) -> Result<Bucket> {
        self.load_watched(cleaning, bucket, |_, _| {})
    }

    /// As [`Job::load`]; `watch` is that of [`Cleaning::apply`].
    ///
    /// # Errors
    /// Damaged tables.
    pub fn load_watched(&self, cleaning: &Cleaning, bucket: usize, watch: impl FnMut(&str, &Bucket)) -> Result<Bucket> {
        let slots = bucket * SLOTS / self.buckets..(bucket + 1) * SLOTS / self.buckets;
        let columns = [&self.sources.log_columns, cleaning.columns()].concat();
        let mut loaded = Bucket::load(&self.tables, &slots, &columns)?;
        if let Some(times) = &self.times {
            loaded.leave_out_where(|row| (!times.contains(&row.time)).then_some("outside_window"));
        }
        cleaning.apply(&mut loaded, watch);
        self.rule.apply(&mut loaded);
        Ok(loaded)
    }

    /// Where a scan keeps its bucket, cleaned and split.
    pub fn stored<'a>(&'a self, scan: &'a Path) -> StoredBucket<'a> {
        StoredBucket {
            folder: scan,
            items: super::scan::ITEMS,
            columns: &self.sources.log_columns,
            kept: &self.kept_cells,
            mode: self.settings.mode(),
        }
    }

    /// The first look at a bucket.
    ///
    /// # Errors
    /// Damaged tables; I/O.
    pub fn scan(&self, cleaning: &Cleaning, bucket: usize) -> Result<StageOutcome> {
        self.unit(Step::Scan(bucket), |vfs, staging| {
            let loaded = self.load(cleaning, bucket)?;
            self.stored(staging).write(vfs, &loaded)?;
            scan(&loaded, &self.sources, self.settings.features(), self.settings.mode())?.write(vfs, staging)?;
            Ok(BTreeMap::from([("rows".to_owned(), loaded.rows.len() as u64)]))
        })
    }

    /// What is global: the corpus and the encoder.
    ///
    /// # Errors
    /// No positive in the train part; features that cannot be encoded; damaged files; I/O.
    pub fn fit(&self) -> Result<StageOutcome> {
        self.unit(Step::Fit, |vfs, staging| {
            let folders: Vec<PathBuf> = (0..self.buckets).map(|bucket| self.folder(Step::Scan(bucket))).collect();
            super::fit::write_fit(self, vfs, &folders, staging)
        })
    }

    /// What [`Job::fit`] made.
    ///
    /// # Errors
    /// Damaged files.
    pub fn open_fit(&self) -> Result<Fit> {
        Fit::open(self.context.stage.vfs, &self.folder(Step::Fit))
    }

    /// Samples, queries, histories and lists of a bucket. Files that become files of the samples as they are are synced.
    ///
    /// # Errors
    /// Features that cannot be encoded; damaged files; I/O.
    pub fn encode(&self, fit: &Fit, bucket: usize) -> Result<StageOutcome> {
        self.unit(Step::Encode(bucket), |vfs, staging| {
            let rows = self.stored(&self.folder(Step::Scan(bucket))).open()?;
            let encoding = Encoding {
                mode: self.settings.mode(),
                encoder: &fit.encoder,
                sources: &self.sources,
                numbers: &fit.numbers,
                items: fit.numbers.features(),
                weights: &self.weights,
                down_sampling: DownSampling::new(
                    self.settings.down_sample(),
                    self.context.stage.seed,
                    fit.numbers.counts(),
                ),
            };
            let made = encoding.bucket(&rows, fit.found.first_users[bucket])?;
            let samples = PARTS.into_iter().zip(made.samples).map(|(part, rows)| (samples_of(part), rows));
            let queries =
                super::encode::JUDGED.into_iter().zip(made.queries).map(|(part, rows)| (queries_of(part), rows));
            write_rows(self.context.stage.vfs, fit, staging, samples)?;
            write_rows(vfs, fit, staging, queries)?;
            made.unchosen.write(self.context.stage.vfs, staging)?;
            write_table(vfs, &staging.join(HISTORIES), &made.histories.into_batch()?)?;
            write_json(vfs, &staging.join(COUNTS), &made.counts)?;
            Ok(counted(&made.counts))
        })
    }
}

/// Writes samples or queries under their names; no file where there are none.
fn write_rows(
    vfs: &dyn Vfs,
    fit: &Fit,
    folder: &Path,
    tables: impl Iterator<Item = (String, SampleRows)>,
) -> Result<()> {
    for (name, rows) in tables.filter(|(_, rows)| !rows.is_empty()) {
        write_table(vfs, &folder.join(name), &rows.into_batch(&fit.encoder)?)?;
    }
    Ok(())
}

fn counted(counts: &[PartCounts; 3]) -> BTreeMap<String, u64> {
    BTreeMap::from([("samples".to_owned(), counts.iter().map(|part| part.samples).sum())])
}
