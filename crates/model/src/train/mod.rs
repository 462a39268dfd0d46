//! The training stage: `runs/<date>/samples` to `runs/<date>/train`.
//!
//! In: the files of the samples stage and the checked settings. Out: `model.safetensors` (the epoch that is kept) and
//! `metrics.jsonl` (one line an epoch); beside the stage, files for TensorBoard in `runs/<date>/tensorboard`. It is skipped when samples and settings are unchanged, and goes on from the newest
//! checkpoint in `runs/<date>/checkpoints` when it ended early.

mod files;
mod lists;
mod run;
mod rung;
mod state;
mod trainer;

pub(crate) use files::Files;
pub(crate) use lists::{ListFiles, check_mined, mined_folder};
pub use lists::{MINED_FILE, MINED_FOLDER};
pub use rung::{RungRecord, train_to};

pub use crate::checkpoint::CHECKPOINTS_FOLDER;
use crate::checkpoint::Checkpoints;
use crate::config::{Keep, ModelSettings, NegativesSection};
use crate::error::{ModelError, Result};
use crate::team::Team;
use crate::warm::{PROVENANCE_FILE, Provenance, WarmStart};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use twinspire_core::CoreError;
use twinspire_core::interaction::Part;
use twinspire_core::progress::Progress;
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::{
    FileRecord, StageContext, StageKey, StageOutcome, file_record, instruction_set, read_json, read_manifest, run_stage,
};
use twinspire_core::vfs::Vfs;

/// Name of the model file in the stage folder.
pub const MODEL_FILE: &str = "model.safetensors";

/// Name of the metrics file in the stage folder.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// What training is told beside its settings.
#[derive(Clone, Copy)]
pub struct TrainContext<'a> {
    /// Durable writes, clock and seed.
    pub stage: StageContext<'a>,
    /// Hears how far the work is.
    pub progress: &'a dyn Progress,
    /// Number of worker threads; 0 stands for all cores. Results do not depend on it.
    pub threads: usize,
    /// Once it is true, training writes a checkpoint after the step that it is in, and ends with
    /// [`ModelError::Stopped`].
    pub stop: &'a AtomicBool,
    /// The earlier model that training starts from; without it, from random parameters.
    pub start: Option<&'a WarmStart>,
    /// Begins with the first step, also where there is a checkpoint of the same run.
    pub fresh: bool,
}

/// (query vectors `[queries, interests, dimension]`, item vectors `[items, dimension]`, dimension) to metrics by name, such as
/// `recall@20`; higher is better. Queries are the rows of `samples/queries/validation.arrow`.
pub type Validator<'a> = &'a (dyn Fn(&[f32], &[f32], usize) -> BTreeMap<String, f64> + Sync);

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: u32,
    /// Steps since the start.
    pub steps: u64,
    /// Samples of the epoch.
    pub samples: u64,
    /// Learning rate of the last step of the epoch.
    pub learning_rate: f64,
    /// Weighted mean loss of the epoch's steps, each as it was before the step.
    pub loss: f64,
    /// The temperature after the last step of the epoch, where training moves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// `loss`, `auc`, and for `bce` `accuracy`, `precision` and `recall`, of the validation part; empty without one.
    pub validation: BTreeMap<String, f64>,
    /// What the validator said.
    pub corpus: BTreeMap<String, f64>,
    /// What `[train.alarms]` looks at: `mean_cosine`, `effective_rank`, `hot_share`, `loss_share`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub collapse: BTreeMap<String, f64>,
    /// Names of those that are beyond their thresholds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<String>,
    /// Is this the best epoch so far?
    pub best: bool,
}

/// What the stage did.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainReport {
    /// Made, or up to date.
    pub outcome: StageOutcome,
    /// One record an epoch, from this run or from the one that made the folder.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose parameters were kept.
    pub kept_epoch: u32,
    /// The model file.
    pub model: PathBuf,
    /// Where the model came from; nothing where its checkpoint was taken away while it trained.
    pub provenance: Option<Provenance>,
}

/// Trains and writes `<run_dir>/train`, unless it is up to date. A run that ended early goes on from its newest
/// checkpoint, and makes the same bytes as one that did not.
///
/// # Errors
/// `Stopped` when it was told to end; `Collapsed` when an alarm is to end it; `Diverged` when the loss or a gradient is not finite; `Unsuitable` when there is nothing to train on, or nothing that a
/// sampler could draw from; `Unmined`; damaged or foreign tables; I/O. An earlier folder is still there then.
pub fn train(
    context: &TrainContext<'_>,
    settings: &ModelSettings,
    samples: &SampleLayout,
    run_dir: &Path,
    validator: Option<Validator<'_>>,
) -> Result<TrainReport> {
    let folder = run_dir.join("train");
    let prepared = Prepared::new(context, (settings, samples), run_dir, validator)?;
    let keep = settings.train().checkpoints.keep;
    let outcome = run_stage(&context.stage, &folder, &prepared.key, |staging| prepared.run(staging, keep, None))?;
    let epochs = read_metrics(context, &folder.join(METRICS_FILE))?;
    let kept_epoch = kept(settings.train().keep, &epochs);
    let provenance = read_provenance(context.stage.vfs, &folder)?;
    Ok(TrainReport { outcome, epochs, kept_epoch, model: folder.join(MODEL_FILE), provenance })
}

/// A run of training: what it reads, all that decides its bytes, and where it lies.
struct Prepared<'s> {
    context: &'s TrainContext<'s>,
    settings: &'s ModelSettings,
    samples: &'s SampleLayout,
    run_dir: &'s Path,
    validator: Option<Validator<'s>>,
    key: StageKey,
    mined: Option<PathBuf>,
}

impl<'s> Prepared<'s> {
    fn new(
        context: &'s TrainContext<'s>,
        (settings, samples): (&'s ModelSettings, &'s SampleLayout),
        run_dir: &'s Path,
        validator: Option<Validator<'s>>,
    ) -> Result<Self> {
        let manifest = read_manifest(context.stage.vfs, &samples.folder)?;
        let needs_mined = settings.negatives().iter().any(|section| matches!(section, NegativesSection::Mined(_)));
        let mined = needs_mined.then(|| check_mined(context.stage.vfs, samples, &manifest)).transpose()?;
        let decides = stage_settings(settings, &manifest.outputs, (validator, context.start));
        let key = StageKey { stage: "train", settings: decides, inputs: mined.iter().cloned().collect() };
        Ok(Self { context, settings, samples, run_dir, validator, key, mined })
    }

    /// Trains to the end, or to the rung `until`, and keeps that many of the newest checkpoints.
    fn run(&self, staging: &Path, keep: u32, until: Option<u64>) -> Result<BTreeMap<String, u64>> {
        let Self { context, settings, samples, run_dir, validator, .. } = *self;
        let files = Files::open(samples, self.mined.as_ref().map(|_| mined_folder(samples)))?;
        let checkpoints = Checkpoints {
            vfs: context.stage.vfs,
            folder: run_dir.join(CHECKPOINTS_FOLDER),
            made_from: made_from(&context.stage, &self.key)?,
            keep: keep as usize,
        };
        let board = run_dir.join(crate::tensorboard::FOLDER);
        let place = run::Place { staging, checkpoints: &checkpoints, board: &board, until };
        pool(context.threads)?.install(|| run::run(context, settings, &files, &place, validator))
    }
}

/// What a checkpoint is made from: all that decides the bytes of the stage.
fn made_from(stage: &StageContext<'_>, key: &StageKey) -> Result<serde_json::Value> {
    let inputs = key.inputs.iter().map(|path| Ok(file_record(path, String::new())?.sha256));
    let mut made_from = key.settings.clone();
    made_from["inputs"] = inputs.collect::<Result<Vec<_>>>()?.into();
    made_from["seed"] = stage.seed.into();
    made_from["instruction_set"] = instruction_set().into();
    made_from["version"] = env!("CARGO_PKG_VERSION").into();
    Ok(made_from)
}

/// What decides the bytes of this stage, and so not how often a checkpoint is written, nor what
/// TensorBoard shows, nor when an alarm is raised. An earlier model that it
/// starts from counts by its checksum, whatever it is called. Samples count by the checksums in their manifest; the test part is not read.
fn stage_settings(
    settings: &ModelSettings,
    inputs: &[FileRecord],
    (validator, start): (Option<Validator<'_>>, Option<&WarmStart>),
) -> serde_json::Value {
    let test = Part::Test.name();
    let is_read = |record: &&FileRecord| !record.path.contains(test) && record.path != "statistics.json";
    let mut train = serde_json::json!(settings.train());
    let keys = train.as_object_mut().expect("a section is a table");
    for key in ["checkpoints", "warm_start", "tensorboard", "alarms"] {
        keys.remove(key);
    }
    let mut decides = serde_json::json!({
        "model": settings.model(),
        "train": train,
        "labels_mode": settings.labels_mode(),
        "validated": validator.is_some(),
        "samples": inputs.iter().filter(is_read).collect::<Vec<_>>(),
    });
    if let Some(start) = start {
        decides["start"] = start.sha256.as_str().into();
    }
    decides
}

fn read_metrics(context: &TrainContext<'_>, path: &Path) -> Result<Vec<EpochRecord>> {
    let bytes = context.stage.vfs.read(path).map_err(|error| CoreError::io(path, error))?;
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let records: Result<_, _> = lines.map(serde_json::from_slice).collect();
    Ok(records.map_err(|error| CoreError::damaged(path, error.to_string()))?)
}

/// Where the model of a stage folder came from, if it says so.
///
/// # Errors
/// `Damaged`; I/O.
pub fn read_provenance(vfs: &dyn Vfs, folder: &Path) -> Result<Option<Provenance>> {
    let path = folder.join(PROVENANCE_FILE);
    let is_there = vfs.exists(&path).map_err(|error| CoreError::io(&path, error))?;
    Ok(is_there.then(|| read_json(vfs, &path)).transpose()?)
}

fn kept(keep: Keep, epochs: &[EpochRecord]) -> u32 {
    let chosen = match keep {
        Keep::Best => epochs.iter().rfind(|record| record.best),
        Keep::Last => epochs.last(),
    };
    chosen.map_or(0, |record| record.epoch)
}

/// The pool that a call works on; 0 stands for all cores.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let built = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    built.map_err(|error| ModelError::unsuitable("threads", error.to_string()))
}

/// A team with as many threads as the pool of the calling thread.
pub(crate) fn team() -> Result<Team> {
    Team::new(rayon::current_num_threads()).map_err(|error| ModelError::unsuitable("threads", error.to_string()))
}
