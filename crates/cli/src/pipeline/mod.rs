//! The chain from logs to a served bundle: which stage reads which folder of a run.
//!
//! In: a checked config and what a command was told ([`Run`]). Out: the folders of `runs/<date>` and, at the end, a
//! sealed bundle. Every stage is a function of its crate; here is only the wiring: paths, settings, and the two places
//! where crates meet without knowing each other, the [`Validator`](twinspire_model::Validator) of training and the
//! loading of a user tower.

mod compare;
mod draft;
mod evaluate;
mod export;
mod mine;
mod publish;
mod samples;
mod start;
mod towers;
mod train;
mod tune;

pub use compare::{Compared, Recipe};
pub use evaluate::{EvaluateOutcome, QueriesJudged, report_lines};
pub use mine::MineOutcome;
pub use publish::{Published, Serve};
pub use samples::SamplesOutcome;
pub use tune::{Candidate, Tuned};

use crate::config::CheckedConfig;
use crate::error::CliError;
use crate::interrupt::Interrupt;
use std::path::PathBuf;
use std::sync::OnceLock;
use twinspire_core::clock::Clock;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::in_use::{InUse, lock_file};
use twinspire_core::progress::Progress;
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::StageContext;
use twinspire_core::vfs::Vfs;
use twinspire_core::{CoreError, partition::Date};
use twinspire_data::{DataContext, DataFiles, RunFolders, Window, run_date};
use twinspire_retrieval::RetrievalContext;

/// What a command was told, and what it works with.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The checked config.
    pub config: &'a CheckedConfig,
    /// Every durable write.
    pub vfs: &'a dyn Vfs,
    /// Every look at the time.
    pub clock: &'static dyn Clock,
    /// Hears how far the work is.
    pub progress: &'a dyn Progress,
    /// How it is stopped.
    pub interrupt: &'a Interrupt,
    /// Where logs and shared units lie.
    pub files: &'a DataFiles,
}

/// One run: its date and its folder.
pub struct Run<'a> {
    surroundings: Surroundings<'a>,
    window: Window,
    date: String,
    folders: RunFolders,
    /// Held from the first stage on that reads or makes something.
    in_use: OnceLock<InUse>,
}

impl<'a> Run<'a> {
    /// The run whose window ends at `last` (without it: at the last day that has logs).
    ///
    /// # Errors
    /// No day has logs.
    pub fn new(surroundings: Surroundings<'a>, last: Option<Date>, days: Option<u32>) -> Result<Self, CliError> {
        let window = Window { last, days };
        let config = surroundings.config;
        let date = run_date(&data_context(surroundings, window), config.data())?;
        let folders = RunFolders::new(config.base_dir(), &date);
        let run = Self { surroundings, window, date, folders, in_use: OnceLock::new() };
        if lock_file(config.base_dir()).exists() {
            run.hold()?;
        }
        Ok(run)
    }

    /// Nothing of the `base_dir` is taken away while this run lives.
    fn hold(&self) -> Result<(), CliError> {
        if self.in_use.get().is_none() {
            // A stage begins in one thread, so nobody else has set it meanwhile.
            let _ = self.in_use.set(InUse::of_base_dir(self.config().base_dir())?);
        }
        Ok(())
    }

    /// Name of the run's folder: a date, or `undated`.
    pub fn date(&self) -> &str {
        &self.date
    }

    fn config(&self) -> &'a CheckedConfig {
        self.surroundings.config
    }

    /// What the data stages are told.
    pub fn data_context(&self) -> DataContext<'a> {
        data_context(self.surroundings, self.window)
    }

    fn stage_context(&self) -> StageContext<'a> {
        stage_context(self.surroundings)
    }

    fn retrieval_context(&self) -> RetrievalContext<'a> {
        let Surroundings { config, vfs, clock, progress, .. } = self.surroundings;
        RetrievalContext { vfs, clock, progress, seed: config.seed(), threads: config.threads() }
    }

    fn stage_folder(&self, stage: &str) -> PathBuf {
        self.folders.run().join(stage)
    }

    fn samples_layout(&self) -> SampleLayout {
        SampleLayout { folder: self.stage_folder("samples") }
    }

    /// The encoder that the samples were made with.
    fn encoder(&self) -> Result<FeatureEncoder, CliError> {
        let path = self.samples_layout().features();
        let text = std::fs::read_to_string(&path).map_err(|error| self.not_made(&path, error, "samples"))?;
        Ok(FeatureEncoder::from_json(&path, &text)?)
    }

    /// An earlier stage is missing: say which command makes it.
    fn not_made(&self, path: &std::path::Path, error: std::io::Error, stage: &'static str) -> CliError {
        if error.kind() == std::io::ErrorKind::NotFound {
            return CliError::StageMissing { stage, folder: self.folders.run().to_owned() };
        }
        CoreError::io(path, error).into()
    }

    fn need_stage(&self, stage: &'static str) -> Result<(), CliError> {
        let manifest = self.stage_folder(stage).join(twinspire_core::stage::MANIFEST);
        match std::fs::metadata(&manifest) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.not_made(&manifest, error, stage)),
        }
    }
}

fn stage_context(surroundings: Surroundings<'_>) -> StageContext<'_> {
    let Surroundings { config, vfs, clock, .. } = surroundings;
    StageContext { vfs, clock, seed: config.seed() }
}

fn data_context(surroundings: Surroundings<'_>, window: Window) -> DataContext<'_> {
    let Surroundings { config, progress, files, .. } = surroundings;
    DataContext {
        stage: stage_context(surroundings),
        progress,
        threads: config.threads(),
        files,
        data_dir: config.data_dir(),
        window,
    }
}
