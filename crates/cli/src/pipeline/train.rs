//! Samples to a trained model, judged over the full corpus after each epoch.

use super::Run;
use crate::error::CliError;
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::history::Histories;
use twinspire_core::interaction::Part;
use twinspire_core::items::ItemTable;
use twinspire_core::sample::SampleTable;
use twinspire_core::stage::StageContext;
use twinspire_model::{ModelError, ModelSettings, TrainContext, TrainReport, Validator, train};
use twinspire_retrieval::evaluate::{Truth, recall_at_k};
use twinspire_retrieval::{ItemSet, candidates_of};

impl Run<'_> {
    /// `train`; `fresh` passes over checkpoints of the same run.
    ///
    /// # Errors
    /// No samples; an earlier model that training cannot start from; a loss or gradient that is not finite; Ctrl-C; I/O.
    pub fn train(&self, fresh: bool) -> Result<TrainReport, CliError> {
        self.need_stage("samples")?;
        self.train_in((self.config().model(), self.config().seed()), self.folders.run(), fresh)
    }

    /// Trains on the samples of this run, and writes `<folder>/train`.
    pub(super) fn train_in(
        &self,
        (settings, seed): (&ModelSettings, u64),
        folder: &Path,
        fresh: bool,
    ) -> Result<TrainReport, CliError> {
        self.training((settings, seed), fresh, |context, validator| {
            train(context, settings, &self.samples_layout(), folder, validator)
        })
    }

    /// Calls `work` with what training with these settings is told, while Ctrl-C ends it tidily.
    pub(super) fn training<T>(
        &self,
        (settings, seed): (&ModelSettings, u64),
        fresh: bool,
        work: impl FnOnce(&TrainContext<'_>, Option<Validator<'_>>) -> Result<T, ModelError>,
    ) -> Result<T, CliError> {
        let stage = StageContext { seed, ..self.stage_context() };
        let start = self.warm_start(settings)?;
        self.surroundings.interrupt.during(|stop| {
            let (progress, threads) = (self.surroundings.progress, self.config().threads());
            let context = TrainContext { stage, progress, threads, stop, start: start.as_ref(), fresh };
            self.with_validator(|validator| Ok(work(&context, validator)?))
        })
    }

    /// Calls `work` with the judge of the validation part, if there are queries to judge with.
    pub(super) fn with_validator<T>(
        &self,
        work: impl FnOnce(Option<Validator<'_>>) -> Result<T, CliError>,
    ) -> Result<T, CliError> {
        let queries = self.validation()?;
        let settings = self.config().retrieval();
        let candidates = queries.as_ref().map(|_| self.candidates()).transpose()?.flatten();
        let truth = queries.as_ref().map(|(table, histories)| Truth::new(table, histories)).transpose()?;
        let truth = truth.map(|truth| truth.among(candidates.as_ref()));
        let judge = |queries: &[f32], items: &[f32], dimension: usize| -> BTreeMap<String, f64> {
            truth.as_ref().map(|truth| recall_at_k(settings, truth, (queries, items, dimension))).unwrap_or_default()
        };
        work(truth.is_some().then_some(&judge as Validator<'_>))
    }

    /// What may be a candidate; `None`: every item of the corpus.
    pub(super) fn candidates(&self) -> Result<Option<ItemSet>, CliError> {
        let layout = self.samples_layout();
        let items = ItemTable::open(&layout.items(), &self.encoder()?)?;
        Ok(candidates_of(&layout, &items, self.config().retrieval())?)
    }

    /// As [`Self::validation`], where there must be some.
    ///
    /// # Errors
    /// There are none.
    pub(super) fn needed_validation(&self) -> Result<(SampleTable, Histories), CliError> {
        self.validation()?.ok_or_else(|| CliError::Usage {
            message: "the samples have no queries of the validation part to judge on".into(),
            hint: "give `samples.split` a validation part".into(),
        })
    }

    /// Queries of the validation part, if there are any.
    pub(super) fn validation(&self) -> Result<Option<(SampleTable, Histories)>, CliError> {
        let layout = self.samples_layout();
        let path = layout.queries(Part::Validation);
        if !path.exists() {
            return Ok(None);
        }
        let encoder = self.encoder()?;
        let items = ItemTable::open(&layout.items(), &encoder)?;
        let histories = Histories::open(&layout.histories(), items.len())?;
        let table = SampleTable::open(&path, &encoder)?;
        table.check_references(items.len(), histories.len())?;
        Ok(Some((table, histories)))
    }
}
