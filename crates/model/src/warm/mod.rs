//! Training that goes on from an earlier model, whose corpus and vocabularies were others.
//!
//! In: the files of a model that was trained before ([`WarmStart`]) and a model with random parameters. Out: the same with the
//! parameters of the earlier one and with what its optimizer remembered, wherever both have the same value of a feature, and
//! as they were where it is new. Order of samples, drawn negatives and the schedule begin anew.

mod provenance;
mod rows;
mod setting;

pub use provenance::{PROVENANCE_FILE, Provenance, StartedFrom};

use crate::checkpoint::{self, Loaded};
use crate::config::{OptimizerSection, TrainSection};
use crate::engine::Engine;
use crate::error::{ModelError, Result};
use crate::export::{Tensor, tensors};
use crate::model::TwoTower;
use rows::Rows;
use serde::Deserialize;
use setting::{Changed, first_changed};
use std::path::PathBuf;
use twinspire_core::CoreError;
use twinspire_core::encode::{FeatureEncoder, TowerLayout};
use twinspire_core::progress::Progress;
use twinspire_core::vfs::Vfs;

/// An earlier model that training starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WarmStart {
    /// The run or the bundle that it is of.
    pub name: String,
    /// Its `model.safetensors`.
    pub model: PathBuf,
    /// The `features.json` that it was trained with.
    pub features: PathBuf,
    /// The folder of its checkpoint, which holds what the optimizer remembered.
    pub checkpoint: PathBuf,
    /// SHA-256 of the manifest of that checkpoint, and so of everything in it.
    pub sha256: String,
}

/// What of the state of a checkpoint counts here.
#[derive(Debug, Deserialize)]
struct Steps {
    steps: u64,
    #[serde(default)]
    before: u64,
}

/// The earlier model, read.
struct Earlier {
    encoder: FeatureEncoder,
    model: TwoTower,
    memory: Loaded<Steps>,
}

/// What a warm start fills.
pub(crate) struct Target<'t, 'e> {
    pub(crate) encoder: &'t FeatureEncoder,
    pub(crate) model: &'t mut TwoTower,
    pub(crate) engine: &'t mut Engine<'e>,
}

impl WarmStart {
    /// Fills parameters and the optimizer's memory, and lets the engine count on. Returns the steps that the model has behind
    /// it.
    ///
    /// # Errors
    /// `Unstartable` when the checkpoint is gone, or when inputs, shapes, settings of the model, hash tables or the optimizer
    /// are others; damaged files.
    pub(crate) fn begin(
        &self,
        (vfs, progress): (&dyn Vfs, &dyn Progress),
        train: &TrainSection,
        target: Target<'_, '_>,
    ) -> Result<u64> {
        let Target { encoder, model, engine } = target;
        let earlier = self.read(vfs, train)?;
        self.check_inputs(&earlier.encoder, encoder)?;
        self.check_shapes(&earlier.model, model)?;
        self.check_settings(&earlier.model, model)?;
        let tables = model.layout.tables.iter().zip(&earlier.model.layout.tables);
        let rows = tables.map(|(to, from)| Rows::find(to, (encoder, &earlier.encoder), from.cardinality));
        let rows = rows.collect::<Result<Vec<_>, _>>().map_err(|(reason, hint)| self.refused(reason, hint))?;
        model.parameters.dense.copy_from_slice(&earlier.model.parameters.dense);
        for (number, rows) in rows.iter().enumerate() {
            rows.copy(&earlier.model.parameters.tables[number], &mut model.parameters.tables[number]);
            progress.line(&rows.line(&model.layout.tables[number].name));
        }
        for (name, pieces) in engine.optimizer_memory_mut() {
            let of_table =
                |spec: &crate::layout::TableSpec| name.split_once('/').is_some_and(|(_, own)| own == spec.name);
            match model.layout.tables.iter().position(of_table) {
                Some(table) => earlier.memory.fill_rows((name, pieces), (rows[table].found(), rows[table].of()))?,
                None => earlier.memory.fill(vec![(name, pieces)])?,
            }
        }
        let mut temperature = engine.temperature_mut();
        temperature.retain(|(name, _)| earlier.memory.holds(name));
        earlier.memory.fill(temperature)?;
        let steps = earlier.memory.state.before + earlier.memory.state.steps;
        engine.resume(steps);
        progress.line(&format!("starts from {}, which has {steps} steps behind it", self.name));
        Ok(steps)
    }

    fn read(&self, vfs: &dyn Vfs, train: &TrainSection) -> Result<Earlier> {
        let io = |error| CoreError::io(&self.features, error);
        let text = std::fs::read_to_string(&self.features).map_err(io)?;
        let encoder = FeatureEncoder::from_json(&self.features, &text)?;
        let model = match TwoTower::load(&self.model, &encoder) {
            Err(CoreError::Mismatch { .. }) => {
                let reason = "its samples were made anew since it was trained".to_owned();
                return Err(self.refused(reason, "train that run again, or start from a bundle"));
            }
            model => model?,
        };
        let Some((memory, made_from)) = checkpoint::open(vfs, &self.checkpoint, &self.sha256)? else {
            let reason = format!("its checkpoint {} is not there any more", self.checkpoint.display());
            return Err(
                self.refused(reason, "start from a later run or bundle, or let `retention.runs` keep more runs")
            );
        };
        let optimizer: Option<OptimizerSection> = serde_json::from_value(made_from["train"]["optimizer"].clone()).ok();
        let kind = optimizer.as_ref().map_or("another optimizer", memory_kind);
        if kind != memory_kind(&train.optimizer) {
            let reason = format!("its checkpoint holds what {kind} remembers, not {}", memory_kind(&train.optimizer));
            return Err(self.refused(reason, "keep `train.optimizer` as it was, or train anew"));
        }
        Ok(Earlier { encoder, model, memory })
    }

    /// Columns of a tower's input are told apart by their place, so that it has to be the same.
    fn check_inputs(&self, earlier: &FeatureEncoder, now: &FeatureEncoder) -> Result<()> {
        let towers = |encoder: &FeatureEncoder| [inputs(encoder.user_layout()), inputs(encoder.item_layout())];
        for (tower, (earlier, now)) in ["user", "item"].into_iter().zip(towers(earlier).into_iter().zip(towers(now))) {
            if earlier != now {
                let (then, now) = (earlier.join(", "), now.join(", "));
                let reason = format!("its {tower} tower reads {then}, and that of the config reads {now}");
                return Err(self.refused(reason, "keep the features and their order as they were, or train anew"));
            }
        }
        Ok(())
    }

    /// Weights of the same shapes mean the same.
    fn check_settings(&self, earlier: &TwoTower, now: &TwoTower) -> Result<()> {
        let Some(Changed { key, then, now }) = first_changed(&earlier.section, &now.section) else { return Ok(()) };
        let reason = format!("its `{key}` is {then}, and that of the config {now}");
        Err(self.refused(reason, "keep `[model]` as it was, or train anew"))
    }

    /// All tensors have the names and shapes that they had, the number of rows of a table aside.
    fn check_shapes(&self, earlier: &TwoTower, now: &TwoTower) -> Result<()> {
        let hint = "keep `[model]` and the sizes of embeddings as they were, or train anew";
        let [earlier, now] = [earlier, now].map(|model| tensors(&model.layout, &model.parameters));
        let shape = |tensors: &[Tensor<'_>], name: &str| {
            let found = tensors.iter().find(|(own, ..)| own == name);
            found.map(|(_, shape, _)| shape[usize::from(name.starts_with("embedding."))..].to_vec())
        };
        let said =
            |shape: Option<Vec<usize>>| shape.map_or("is not there".to_owned(), |shape| format!("has shape {shape:?}"));
        for (name, ..) in now.iter().chain(&earlier) {
            let (then, now) = (shape(&earlier, name), shape(&now, name));
            if then != now {
                let row = if name.starts_with("embedding.") { "a row of " } else { "" };
                let reason = format!("{row}tensor `{name}` {} in it, and {} in the config", said(then), said(now));
                return Err(self.refused(reason, hint));
            }
        }
        Ok(())
    }

    fn refused(&self, reason: String, hint: &'static str) -> ModelError {
        ModelError::Unstartable { start: self.name.clone(), reason, hint }
    }
}

/// Optimizers that remember the same.
fn memory_kind(section: &OptimizerSection) -> &'static str {
    match section {
        OptimizerSection::Adam(_) | OptimizerSection::AdamW(_) => "Adam",
        OptimizerSection::Adagrad(own) if own.row_wise => "Adagrad by row",
        OptimizerSection::Adagrad(_) => "Adagrad",
        OptimizerSection::Sgd(own) if own.momentum > 0.0 => "SGD with momentum",
        OptimizerSection::Sgd(_) => "SGD without momentum",
    }
}

/// What a tower reads, in the order of its columns.
fn inputs(layout: &TowerLayout) -> Vec<String> {
    let single = layout.single.iter().map(|field| field.name.clone());
    let multi = layout.multi.iter().map(|field| field.name.clone());
    let dense = layout.dense.iter().map(|field| field.name.clone());
    let history = layout.history.iter().map(|field| format!("{} of {}", field.name, field.of.join(" and ")));
    single.chain(multi).chain(dense).chain(history).collect()
}
