//! The config file as it is written: root keys, then one section for each stage, in the order of the flow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use twinspire_core::retention::RetentionSection;
use twinspire_core::schema::FeatureSection;
use twinspire_data::{CleanSection, InputSection, SamplesSection};
use twinspire_model::{ModelSection, TrainSection, TuneSection};
use twinspire_retrieval::{ChannelsSection, EvaluateSection, IndexSection};
use twinspire_serve::ServeSection;

/// Settings of Twinspire, from click logs to the server. Relative paths start at the folder of this file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "Twinspire config", extend("$id" = "twinspire-config"))]
pub struct ConfigFile {
    /// Folder of runs and bundles, relative to this file; `--base-dir` overrides it.
    pub base_dir: PathBuf,
    /// Seed of every random draw; 0 or more.
    pub seed: u64,
    /// Number of worker threads; 0 stands for all cores. Results do not depend on it.
    pub threads: usize,
    /// Where the logs are and what their columns mean.
    pub input: InputSection,
    /// Which rows are left out.
    pub clean: CleanSection,
    /// How interactions become samples.
    pub samples: SamplesSection,
    /// The features: one `[[features]]` entry for each.
    pub features: Vec<FeatureSection>,
    /// The two towers.
    pub model: ModelSection,
    /// How the towers are trained.
    pub train: TrainSection,
    /// What `twinspire tune` tries, and how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tune: Option<TuneSection>,
    /// How quality is judged over the full corpus.
    pub evaluate: EvaluateSection,
    /// How item vectors are searched.
    pub index: IndexSection,
    /// The ways of recall and how they are merged.
    pub channels: ChannelsSection,
    /// Where the server listens and what it accepts.
    pub serve: ServeSection,
    /// What stays after a run.
    pub retention: RetentionSection,
}

impl Default for ConfigFile {
    fn default() -> Self {
        Self {
            base_dir: "twinspire-data".into(),
            seed: 42,
            threads: 0,
            input: InputSection::default(),
            clean: CleanSection::default(),
            samples: SamplesSection::default(),
            features: Vec::new(),
            model: ModelSection::default(),
            train: TrainSection::default(),
            tune: None,
            evaluate: EvaluateSection::default(),
            index: IndexSection::default(),
            channels: ChannelsSection::default(),
            serve: ServeSection::default(),
            retention: RetentionSection::default(),
        }
    }
}
