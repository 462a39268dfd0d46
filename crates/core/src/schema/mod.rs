//! Which features there are: the `[[features]]` entries of the config, parsed and then checked into a
//! [`FeatureSchema`] that nothing else can build.

mod section;
#[cfg(test)]
mod tests;
mod window;

pub use section::{FeatureSection, KindName, WhatName};

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

/// How a raw value becomes a model input, with the settings of that way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FeatureKind {
    /// FarmHash Fingerprint64 of the text, modulo `buckets`.
    Hash {
        /// Number of buckets, which is the number of rows of the embedding table.
        buckets: u32,
    },
    /// Known values, each with a row of its own; all others are missing.
    Vocabulary {
        /// The values; empty: those of the training part, by falling frequency.
        values: Vec<String>,
        /// With empty `values`: least number of occurrences of a value.
        min_count: u32,
        /// With empty `values`: most values that are kept.
        max_size: u32,
    },
    /// A number that enters the tower as it is, after `normalise`.
    Numeric {
        /// What the number goes through.
        normalise: Normalise,
    },
    /// A number that is replaced by the interval it falls into.
    Bucketised {
        /// Rising boundaries; `n` boundaries make `n + 1` buckets, a boundary belongs to the bucket above it.
        boundaries: Vec<f64>,
    },
    /// Item features of the user's history as of the event, pooled.
    History {
        /// Names of item features whose embeddings are pooled, then joined.
        of: Vec<String>,
        /// Most items that are used, counted from the newest.
        max_length: u32,
        /// Use the item tower's embedding tables instead of tables of its own.
        shared: bool,
    },
    /// The user's history over a length of time before the event, reduced to a number or to frequent values; see
    /// [`crate::behaviour`].
    Window {
        /// Length in seconds.
        seconds: u32,
        /// What it is reduced to.
        rule: WindowRule,
    },
}

/// What a window of the history is reduced to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowRule {
    /// A number.
    Number {
        /// Which one.
        what: WindowNumber,
        /// How it enters the tower.
        form: NumberForm,
    },
    /// The most frequent values of an item feature, each with its count as weight.
    Top {
        /// Name of the item feature.
        of: String,
        /// Most values that are kept.
        n: u32,
    },
}

/// A number that a window gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowNumber {
    /// Items in the window; an item that stands in it twice counts twice.
    Count,
    /// Different items, or different values of an item feature.
    DistinctCount(Option<String>),
    /// Seconds since the newest item; missing where there is none.
    Age,
}

/// How a number enters the tower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// As it is, after this.
    Numeric(Normalise),
    /// As the interval that it falls into; rising boundaries.
    Bucketised(Vec<f64>),
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

/// One checked feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureSpec {
    /// Name of the feature, and of the field in a request.
    pub name: String,
    /// Column of the log or of a side table.
    pub column: String,
    /// Whose feature it is.
    pub side: Side,
    /// How a raw value becomes a model input.
    pub kind: FeatureKind,
    /// Width of the embedding; `None`: the model's default.
    pub dimension: Option<u32>,
    /// The cell holds several values.
    pub list: Option<ListFormat>,
    /// How several embeddings become one.
    pub pooling: Pooling,
    /// Cut white space at both ends before anything else.
    pub trim: bool,
    /// Lower-case (Unicode) before hashing or look-up.
    pub lowercase: bool,
    /// Stands in for a missing value; without it, missing is the zero vector.
    pub default: Option<String>,
}

impl FeatureSpec {
    /// True when its value is a cell of the log or of a side table; a history and its windows are none.
    pub fn reads_column(&self) -> bool {
        !matches!(self.kind, FeatureKind::History { .. } | FeatureKind::Window { .. })
    }

    /// Item features that it reads from the items of the history.
    fn read_of_items(&self) -> Vec<&str> {
        match &self.kind {
            FeatureKind::History { of, .. } => of.iter().map(String::as_str).collect(),
            FeatureKind::Window { rule: WindowRule::Top { of, .. }, .. } => vec![of],
            FeatureKind::Window { rule: WindowRule::Number { what: WindowNumber::DistinctCount(of), .. }, .. } => {
                of.iter().map(String::as_str).collect()
            }
            FeatureKind::Window { .. }
            | FeatureKind::Hash { .. }
            | FeatureKind::Vocabulary { .. }
            | FeatureKind::Numeric { .. }
            | FeatureKind::Bucketised { .. } => Vec::new(),
        }
    }
}

/// Checked features, in the order of the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeatureSchema {
    features: Vec<FeatureSpec>,
}

impl FeatureSchema {
    /// Checks the entries: unique names, sizes above 0, rising boundaries, lists only where they are read, histories and
    /// windows of item features, and at least one feature for each tower.
    pub fn check(sections: Vec<FeatureSection>, faults: &mut Faults) -> Option<Self> {
        let expected = sections.len();
        let numbered = sections.into_iter().enumerate();
        let features: Vec<_> = numbered.filter_map(|(number, section)| section.check(number, faults)).collect();
        let schema = Self { features };
        if schema.features.len() < expected {
            return None;
        }
        schema.check_names(faults);
        schema.check_histories(faults);
        schema.check_towers(faults);
        Some(schema)
    }

    fn check_names(&self, faults: &mut Faults) {
        for (number, feature) in self.features.iter().enumerate() {
            if self.features[..number].iter().any(|earlier| earlier.name == feature.name) {
                let key = format!("features[{number}].name");
                faults.push(
                    key,
                    &feature.name,
                    "another feature has this name",
                    "names are unique; use `column` to read one column twice",
                );
            }
        }
    }

    fn check_histories(&self, faults: &mut Faults) {
        let embeds = |feature: &FeatureSpec| {
            feature.side == Side::Item && feature.reads_column() && !matches!(feature.kind, FeatureKind::Numeric { .. })
        };
        for (number, feature) in self.features.iter().enumerate() {
            for name in feature.read_of_items() {
                if !self.find(name).is_some_and(embeds) {
                    let reason = "not an item feature with an embedding (hash, vocabulary or bucketised)";
                    faults.push(format!("features[{number}].of"), name, reason, "name a feature with side = \"item\"");
                }
            }
        }
    }

    fn check_towers(&self, faults: &mut Faults) {
        let has = |is_item: bool| self.features.iter().any(|feature| (feature.side == Side::Item) == is_item);
        for (is_item, tower) in [(false, "user or context"), (true, "item")] {
            if !has(is_item) {
                let reason = format!("there is no {tower} feature, so that tower has nothing to read");
                faults.push(
                    "features",
                    "",
                    reason,
                    "add a [[features]] entry; `twinspire init --from FILES` writes some",
                );
            }
        }
    }

    /// All features.
    pub fn features(&self) -> &[FeatureSpec] {
        &self.features
    }

    /// The feature called `name`.
    pub fn find(&self, name: &str) -> Option<&FeatureSpec> {
        self.features.iter().find(|feature| feature.name == name)
    }
}
