//! What training starts from: the files of the earlier model that `train.warm_start` names.

use super::Run;
use crate::error::CliError;
use std::path::{Path, PathBuf};
use twinspire_core::bundle::{bundles_folder, check_bundle_id, date_of, file};
use twinspire_core::partition::Date;
use twinspire_core::sample::SampleLayout;
use twinspire_data::RunFolders;
use twinspire_model::train::{MODEL_FILE, read_provenance};
use twinspire_model::{ModelSettings, WarmStart};

/// What stands for the latest earlier run.
const PREVIOUS: &str = "previous";

impl Run<'_> {
    /// The earlier model that the settings name; nothing where they name none, or there is no previous one.
    ///
    /// # Errors
    /// It is this run, or neither a run nor a bundle; it has no model, or does not say where that came from.
    pub(super) fn warm_start(&self, settings: &ModelSettings) -> Result<Option<WarmStart>, CliError> {
        let Some(name) = settings.train().warm_start.as_deref() else { return Ok(None) };
        if name == PREVIOUS {
            let previous = self.previous()?;
            if previous.is_none() {
                self.surroundings.progress.line("no earlier run has a model: training begins anew");
            }
            return previous.map(|date| self.start_of_run(&date)).transpose();
        }
        if name == self.date() {
            return Err(refused(format!("run {name} cannot start from itself"), "name an earlier run, or a bundle"));
        }
        let sound = check_bundle_id(name).is_ok();
        let base_dir = self.config().base_dir();
        if sound && self.run_folder(name).is_dir() {
            return self.start_of_run(name).map(Some);
        }
        if sound && bundles_folder(base_dir).join(name).is_dir() {
            return self.start_of_bundle(name).map(Some);
        }
        let message = format!("`{name}` is neither a run nor a bundle in {}", base_dir.display());
        Err(refused(message, "name a run by its date, a bundle by its id, or say `previous`"))
    }

    /// The latest run before this one that has a model.
    fn previous(&self) -> Result<Option<String>, CliError> {
        if self.date().parse::<Date>().is_err() {
            return Err(refused(
                format!("run {} has no date, so that no run is the previous one", self.date()),
                "name a bundle",
            ));
        }
        let entries = std::fs::read_dir(self.config().base_dir().join("runs")).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let earlier = names.filter(|name| name.parse::<Date>().is_ok() && name.as_str() < self.date());
        let has_model = |name: &String| self.run_folder(name).join("train").join(MODEL_FILE).exists();
        Ok(earlier.filter(has_model).max())
    }

    fn run_folder(&self, date: &str) -> PathBuf {
        RunFolders::new(self.config().base_dir(), date).run().to_owned()
    }

    fn start_of_run(&self, date: &str) -> Result<WarmStart, CliError> {
        let folder = self.run_folder(date);
        let samples = SampleLayout { folder: folder.join("samples") };
        self.start(date, date, (&folder.join("train"), &samples.features()))
    }

    fn start_of_bundle(&self, bundle_id: &str) -> Result<WarmStart, CliError> {
        let folder = bundles_folder(self.config().base_dir()).join(bundle_id);
        self.start(bundle_id, date_of(bundle_id), (&folder, &folder.join(file::FEATURES)))
    }

    /// The model in `folder`, which the run `date` made.
    fn start(&self, name: &str, date: &str, (folder, features): (&Path, &Path)) -> Result<WarmStart, CliError> {
        let Some(provenance) = read_provenance(self.surroundings.vfs, folder)? else {
            let message = format!("{} does not say which checkpoint its model came from", folder.display());
            return Err(refused(message, "train that run to its end with this version, or train anew"));
        };
        Ok(WarmStart {
            name: name.to_owned(),
            model: folder.join(MODEL_FILE),
            features: features.to_owned(),
            checkpoint: self.run_folder(date).join(provenance.checkpoint),
            sha256: provenance.sha256,
        })
    }
}

fn refused(message: String, hint: &str) -> CliError {
    CliError::Usage { message: format!("train.warm_start: {message}"), hint: hint.to_owned() }
}
