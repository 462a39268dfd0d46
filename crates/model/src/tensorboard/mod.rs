//! What TensorBoard shows of a run, in `runs/<date>/tensorboard`.
//!
//! In: what training knows after a step and after an epoch. Out: event files of scalars, histograms and the graph in `train/`
//! and `validation/` (two runs, as Keras has them), the projector's files in `train/`, and `model.svg`. Nothing here decides
//! a byte of the model; times of day come from the clock that is passed in.
//!
//! A checkpoint is written after the entries of its step. So a run that goes on from it finds all entries up to there, and
//! [`EventFile::begin`] takes away those of later steps, which are written again.

mod event;
mod files;
mod graph;
mod graph_def;
mod projector;
mod svg;
#[cfg(test)]
mod tests;

use crate::batch::Samples;
use crate::config::TensorboardSection;
use crate::engine::Look;
use crate::error::Result;
use crate::export;
use crate::histogram::Histogram;
use crate::model::TwoTower;
use crate::train::{EpochRecord, TrainContext};
use event::{Value, What};
use files::EventFile;
use projector::Projected;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::attribute::AttributeTable;
use twinspire_core::items::ItemTable;
use twinspire_core::vfs::{replace_file, write_file};
use twinspire_core::{CoreError, Result as CoreResult};

/// Name of the folder, beside the stage folder.
pub(crate) const FOLDER: &str = "tensorboard";

/// What a board shows, beside what it is told.
pub(crate) struct Shown<'a> {
    pub(crate) samples: &'a Samples<'a>,
    pub(crate) items: &'a ItemTable,
    /// The table of attributes of the items, where there is one.
    pub(crate) attributes: Option<PathBuf>,
    /// `kind` of the loss.
    pub(crate) loss: String,
}

/// Where a run that goes on is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Steps that are done.
    pub(crate) steps: u64,
    /// Was the epoch that ends there judged?
    pub(crate) judged: bool,
}

/// What is known after a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// Steps that are done.
    pub(crate) number: u64,
    /// It was the last one of its epoch.
    pub(crate) ends_epoch: bool,
    pub(crate) learning_rate: f64,
    /// Loss before the step.
    pub(crate) loss: f64,
    /// Mean loss of the epoch so far.
    pub(crate) epoch_loss: f64,
    /// The temperature after the step, where training moves it.
    pub(crate) temperature: Option<f64>,
    pub(crate) samples: usize,
}

/// The files of one process.
pub(crate) struct Board<'a> {
    context: &'a TrainContext<'a>,
    section: &'a TensorboardSection,
    samples: &'a Samples<'a>,
    folder: PathBuf,
    train: EventFile<'a>,
    validation: EventFile<'a>,
    projected: Option<Projected>,
    /// Samples since a moment, in microseconds.
    speed: (usize, i64),
}

impl<'a> Board<'a> {
    /// Begins the files in `folder`; what an earlier process wrote of steps after `position` is taken away, and all of it
    /// where there is none. `None` where no files are wanted.
    ///
    /// # Errors
    /// I/O; a damaged table of attributes.
    pub(crate) fn open(
        context: &'a TrainContext<'a>,
        section: &'a TensorboardSection,
        folder: &Path,
        position: Option<Position>,
        (shown, model): (&Shown<'a>, &TwoTower),
    ) -> Result<Option<Self>> {
        if !section.enabled {
            return Ok(None);
        }
        let (vfs, clock) = (context.stage.vfs, context.stage.clock);
        let begin = |run: &str, last| EventFile::begin((vfs, clock), &folder.join(run), last);
        // What is said of an epoch once it is judged is said again where the checkpoint was not judged.
        let judged = position.map(|position| position.steps.saturating_sub(u64::from(!position.judged)));
        let (mut train, validation) = (begin("train", position.map(|p| p.steps))?, begin("validation", judged)?);
        if section.graph {
            let nodes = graph::nodes(&model.layout, &shown.loss);
            if position.is_none() {
                train.push(0, &What::Graph(&graph_def::graph_def(&nodes)))?;
            }
            let picture = svg::svg(&nodes);
            let write = |staging: &Path| write_file(vfs, staging, picture.as_bytes());
            replace_file::<CoreError>(vfs, &folder.join("model.svg"), write)?;
        }
        let projected = section.update_freq.projector.is_ever().then(|| projected(section, shown)).transpose()?;
        let (samples, folder) = (shown.samples, folder.to_owned());
        let speed = (0, clock.now_micros());
        let board = Self { context, section, samples, folder, train, validation, projected, speed };
        // TensorBoard looks once for the projector's files, and may be looking already.
        board.project(model)?;
        Ok(Some(board))
    }

    /// What is to be seen of the gradients of the step that makes so many.
    pub(crate) fn look(&self, steps: u64, ends_epoch: bool) -> Option<Look> {
        let frequency = self.section.update_freq;
        let histograms = frequency.histograms.is_due(steps, ends_epoch);
        (histograms || frequency.scalars.is_due(steps, ends_epoch)).then(|| Look::new(histograms))
    }

    /// Writes what is due after a step.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn step(&mut self, step: &Step, look: Option<&Look>, model: &TwoTower) -> Result<()> {
        let (frequency, number) = (self.section.update_freq, step.number);
        self.speed.0 += step.samples;
        let mut scalars = Vec::new();
        if frequency.scalars.is_due(number, step.ends_epoch) {
            scalars.extend([("loss", step.loss), ("learning_rate", step.learning_rate)]);
            scalars.extend(step.temperature.map(|temperature| ("temperature", temperature)));
            scalars.extend(look.and_then(|look| look.norm).map(|norm| ("gradient_norm", norm)));
            scalars.extend(self.samples_per_second().map(|speed| ("samples_per_second", speed)));
        }
        if step.ends_epoch && frequency.scalars.is_ever() {
            scalars.push(("epoch_loss", step.epoch_loss));
        }
        push_scalars(&mut self.train, number, scalars.into_iter())?;
        if frequency.histograms.is_due(number, step.ends_epoch) {
            self.histograms(number, look.map_or(&[], |look| &look.histograms), model)?;
        }
        // At the end of an epoch the vectors are those that were judged.
        if frequency.projector.is_due(number, step.ends_epoch) {
            self.project(model)?;
        }
        Ok(())
    }

    fn samples_per_second(&mut self) -> Option<f64> {
        let now = self.context.stage.clock.now_micros();
        let (samples, since) = std::mem::replace(&mut self.speed, (0, now));
        (now > since).then(|| samples as f64 * 1e6 / (now - since) as f64)
    }

    fn histograms(&mut self, step: u64, gradients: &[(String, Histogram)], model: &TwoTower) -> CoreResult<()> {
        let tensors = export::tensors(&model.layout, &model.parameters);
        let of_tensor = |(name, _, numbers): &export::Tensor<'_>| Some((name.clone(), Histogram::of(&[numbers], 1.0)?));
        let weights: Vec<(String, Histogram)> = tensors.iter().filter_map(of_tensor).collect();
        let kinds = [("weights", &weights[..]), ("gradients", gradients)];
        let all = kinds.into_iter().flat_map(|(kind, own)| own.iter().map(move |(name, own)| (kind, name, own)));
        let values = all.map(|(kind, name, own)| (format!("{kind}/{name}"), Value::Histogram(own)));
        self.train.push(step, &What::Values(&values.collect::<Vec<_>>()))
    }

    /// Writes what an epoch was judged to be.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn judged(&mut self, record: &EpochRecord) -> Result<()> {
        if !self.section.update_freq.scalars.is_ever() {
            return Ok(());
        }
        let of_samples = record.validation.iter().map(|(name, value)| (format!("epoch_{name}"), *value));
        let of_corpus = record.corpus.iter().map(|(name, value)| (name.clone(), *value));
        let scalars = of_samples.chain(of_corpus).chain(named_collapse(&record.collapse));
        Ok(push_scalars(&mut self.validation, record.steps, scalars)?)
    }

    /// Writes what a look inside an epoch found.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn collapse(&mut self, step: u64, figures: &BTreeMap<String, f64>) -> Result<()> {
        if !self.section.update_freq.scalars.is_ever() {
            return Ok(());
        }
        Ok(push_scalars(&mut self.train, step, named_collapse(figures))?)
    }

    /// Writes the item vectors of the model that is kept.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn project(&self, model: &TwoTower) -> Result<()> {
        let Some(projected) = &self.projected else { return Ok(()) };
        Ok(projected.write(self.context.stage.vfs, &self.folder.join("train"), (model, self.samples))?)
    }

    /// Makes durable what was written, before a checkpoint says that it is there.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.train.sync()?;
        Ok(self.validation.sync()?)
    }
}

fn named_collapse(figures: &BTreeMap<String, f64>) -> impl Iterator<Item = (String, f64)> {
    figures.iter().map(|(name, figure)| (format!("alarms/{name}"), *figure))
}

/// Appends scalars, all in one event, if there are any.
fn push_scalars(
    file: &mut EventFile<'_>,
    step: u64,
    scalars: impl Iterator<Item = (impl Into<String>, f64)>,
) -> CoreResult<()> {
    let values: Vec<(String, Value<'_>)> = scalars.map(|(tag, value)| (tag.into(), Value::Scalar(value))).collect();
    if values.is_empty() { Ok(()) } else { file.push(step, &What::Values(&values)) }
}

fn projected(section: &TensorboardSection, shown: &Shown<'_>) -> CoreResult<Projected> {
    let attributes = shown.attributes.as_deref().map(AttributeTable::open).transpose()?;
    Ok(Projected::new(section, shown.items, attributes.as_ref()))
}
