//! Several recipes of training on the same samples, each judged on the validation part.

use super::Run;
use crate::config::CheckedConfig;
use crate::error::CliError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::history::Histories;
use twinspire_core::interaction::Part;
use twinspire_core::items::ItemTable;
use twinspire_core::sample::SampleTable;
use twinspire_core::stage::{StageContext, StageKey, read_json, run_stage, write_json};
use twinspire_model::{TwoTower, load_query_encoder};
use twinspire_retrieval::ItemSet;
use twinspire_retrieval::evaluate::{RecipeFigures, ReportRow, SegmentSize, Truth, judge_towers, segment_sizes};

/// A recipe with its name.
pub struct Recipe {
    /// Name of its file, without the ending.
    pub name: String,
    /// The config with the recipe laid over it.
    pub config: CheckedConfig,
}

/// What the recipes came to.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Compared {
    /// Queries of the validation part.
    pub queries: usize,
    /// Items in the corpus.
    pub items: usize,
    /// Seeds of each recipe.
    pub seeds: Vec<u64>,
    /// Lengths of the judged lists, ascending.
    pub lengths: Vec<usize>,
    /// What the segments hold.
    pub segments: Vec<SegmentSize>,
    /// In the order they were given.
    pub recipes: Vec<RecipeFigures>,
}

/// The tables that judge every recipe.
struct Judges {
    items: Arc<ItemTable>,
    histories: Histories,
    queries: SampleTable,
    candidates: Option<ItemSet>,
}

impl Run<'_> {
    /// Makes the samples once, then trains each recipe with each seed in `compare/<recipe>/<seed>` and judges it on the
    /// validation part over the full corpus. What is up to date is skipped.
    ///
    /// # Errors
    /// As the stages; samples without queries of the validation part.
    pub fn compare(&self, recipes: &[Recipe], seeds: &[u64]) -> Result<Compared, CliError> {
        self.samples()?;
        let judges = self.judges()?;
        let truth = Truth::new(&judges.queries, &judges.histories)?;
        let mut figures = Vec::with_capacity(recipes.len());
        for recipe in recipes {
            let (mut rows, mut seconds) = (Vec::new(), Vec::new());
            for &seed in seeds {
                let folder = self.stage_folder("compare").join(&recipe.name).join(seed.to_string());
                self.surroundings.progress.line(&format!("recipe {}, seed {seed}", recipe.name));
                let started = self.surroundings.clock.now_micros();
                let skipped = self.train_recipe(recipe, seed, &folder)?;
                let spent = (self.surroundings.clock.now_micros() - started) as f64 / 1e6;
                seconds.extend((!skipped).then_some(spent));
                rows.push(self.judge_recipe(recipe, seed, (&folder, &judges))?);
            }
            figures.push(RecipeFigures::new(&recipe.name, &rows, &seconds));
        }
        let lengths = self.config().retrieval().lengths().to_vec();
        Ok(Compared {
            queries: judges.queries.len(),
            items: judges.items.len(),
            seeds: seeds.to_vec(),
            segments: segment_sizes(&truth, judges.items.counts()),
            lengths,
            recipes: figures,
        })
    }

    fn judges(&self) -> Result<Judges, CliError> {
        let (queries, histories) = self.needed_validation()?;
        let items = Arc::new(ItemTable::open(&self.samples_layout().items(), &self.encoder()?)?);
        Ok(Judges { items, histories, queries, candidates: self.candidates()? })
    }

    fn stage_of_seed(&self, seed: u64) -> StageContext<'_> {
        StageContext { seed, ..self.stage_context() }
    }

    /// True when the model was up to date.
    fn train_recipe(&self, recipe: &Recipe, seed: u64, folder: &Path) -> Result<bool, CliError> {
        let made = self.train_in((recipe.config.model(), seed), folder, false)?;
        Ok(made.outcome.is_skipped())
    }

    fn judge_recipe(
        &self,
        recipe: &Recipe,
        seed: u64,
        (folder, judges): (&Path, &Judges),
    ) -> Result<ReportRow, CliError> {
        const FIGURES: &str = "figures.json";
        let (samples, model): (_, PathBuf) = (self.samples_layout(), folder.join("train/model.safetensors"));
        let settings = self.config().retrieval();
        let key = StageKey {
            stage: "judge",
            settings: serde_json::json!({
                "evaluate": self.config().file().evaluate,
                "filter": self.config().retrieval().plan().filter(),
            }),
            inputs: [model.clone(), samples.queries(Part::Validation), samples.items(), samples.histories()]
                .into_iter()
                .chain(Some(samples.attributes()).filter(|path| path.exists()))
                .collect(),
        };
        let judged = folder.join("judged");
        run_stage(&self.stage_of_seed(seed), &judged, &key, |staging| {
            let encoder = self.encoder()?;
            let items =
                TwoTower::load(&model, &encoder)?.encode_items(&judges.items.features(), self.config().threads())?;
            let tower = load_query_encoder(&model, &encoder, judges.items.clone())?;
            let truth = Truth::new(&judges.queries, &judges.histories)?.among(judges.candidates.as_ref());
            let (truth, towers) = ((&truth, judges.items.counts()), (tower.as_ref(), &items[..]));
            let row = judge_towers(&self.retrieval_context(), settings, truth, towers, (&recipe.name, seed))?;
            write_json(self.surroundings.vfs, &staging.join(FIGURES), &row)?;
            Ok::<_, CliError>(BTreeMap::from([("queries".to_owned(), judges.queries.len() as u64)]))
        })?;
        Ok(read_json(self.surroundings.vfs, &judged.join(FIGURES))?)
    }
}
