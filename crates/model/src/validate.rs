//! Judging a model on the validation part after an epoch.
//!
//! In: the model, the validation samples, the queries of the part and the caller's [`Validator`]. Out: metrics by name.

use crate::batch::{Samples, UsersOf};
use crate::config::{ScheduleSection, TrainSection};
use crate::engine::{Batch, Engine, Objective, Pairing};
use crate::error::{ModelError, Result};
use crate::loss::LossSum;
use crate::metric::Judged;
use crate::model::TwoTower;
use crate::sequence::Pass;
use crate::train::Validator;
use std::cell::LazyCell;
use std::collections::BTreeMap;

/// What a model is judged on.
pub(crate) struct Validation<'a> {
    /// The validation part, and its queries.
    pub(crate) samples: Option<&'a Samples<'a>>,
    pub(crate) queries: Option<&'a Samples<'a>>,
    pub(crate) validator: Option<Validator<'a>>,
    /// How rows and items are paired for AUC and its kin, and for the loss of `bce`.
    pub(crate) judged: Pairing<'a>,
    /// Likewise for the loss of a softmax.
    pub(crate) pairing: Pairing<'a>,
    pub(crate) batch_size: usize,
    /// Most batches.
    pub(crate) steps: u64,
}

/// Vectors of all items, made when somebody first asks for them.
pub(crate) type ItemVectors<'a> = LazyCell<Vec<f32>, Box<dyn FnOnce() -> Vec<f32> + 'a>>;

/// What a model was judged to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Judgement {
    /// `loss`, `auc`, and for `bce` `accuracy`, `precision`, `recall`; empty without a validation part.
    pub(crate) samples: BTreeMap<String, f64>,
    /// Full-corpus metrics of the validator.
    pub(crate) corpus: BTreeMap<String, f64>,
    /// The temperature, where training moves it.
    pub(crate) temperature: Option<f64>,
}

impl Judgement {
    /// Higher is better: the metric of this name (a loss with its sign changed); without a name the first full-corpus
    /// metric, else the validation loss. `None` without a validation part.
    ///
    /// # Errors
    /// There is no metric of this name.
    pub(crate) fn rank(&self, metric: Option<&str>) -> Result<Option<f64>> {
        let Some(name) = metric else {
            let first = self.corpus.values().next().copied();
            return Ok(first.or_else(|| self.samples.get("loss").map(|loss| -loss)));
        };
        let of_samples = self.samples.get(name).map(|value| if name == "loss" { -value } else { *value });
        let found = self.corpus.get(name).copied().or(of_samples);
        found.map(Some).ok_or_else(|| {
            let there: Vec<&str> = self.corpus.keys().chain(self.samples.keys()).map(String::as_str).collect();
            let there = there.join(", ");
            ModelError::unsuitable("train.metric", format!("epochs are not judged by {name:?}, but by: {there}"))
        })
    }
}

impl Validation<'_> {
    /// Is there something to judge epochs with, where a setting asks for judged epochs?
    ///
    /// # Errors
    /// There is not.
    pub(crate) fn serves(&self, train: &TrainSection) -> Result<()> {
        let judges = self.samples.is_some() || (self.queries.is_some() && self.validator.is_some());
        let asking = [
            ("train.metric", train.metric.is_some()),
            ("train.early_stopping", train.early_stopping.is_some()),
            ("train.schedule", matches!(train.schedule, ScheduleSection::Plateau { .. })),
        ];
        match asking.iter().find(|(_, asks)| *asks && !judges) {
            Some((key, _)) => Err(ModelError::unsuitable(key, "there is no validation part that could judge epochs")),
            None => Ok(()),
        }
    }

    /// Judges `model`, whose item vectors are `items`; `engine` lends its memory.
    pub(crate) fn judge(
        &self,
        (model, items): (&TwoTower, &ItemVectors<'_>),
        engine: &mut Engine<'_>,
        objective: &Objective,
    ) -> Judgement {
        let mut judgement = Judgement { temperature: engine.temperature(), ..Judgement::default() };
        if let Some(samples) = self.samples {
            judgement.samples = self.sample_metrics(model, engine, (samples, objective));
        }
        judgement.corpus = self.corpus_metrics(model, items);
        judgement
    }

    /// What the validator says of `model`, whose item vectors are `items`; nothing without queries or validator.
    pub(crate) fn corpus_metrics(&self, model: &TwoTower, items: &ItemVectors<'_>) -> BTreeMap<String, f64> {
        let (Some(queries), Some(validator)) = (self.queries, self.validator) else { return BTreeMap::new() };
        let rows: Vec<u32> = (0..queries.len() as u32).collect();
        let vectors = model.user_vectors(queries.corpus(), rows.len(), |start| UsersOf(queries, &rows[start..]));
        validator(&vectors, items, model.dimension())
    }

    fn sample_metrics(
        &self,
        model: &TwoTower,
        engine: &mut Engine<'_>,
        (samples, objective): (&Samples<'_>, &Objective),
    ) -> BTreeMap<String, f64> {
        let is_bce = *objective == Objective::Bce;
        let (mut loss, mut judged) = (LossSum::default(), Judged::default());
        for (number, rows) in self.batches(&samples.numbers(false)).enumerate() {
            let batch = Batch { samples, rows, pairing: self.judged, number: number as u64, pass: Pass::default() };
            let take = |scores: &[f32], labels: &[f32], weights: &[f32]| judged.extend(scores, labels, weights);
            loss.add(engine.scores(&model.parameters, &batch, take));
        }
        if !is_bce {
            loss = LossSum::default();
            for (number, rows) in self.batches(&samples.numbers(true)).enumerate() {
                let batch =
                    Batch { samples, rows, pairing: self.pairing, number: number as u64, pass: Pass::default() };
                loss.add(engine.loss(&model.parameters, &batch));
            }
        }
        let mut metrics = if is_bce { judged.at_one_half() } else { BTreeMap::new() };
        metrics.insert("loss".into(), loss.mean());
        metrics.extend(judged.auc().map(|auc| ("auc".into(), auc)));
        metrics
    }

    fn batches<'r>(&self, rows: &'r [u32]) -> impl Iterator<Item = &'r [u32]> {
        rows.chunks(self.batch_size).take(usize::try_from(self.steps).unwrap_or(usize::MAX))
    }
}
