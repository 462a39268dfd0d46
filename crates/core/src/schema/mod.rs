//! Which features there are: the `[[features]]` entries of the config, parsed and then checked into a
//! [`FeatureSchema`] that nothing else can build.

use crate::check::Faults;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose feature it is. User and context features enter the user tower, item features the item tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Belongs to the user, the same in all her requests of a day.
    User,
    /// Belongs to the request: hour, page, device.
    Context,
    /// Belongs to the item.
    Item,
}

/// How several embeddings become one. All weights are 1 where the list has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// `Σ w·e / Σ w`.
    #[default]
    Mean,
    /// `Σ w·e`.
    Sum,
    /// `Σ w·e / sqrt(Σ w²)`.
    Sqrtn,
}

/// What a numeric value goes through before the tower. Mean and deviation are those of the training part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Normalise {
    /// The value itself.
    None,
    /// `(x - mean) / deviation`.
    #[default]
    Standard,
    /// `ln(1 + max(x, 0))`, then as `standard`.
    Log,
}

/// How a raw value becomes a model input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FeatureKind {
    /// FarmHash Fingerprint64 of the text, modulo `buckets`; equals TensorFlow's `categorical_column_with_hash_bucket`.
    Hash {
        /// Number of buckets, which is the number of rows of the embedding table.
        buckets: u32,
    },
    /// Known values, each with a row of its own; all others are missing.
    Vocabulary {
        /// The values; empty: those of the training part, by falling frequency.
        #[serde(default)]
        values: Vec<String>,
        /// With empty `values`: least number of occurrences of a value.
        #[serde(default = "one")]
        min_count: u32,
        /// With empty `values`: most values that are kept.
        #[serde(default = "max_vocabulary")]
        max_size: u32,
    },
    /// A number that enters the tower as it is, after `normalise`.
    Numeric {
        /// What the number goes through.
        #[serde(default)]
        normalise: Normalise,
    },
    /// A number that is replaced by the interval it falls into (TensorFlow's `bucketized_column`).
    Bucketised {
        /// Rising boundaries; `n` boundaries make `n + 1` buckets, a boundary belongs to the bucket above it.
        boundaries: Vec<f64>,
    },
    /// Item features of the user's history as of the event, pooled over the last `max_length` items.
    History {
        /// Names of item features (`hash`, `vocabulary` or `bucketised`) whose embeddings are pooled, then joined.
        of: Vec<String>,
        /// Most items that are used, counted from the newest.
        #[serde(default = "max_history")]
        max_length: u32,
        /// Use the item tower's embedding tables instead of tables of its own.
        #[serde(default = "yes")]
        shared: bool,
    },
}

fn one() -> u32 {
    1
}
fn max_vocabulary() -> u32 {
    10_000_000
}
fn max_history() -> u32 {
    50
}
fn yes() -> bool {
    true
}

/// How a cell that holds several values is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListFormat {
    /// Between two values, as in `a|b`.
    #[serde(default = "bar")]
    pub separator: char,
    /// Values carry weights, as in `a:2|b:1`.
    #[serde(default)]
    pub weighted: bool,
}

fn bar() -> char {
    '|'
}

/// One `[[features]]` entry of the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeatureSpec {
    /// Name of the feature, and of the field in a request.
    pub name: String,
    /// Column of the log or of a side table; the name by default.
    #[serde(default)]
    pub column: Option<String>,
    /// Whose feature it is.
    pub side: Side,
    /// How a raw value becomes a model input.
    #[serde(flatten)]
    pub kind: FeatureKind,
    /// Width of the embedding; `model.embedding_dimension` by default.
    #[serde(default)]
    pub dimension: Option<u32>,
    /// The cell holds several values.
    #[serde(default)]
    pub list: Option<ListFormat>,
    /// How several embeddings become one.
    #[serde(default)]
    pub pooling: Pooling,
    /// Cut white space at both ends before anything else.
    #[serde(default)]
    pub trim: bool,
    /// Lower-case (Unicode) before hashing or look-up.
    #[serde(default)]
    pub lowercase: bool,
    /// Stands in for a missing value; without it, missing is the zero vector.
    #[serde(default)]
    pub default: Option<String>,
}

impl FeatureSpec {
    /// The column that is read.
    pub fn column(&self) -> &str {
        self.column.as_deref().unwrap_or(&self.name)
    }
}

/// Checked features, in the order of the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeatureSchema {
    features: Vec<FeatureSpec>,
}

impl FeatureSchema {
    /// Checks the entries: unique names, sizes above 0, rising boundaries, `history.of` names item features, a list
    /// only with `hash` or `vocabulary`, history only on the user side, at least one item and one user or context feature.
    pub fn check(_features: Vec<FeatureSpec>, _faults: &mut Faults) -> Option<Self> {
        todo!()
    }

    /// All features.
    pub fn features(&self) -> &[FeatureSpec] {
        &self.features
    }

    /// The feature called `name`.
    pub fn find(&self, name: &str) -> Option<&FeatureSpec> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// SHA-256 of everything that decides how a value is encoded, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        todo!()
    }
}
