//! Settings tried on the validation part by successive halving.
//!
//! Every rung of a trial is a stage of its own in `tune/<search>/<trial>`, so that what was judged is not judged again; a
//! search is known by the settings that decide its table. A trial that does not go on leaves its figures and no checkpoint.

use super::Run;
use crate::config::CheckedConfig;
use crate::error::CliError;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::items::ItemTable;
use twinspire_core::stage::sha256;
use twinspire_model::train::CHECKPOINTS_FOLDER;
use twinspire_model::tune::{Rung, halve};
use twinspire_model::{RungRecord, Trial, TuneSettings, train_to};
use twinspire_retrieval::evaluate::{Judged, TrialFigures, TrialTable, shown_length};

/// Hexadecimal digits that tell searches apart.
const DIGITS: usize = 8;

/// A trial with its config.
pub struct Candidate {
    /// Its number and values.
    pub trial: Trial,
    /// The config with these values laid over it.
    pub config: CheckedConfig,
}

/// What a search came to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Tuned {
    /// Queries of the validation part.
    pub queries: usize,
    /// Items in the corpus.
    pub items: usize,
    /// The rungs, first to last.
    pub rungs: Vec<Rung>,
    /// The trials, best first.
    #[serde(flatten)]
    pub table: TrialTable,
}

impl Candidate {
    fn unjudged(&self) -> TrialFigures {
        let settings = self.trial.values.iter().cloned().collect();
        TrialFigures { number: self.trial.number, settings, judged: Vec::new(), ended: None }
    }
}

impl Run<'_> {
    /// Makes the samples, then takes the candidates, whose numbers are their places, through the rungs. What was judged
    /// before is skipped, and training goes on where it ended.
    ///
    /// # Errors
    /// As the stages; samples without queries of the validation part.
    pub fn tune(&self, settings: &TuneSettings, candidates: &[Candidate]) -> Result<Tuned, CliError> {
        self.samples()?;
        let (queries, _) = self.needed_validation()?;
        let items = ItemTable::open(&self.samples_layout().items(), &self.encoder()?)?;
        let rungs = settings.rungs(candidates.len());
        self.say(&rungs);
        let (metric, search) = (self.metric(settings), self.search_folder(settings));
        let folder = |number: usize| search.join(format!("{number:05}"));
        let mut figures: Vec<TrialFigures> = candidates.iter().map(Candidate::unjudged).collect();
        let judge = |number: usize, rung: &Rung| {
            let record = self.judge_candidate(&candidates[number], rung.steps, &folder(number))?;
            let figure = record.corpus.get(&metric).copied();
            match record.ended {
                Some(why) => figures[number].ended = Some((why, record.steps)),
                None => figures[number].judged.push(Judged { steps: record.steps, metrics: record.corpus }),
            }
            Ok::<_, CliError>(figure)
        };
        halve(&rungs, judge, |number| self.retire(&folder(number)))?;
        let keys = settings.section().ranges.iter().map(|range| range.key().to_owned()).collect();
        let table = TrialTable::new(metric, keys, figures);
        Ok(Tuned { queries: queries.len(), items: items.len(), rungs, table })
    }

    /// Says what is to come.
    fn say(&self, rungs: &[Rung]) {
        let before = [0].into_iter().chain(rungs.iter().map(|rung| rung.steps));
        let steps: u64 =
            rungs.iter().zip(before).map(|(rung, before)| (rung.steps - before) * rung.trials as u64).sum();
        let sizes: Vec<String> = rungs.iter().map(|rung| format!("{} to step {}", rung.trials, rung.steps)).collect();
        self.surroundings.progress.line(&format!("trials: {}; {steps} steps in all", sizes.join(", ")));
    }

    fn metric(&self, settings: &TuneSettings) -> String {
        let shown = || format!("recall@{}", shown_length(self.config().retrieval().lengths()));
        settings.section().metric.clone().unwrap_or_else(shown)
    }

    /// Where the trials of a search lie: other settings, another folder.
    fn search_folder(&self, settings: &TuneSettings) -> PathBuf {
        let file = self.config().file();
        let decides = serde_json::json!([settings.section(), file.model, file.train, file.evaluate, file.seed]);
        self.stage_folder("tune").join(&sha256(decides.to_string().as_bytes())[..DIGITS])
    }

    fn judge_candidate(&self, candidate: &Candidate, steps: u64, folder: &Path) -> Result<RungRecord, CliError> {
        self.surroundings.progress.line(&format!("trial {} to step {steps}", candidate.trial.number));
        let (settings, seed) = (candidate.config.model(), self.config().seed());
        self.training((settings, seed), false, |context, validator| {
            train_to(context, settings, &self.samples_layout(), folder, (validator, steps))
        })
    }

    /// Takes away the checkpoints of a trial that does not go on.
    fn retire(&self, folder: &Path) -> Result<(), CliError> {
        let checkpoints = folder.join(CHECKPOINTS_FOLDER);
        let removed = self.surroundings.vfs.remove_dir_all(&checkpoints);
        Ok(removed.map_err(|error| CoreError::io(&checkpoints, error))?)
    }
}
