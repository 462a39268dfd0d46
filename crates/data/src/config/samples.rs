//! The `[samples]` section as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a row means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Positives are events of users; negatives are drawn from the corpus.
    #[default]
    Events,
    /// Every row carries its label, 0 or 1.
    Labels,
}

/// How rows are divided into training, validation and test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Split {
    /// By day of `input.time.zone`: the last `test_days` days are test, the `validation_days` before them validation.
    ByDate {
        /// Days of the validation part.
        #[serde(default = "one_day")]
        validation_days: u32,
        /// Days of the test part.
        #[serde(default)]
        test_days: u32,
    },
    /// Per user: the last positive is test, the one before it validation.
    LeaveLastOneOut {
        /// Whether there is a validation part. Without it that positive trains too, as in a last fit once all settings are chosen.
        #[serde(default = "yes")]
        validation: bool,
    },
    /// By the value of a column; all values that are not named are training.
    ByColumn {
        /// The column.
        column: String,
        /// Values of the validation part.
        #[serde(default)]
        validation: Vec<String>,
        /// Values of the test part.
        #[serde(default)]
        test: Vec<String>,
    },
    /// The test part is a file of its own; a validation part is drawn from the training rows with the seed.
    Given {
        /// Path of the test file, relative like `input.path`.
        test: String,
        /// Share of the training rows that is drawn, per user, positives and others apart; 0.0 to below 1.0.
        #[serde(default = "one_tenth")]
        validation_share: f64,
    },
}

fn one_day() -> u32 {
    1
}
fn yes() -> bool {
    true
}
fn one_tenth() -> f64 {
    0.1
}

impl Default for Split {
    fn default() -> Self {
        Self::ByDate { validation_days: 1, test_days: 0 }
    }
}

/// Which positives of popular items are left out of the training part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DownSample {
    /// None of them.
    None {},
    /// A positive is kept with probability sqrt(t / f) + t / f, where f is its item's share of the train positives.
    Word2vec {
        /// The share t; items below it keep all positives. Above 0.0, below 1.0.
        threshold: f64,
    },
    /// A positive is kept with probability `at_most` / (train positives of its item).
    Cap {
        /// About so many positives of an item stay; 1 or more.
        at_most: u64,
    },
}

/// How interactions become samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SamplesSection {
    /// What a row means: `events` (positives, negatives are drawn) or `labels` (every row carries 0 or 1).
    pub mode: Mode,
    /// How rows are divided into training, validation and test: `by_date`, `leave_last_one_out`, `by_column` or `given`.
    pub split: Split,
    /// Which positives of popular items are left out of the training part: `none`, `word2vec` or `cap`. They stay in histories, in the counts of items and in the judged parts.
    pub down_sample: DownSample,
    /// Memory budget in MiB, from which the number of buckets follows; 16 or more.
    pub memory_mib: u32,
    /// Where `samples unit` keeps units for machines that share no disk: a URL such as `s3://bucket/units`. Without it they share `base_dir`.
    pub units: Option<String>,
}

impl Default for SamplesSection {
    fn default() -> Self {
        Self {
            mode: Mode::Events,
            split: Split::default(),
            down_sample: DownSample::None {},
            memory_mib: 1024,
            units: None,
        }
    }
}
