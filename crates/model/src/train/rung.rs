//! The beginning of a run, judged at a given step: what a search among settings compares.
//!
//! In: as for [`super::train`], and a number of steps. Out: `rung-<steps>/rung.json` in the folder of the run, and the
//! checkpoint that a later rung goes on from. The steps are those that [`super::train`] would make with the same settings.

use super::state::RunState;
use super::{Prepared, TrainContext, Validator};
use crate::config::ModelSettings;
use crate::error::{ModelError, Result};
use crate::model::TwoTower;
use crate::validate::{ItemVectors, Validation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::{StageKey, read_json, run_stage, write_json};

/// Name of the file of figures.
const RUNG_FILE: &str = "rung.json";

/// Newest checkpoints that are kept: a rung goes on from the last one.
const KEEP: u32 = 1;

/// How a run stands at a rung.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RungRecord {
    /// Steps since the start: those that were asked for, or fewer where its epochs ended before.
    pub steps: u64,
    /// What the validator says of the parameters at that step; empty where the run ended without one.
    pub corpus: BTreeMap<String, f64>,
    /// `diverged` or `collapsed`, where the run ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// Trains until so many steps are made since the start, goes on from the newest checkpoint in `run_dir`, and judges what has
/// become of the model; skipped when it is up to date. A run that diverges or collapses ends there, which is no error here.
///
/// # Errors
/// As [`super::train`], but for `Diverged` and `Collapsed`.
pub fn train_to(
    context: &TrainContext<'_>,
    settings: &ModelSettings,
    samples: &SampleLayout,
    run_dir: &Path,
    (validator, steps): (Option<Validator<'_>>, u64),
) -> Result<RungRecord> {
    let folder = run_dir.join(format!("rung-{steps:012}"));
    let prepared = Prepared::new(context, (settings, samples), run_dir, validator)?;
    let settings_of_rung = serde_json::json!({ "train": prepared.key.settings, "steps": steps });
    let key = StageKey { stage: "rung", settings: settings_of_rung, ..prepared.key.clone() };
    run_stage(&context.stage, &folder, &key, |staging| {
        prepared.run(staging, KEEP, Some(steps)).or_else(|error| {
            let record = ended(&error).ok_or(error)?;
            write(context, staging, &record)
        })
    })?;
    Ok(read_json(context.stage.vfs, &folder.join(RUNG_FILE))?)
}

/// The record of a run that its settings ended.
fn ended(error: &ModelError) -> Option<RungRecord> {
    let (ModelError::Diverged { step, .. } | ModelError::Collapsed { step, .. }) = error else { return None };
    Some(RungRecord { steps: *step, corpus: BTreeMap::new(), ended: Some(error.code().to_owned()) })
}

/// Writes the file of figures; returns the counts of the stage.
pub(super) fn write(context: &TrainContext<'_>, staging: &Path, record: &RungRecord) -> Result<BTreeMap<String, u64>> {
    write_json(context.stage.vfs, &staging.join(RUNG_FILE), record)?;
    Ok(BTreeMap::from([("steps".to_owned(), record.steps)]))
}

/// How a run stands now; an epoch that ends here was judged already.
pub(super) fn record(
    state: &RunState,
    validation: &Validation<'_>,
    (model, items): (&TwoTower, &ItemVectors<'_>),
) -> RungRecord {
    let judged = state.records.last().filter(|record| record.steps == state.steps);
    let corpus = judged.map(|record| record.corpus.clone());
    RungRecord {
        steps: state.steps,
        corpus: corpus.unwrap_or_else(|| validation.corpus_metrics(model, items)),
        ended: None,
    }
}
