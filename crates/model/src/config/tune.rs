//! What `twinspire tune` tries, and how long: `[tune]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What `twinspire tune` tries, and how long. It decides nothing of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TuneSection {
    /// Number of trials, of which the first is the config as it stands; 2 to 10000.
    pub trials: u32,
    /// Steps of a trial that reaches the last rung; so many that the first rung has one.
    pub steps: u64,
    /// One in so many trials goes on to the next rung, which has so many times the steps; 2 to 100.
    pub reduction: u32,
    /// Seed of the values that are drawn; 0 or more. What training draws follows from the `seed` of the config.
    pub seed: u64,
    /// The full-corpus metric of the validation part that ranks trials: `recall@K` for a K of `evaluate.lengths`. Without it,
    /// K is 20, or where that is not judged the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Keys of `[model]` and `[train]` with the values that are tried: one `[[tune.ranges]]` entry for each.
    pub ranges: Vec<RangeSection>,
}

impl Default for TuneSection {
    fn default() -> Self {
        Self { trials: 27, steps: 2700, reduction: 3, seed: 1, metric: None, ranges: Vec::new() }
    }
}

/// The values of one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum RangeSection {
    /// Those of a list, each as likely as the others.
    List {
        /// Key of `[model]` or `[train]`, as in `train.batch_size`.
        key: String,
        /// Its values, at least one.
        values: Vec<Value>,
    },
    /// Numbers between two, each as likely as the others; whole ones where the key is an integer.
    Linear {
        /// Key of `[model]` or `[train]`, as in `train.batch_size`.
        key: String,
        /// The lowest.
        from: f64,
        /// The highest, above `from`.
        to: f64,
    },
    /// Numbers between two whose logarithms are equally likely; whole ones where the key is an integer.
    Log {
        /// Key of `[model]` or `[train]`, as in `train.batch_size`.
        key: String,
        /// The lowest, above 0.
        from: f64,
        /// The highest, above `from`.
        to: f64,
    },
}

impl RangeSection {
    /// The key whose values these are.
    pub fn key(&self) -> &str {
        match self {
            Self::List { key, .. } | Self::Linear { key, .. } | Self::Log { key, .. } => key,
        }
    }

    /// Does it lie between two numbers?
    pub fn is_numeric(&self) -> bool {
        match self {
            Self::List { .. } => false,
            Self::Linear { .. } | Self::Log { .. } => true,
        }
    }
}
