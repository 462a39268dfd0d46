//! From what was written to [`CheckedConfig`], which nothing else can build.

use super::fault::{self, ConfigFault};
use super::file::ConfigFile;
use super::key::KeyPath;
use super::parse::everywhere;
use super::ranges::check_ranges;
use super::tree::Node;
use super::written::{ConfigSource, WrittenConfig};
use crate::error::CliError;
use std::path::{Path, PathBuf};
use twinspire_core::check::Faults;
use twinspire_core::retention::RetentionSettings;
use twinspire_core::schema::{FeatureSchema, FeatureSection, KindName};
use twinspire_data::DataSettings;
use twinspire_data::config::Mode;
use twinspire_data::context::DEFAULT_DAYS;
use twinspire_model::config::{EncoderSection, ModelSection};
use twinspire_model::{ModelSettings, Trial, TuneSection, TuneSettings};
use twinspire_retrieval::RetrievalSettings;
use twinspire_serve::ServeSettings;

/// A config without a fault. Only [`WrittenConfig::check`] builds it.
#[derive(Debug, Clone)]
pub struct CheckedConfig {
    base_dir: PathBuf,
    data_dir: PathBuf,
    threads: usize,
    data: DataSettings,
    model: ModelSettings,
    retrieval: RetrievalSettings,
    serve: ServeSettings,
    retention: RetentionSettings,
    tune: Option<TuneSettings>,
    written: WrittenConfig,
    file: ConfigFile,
}

impl WrittenConfig {
    /// Reads the sections into their types and checks them against each other.
    ///
    /// # Errors
    /// [`CliError::Config`] with every fault.
    pub fn check(self) -> Result<CheckedConfig, CliError> {
        if !self.faults.is_empty() {
            let faults = self.faults.clone();
            return Err(self.refuse(faults));
        }
        let file: ConfigFile = match self.tree.to_value().try_into() {
            Ok(file) => file,
            Err(error) => return Err(self.refuse(vec![unreadable(&error)])),
        };
        let mut faults = Faults::default();
        let checked = Sections::check(&file, &mut faults);
        let found = faults.into_vec();
        match checked {
            Some(sections) if found.is_empty() => Ok(self.finish(file, sections)),
            Some(_) | None => {
                let faults = found.into_iter().map(|fault| ConfigFault::from_check(fault, &self.tree)).collect();
                Err(self.refuse(faults))
            }
        }
    }

    fn refuse(self, mut faults: Vec<ConfigFault>) -> CliError {
        fault::sort(&mut faults);
        CliError::Config { path: self.path, faults }
    }

    fn finish(self, file: ConfigFile, sections: Sections) -> CheckedConfig {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let Sections { data, model, retrieval, serve, retention, tune } = sections;
        CheckedConfig {
            base_dir: folder.join(&file.base_dir),
            data_dir: self.data_dir.clone(),
            threads: if file.threads == 0 { cores() } else { file.threads },
            data,
            model,
            retrieval,
            serve,
            retention,
            tune,
            written: self,
            file,
        }
    }
}

/// The schema let pass what the types refuse.
fn unreadable(error: &toml::de::Error) -> ConfigFault {
    let hint = "twinspire config schema".to_owned();
    ConfigFault { code: "wrong-type", key: String::new(), message: error.message().to_owned(), hint, place: None }
}

struct Sections {
    data: DataSettings,
    model: ModelSettings,
    retrieval: RetrievalSettings,
    serve: ServeSettings,
    retention: RetentionSettings,
    tune: Option<TuneSettings>,
}

impl Sections {
    /// Every section is checked, whatever is wrong with the others.
    fn check(file: &ConfigFile, faults: &mut Faults) -> Option<Self> {
        let features = checked_features(&file.features, faults)?;
        let labels = file.samples.mode == Mode::Labels;
        let data = DataSettings::check(&file.input, &file.clean, &file.samples, &features, faults);
        let model = ModelSettings::check(&file.model, &file.train, &features, labels, faults);
        data.iter().for_each(|data| check_time_gaps(&file.model, data, faults));
        let retrieval = RetrievalSettings::check(&file.evaluate, &file.index, &file.channels, &features, faults);
        if let (Some(data), Some(retrieval)) = (&data, &retrieval) {
            retrieval.check_filter(&data.attributes(), faults);
        }
        let serve = ServeSettings::check(&file.serve, faults);
        let days = file.input.days.unwrap_or(DEFAULT_DAYS);
        let retention = RetentionSettings::check(&file.retention, days, faults);
        let tune = match &file.tune {
            Some(section) => check_tune(section, retrieval.as_ref(), faults).map(Some),
            None => Some(None),
        };
        let (serve, retention, tune) = (serve?, retention?, tune?);
        Some(Self { data: data?, model: model?, retrieval: retrieval?, serve, retention, tune })
    }
}

/// Gaps between events are read from their times.
fn check_time_gaps(model: &ModelSection, data: &DataSettings, faults: &mut Faults) {
    for (number, encoder) in model.encoders.iter().enumerate() {
        let reads_gaps = matches!(encoder, EncoderSection::SelfAttention(own) if own.time_gaps);
        let key = format!("model.encoders[{number}].time_gaps");
        faults.require(!reads_gaps || data.has_clock(), &key, reads_gaps, "needs `input.time` that is not `order`");
    }
}

/// What `tune` tries: the section by itself, its keys, its metric.
fn check_tune(
    section: &TuneSection,
    retrieval: Option<&RetrievalSettings>,
    faults: &mut Faults,
) -> Option<TuneSettings> {
    check_ranges(section, faults);
    if let (Some(metric), Some(retrieval)) = (&section.metric, retrieval) {
        let judged: Vec<String> = retrieval.lengths().iter().map(|length| format!("recall@{length}")).collect();
        faults.require(judged.contains(metric), "tune.metric", metric, &format!("one of {}", judged.join(", ")));
    }
    TuneSettings::check(section, faults)
}

/// The features. One with a fault counts as a hash feature of its name here, so that sections which refer to it are
/// still checked; the fault is recorded and nothing is built.
fn checked_features(sections: &[FeatureSection], faults: &mut Faults) -> Option<FeatureSchema> {
    if let Some(schema) = FeatureSchema::check(sections.to_vec(), faults) {
        return Some(schema);
    }
    let stand_in =
        |section: &FeatureSection| FeatureSection { kind: KindName::Hash, buckets: Some(1), ..section.clone() };
    FeatureSchema::check(sections.iter().map(stand_in).collect(), &mut Faults::default())
}

impl CheckedConfig {
    /// Reads and checks.
    ///
    /// # Errors
    /// As [`WrittenConfig::read`] and [`WrittenConfig::check`].
    pub fn load(source: &ConfigSource) -> Result<Self, CliError> {
        WrittenConfig::read(source)?.check()
    }

    /// Folder of runs and bundles.
    pub fn base_dir(&self) -> &Path {
        &self.base_dir
    }

    /// Base of relative input paths.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Seed of every random draw.
    pub fn seed(&self) -> u64 {
        self.file.seed
    }

    /// Number of worker threads, at least 1.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Checked `[input]`, `[clean]`, `[samples]` and `[[features]]`.
    pub fn data(&self) -> &DataSettings {
        &self.data
    }

    /// Checked `[model]` and `[train]`.
    pub fn model(&self) -> &ModelSettings {
        &self.model
    }

    /// Checked `[evaluate]`, `[index]` and `[channels]`.
    pub fn retrieval(&self) -> &RetrievalSettings {
        &self.retrieval
    }

    /// Checked `[tune]`, if it was written.
    pub fn tune(&self) -> Option<&TuneSettings> {
        self.tune.as_ref()
    }

    /// The config with the values of a trial laid over it; a fault of a value has the place of its range.
    ///
    /// # Errors
    /// [`CliError::Config`] with every fault.
    pub fn trial(&self, trial: &Trial) -> Result<Self, CliError> {
        let node = |(number, (key, value)): (usize, &(String, serde_json::Value))| {
            let range = KeyPath::default().key("tune").key("ranges").entry(number);
            let place = self.written().nearest(&range).place.clone();
            let value = toml::Value::try_from(value).expect("a value that was drawn has a TOML form");
            let place = place.expect("a range was written somewhere");
            (KeyPath::parse(key), everywhere(value, &place))
        };
        self.written.with_values(trial.values.iter().enumerate().map(node)).check()
    }

    /// Checked `[serve]`.
    pub fn serve(&self) -> &ServeSettings {
        &self.serve
    }

    /// Checked `[retention]`.
    pub fn retention(&self) -> &RetentionSettings {
        &self.retention
    }

    /// The sections as they are written, with overrides and defaults.
    pub fn file(&self) -> &ConfigFile {
        &self.file
    }

    /// Path of the config file.
    pub fn path(&self) -> &Path {
        &self.written.path
    }

    /// What was written, with the place of each key.
    pub fn written(&self) -> &Node {
        &self.written.tree
    }

    /// All settings as TOML, with overrides and defaults.
    pub fn effective_toml(&self) -> String {
        to_toml(&self.file)
    }

    /// The settings that decide the content of a bundle, as TOML: [`Self::effective_toml`] with the defaults of
    /// `base_dir`, `threads`, `[tune]`, `[serve]` and `[retention]`, which say where, how fast and how long, but not what.
    pub fn content_toml(&self) -> String {
        let ConfigFile { base_dir, threads, tune, serve, retention, .. } = ConfigFile::default();
        to_toml(&ConfigFile { base_dir, threads, tune, serve, retention, ..self.file.clone() })
    }
}

fn to_toml(file: &ConfigFile) -> String {
    toml::to_string(file).expect("every value of a section has a TOML form")
}
