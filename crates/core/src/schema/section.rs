//! One `[[features]]` entry as it is written in the config: flat, so that unknown keys are refused.

use super::{FeatureKind, FeatureSpec, ListFormat, Normalise, Pooling, Side, window};
use crate::check::Faults;
use crate::encode::{cell_fault, clean};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How a raw value becomes a model input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KindName {
    /// FarmHash Fingerprint64 of the text, modulo `buckets`; equals TensorFlow's `categorical_column_with_hash_bucket`.
    Hash,
    /// Known values, each with an embedding of its own; all others are missing.
    Vocabulary,
    /// A number that enters the tower as it is, after `normalise`.
    Numeric,
    /// A number that is replaced by the interval it falls into (TensorFlow's `bucketized_column`).
    Bucketised,
    /// Item features of the user's history as of the event, pooled over the newest `max_length` items.
    History,
    /// What the user did in a length of time before the event: a number, or the most frequent values of an item feature.
    Window,
}

/// What a window of the history is reduced to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhatName {
    /// Number of items.
    Count,
    /// Number of different items; with `of`, of different values of that item feature.
    DistinctCount,
    /// Seconds since the newest item.
    Age,
    /// The `n` most frequent values of the item feature `of`, weighted by their counts.
    Top,
}

/// One `[[features]]` entry of the config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureSection {
    /// Name of the feature, and of the field in a request.
    pub name: String,
    /// Whose feature it is: `user` and `context` enter the user tower, `item` the item tower.
    pub side: Side,
    /// How a raw value becomes a model input.
    pub kind: KindName,
    /// Column of the log or of a side table; the name by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Width of the embedding; `model.embedding_dimension` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u32>,
    /// Kind `hash`: number of buckets, which is the number of rows of the embedding table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<u32>,
    /// Kind `vocabulary`: the values; without them, those of the training part by falling frequency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
    /// Kind `vocabulary` without `values`: least number of occurrences of a value; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u32>,
    /// Kind `vocabulary` without `values`: most values that are kept; 10,000,000 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
    /// Kind `numeric`: what the number goes through; `standard` by default. Kind `window` with a number: `log` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalise: Option<Normalise>,
    /// Kind `bucketised`: rising boundaries; a boundary belongs to the bucket above it. Kind `window` with a number: boundaries instead of `normalise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundaries: Option<Vec<f64>>,
    /// Kind `history`: names of item features whose embeddings are pooled, then joined. Kind `window`: the one item feature whose values are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Vec<String>>,
    /// Kind `history`: most items that are used, counted from the newest; 50 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Kind `history`: use the item tower's embedding tables instead of tables of its own; true by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
    /// Kind `window`: its length before the event, such as `30d`, `1d`, `1h`, `90m` or `45s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Kind `window`: what it is reduced to: `count`, `distinct_count`, `age` or `top`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<WhatName>,
    /// Kind `window` with `top`: most values that are kept, 1 to 100; 3 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// Kinds `hash` and `vocabulary`: the cell holds several values, as in `a|b` or `a:2|b:1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<ListFormat>,
    /// Lists, histories and windows with `top`: how several embeddings become one.
    #[serde(default)]
    pub pooling: Pooling,
    /// Cut white space at both ends before anything else.
    #[serde(default)]
    pub trim: bool,
    /// Lower-case (Unicode) before hashing or look-up.
    #[serde(default)]
    pub lowercase: bool,
    /// Stands in for a missing value; without it, missing is the zero vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

const KIND_KEYS: [(&str, &[KindName]); 12] = [
    ("buckets", &[KindName::Hash]),
    ("values", &[KindName::Vocabulary]),
    ("min_count", &[KindName::Vocabulary]),
    ("max_size", &[KindName::Vocabulary]),
    ("normalise", &[KindName::Numeric, KindName::Window]),
    ("boundaries", &[KindName::Bucketised, KindName::Window]),
    ("of", &[KindName::History, KindName::Window]),
    ("max_length", &[KindName::History]),
    ("shared", &[KindName::History]),
    ("window", &[KindName::Window]),
    ("what", &[KindName::Window]),
    ("n", &[KindName::Window]),
];

impl FeatureSection {
    /// Keys that are set and belong to other kinds.
    fn foreign_keys(&self) -> Vec<(&'static str, &'static [KindName])> {
        let is_set = |key: &str| match key {
            "buckets" => self.buckets.is_some(),
            "values" => self.values.is_some(),
            "min_count" => self.min_count.is_some(),
            "max_size" => self.max_size.is_some(),
            "normalise" => self.normalise.is_some(),
            "boundaries" => self.boundaries.is_some(),
            "of" => self.of.is_some(),
            "max_length" => self.max_length.is_some(),
            "shared" => self.shared.is_some(),
            "window" => self.window.is_some(),
            "what" => self.what.is_some(),
            _ => self.n.is_some(),
        };
        KIND_KEYS.into_iter().filter(|&(key, homes)| !homes.contains(&self.kind) && is_set(key)).collect()
    }

    /// Keys that are set and say how a cell is read.
    fn cell_keys(&self) -> impl Iterator<Item = &'static str> {
        let set = [
            ("column", self.column.is_some()),
            ("trim", self.trim),
            ("lowercase", self.lowercase),
            ("default", self.default.is_some()),
        ];
        set.into_iter().filter_map(|(key, is_set)| is_set.then_some(key))
    }

    /// The entry as a kind with its own settings; faults are recorded under `features[number]`.
    pub(super) fn check(self, number: usize, faults: &mut Faults) -> Option<FeatureSpec> {
        let at = |key: &str| format!("features[{number}].{key}");
        for (key, homes) in self.foreign_keys() {
            let homes: Vec<String> = homes.iter().map(|home| format!("{home:?}")).collect();
            let reason =
                format!("`{key}` belongs to kind {}, and this feature has kind {:?}", homes.join(" or "), self.kind);
            faults.push(at(key), "", reason.to_lowercase(), format!("remove `{key}`"));
        }
        if matches!(self.kind, KindName::History | KindName::Window) {
            for key in self.cell_keys() {
                let reason = "a history and its windows read no cell";
                faults.push(at(key), "", reason, format!("remove `{key}`"));
            }
        }
        if self.name.is_empty() {
            faults.push(at("name"), "", "a feature needs a name", "name it as its field in a request");
        }
        if self.dimension == Some(0) {
            faults.push(at("dimension"), 0, "an embedding is at least 1 wide", "leave it out for the model's width");
        }
        let kind = self.checked_kind(&at, faults)?;
        let is_categorical = matches!(kind, FeatureKind::Hash { .. } | FeatureKind::Vocabulary { .. });
        if self.list.is_some() && !is_categorical {
            faults.push(at("list"), "", "only hash and vocabulary features read lists", "remove `list`");
        }
        let feature = FeatureSpec {
            column: self.column.unwrap_or_else(|| self.name.clone()),
            name: self.name,
            side: self.side,
            kind,
            dimension: self.dimension,
            list: self.list,
            pooling: self.pooling,
            trim: self.trim,
            lowercase: self.lowercase,
            default: self.default,
        };
        check_values(&feature, &at, faults);
        Some(feature)
    }

    fn checked_kind(&self, at: &impl Fn(&str) -> String, faults: &mut Faults) -> Option<FeatureKind> {
        match self.kind {
            KindName::Hash => match self.buckets {
                Some(buckets) if buckets > 0 && buckets < u32::MAX => Some(FeatureKind::Hash { buckets }),
                found => {
                    let value = found.map_or_else(String::new, |buckets| buckets.to_string());
                    faults.push(at("buckets"), value, "a hash feature needs buckets above 0", "buckets = 10000");
                    None
                }
            },
            KindName::Vocabulary => Some(FeatureKind::Vocabulary {
                values: self.values.clone().unwrap_or_default(),
                min_count: self.min_count.unwrap_or(1),
                max_size: self.max_size.unwrap_or(10_000_000),
            }),
            KindName::Numeric => Some(FeatureKind::Numeric { normalise: self.normalise.unwrap_or_default() }),
            KindName::Bucketised => self.checked_boundaries(at, faults),
            KindName::History => self.checked_history(at, faults),
            KindName::Window => window::checked(self, at, faults),
        }
    }

    fn checked_boundaries(&self, at: &impl Fn(&str) -> String, faults: &mut Faults) -> Option<FeatureKind> {
        let boundaries = self.boundaries.clone().unwrap_or_default();
        are_boundaries(&boundaries, at, faults).then_some(FeatureKind::Bucketised { boundaries })
    }

    fn checked_history(&self, at: &impl Fn(&str) -> String, faults: &mut Faults) -> Option<FeatureKind> {
        let of = self.of.clone().unwrap_or_default();
        if of.is_empty() {
            faults.push(at("of"), "[]", "a history names at least one item feature", "of = [\"item_id\"]");
        }
        if self.side != Side::User {
            faults.push(at("side"), "", "a history belongs to the user", "side = \"user\"");
        }
        let max_length = self.max_length.unwrap_or(50);
        if max_length == 0 {
            faults.push(at("max_length"), 0, "a history has at least one item", "max_length = 50");
        }
        (!of.is_empty() && max_length > 0).then(|| FeatureKind::History {
            of,
            max_length,
            shared: self.shared.unwrap_or(true),
        })
    }
}

/// Records a fault unless there are boundaries and they rise.
pub(super) fn are_boundaries(boundaries: &[f64], at: &impl Fn(&str) -> String, faults: &mut Faults) -> bool {
    let rising = boundaries.windows(2).all(|pair| pair[0] < pair[1]);
    let sound = !boundaries.is_empty() && rising && boundaries.iter().all(|boundary| boundary.is_finite());
    if !sound {
        let reason = "a bucketised feature needs finite, rising boundaries";
        faults.push(at("boundaries"), format!("{boundaries:?}"), reason, "boundaries = [18, 25, 35, 50]");
    }
    sound
}

/// What a feature would only refuse, or misread, once data is encoded.
fn check_values(feature: &FeatureSpec, at: &impl Fn(&str) -> String, faults: &mut Faults) {
    if let Some(default) = &feature.default
        && feature.list.is_none()
        && cell_fault(feature, default).is_some()
    {
        faults.push(at("default"), default, "not a number that the feature can read", "default = \"0\"");
    }
    if feature.list.as_ref().is_some_and(|list| list.weighted && list.separator == ':') {
        faults.push(
            at("list"),
            ":",
            "`:` stands between a value and its weight",
            "choose another separator, such as `|`",
        );
    }
    let FeatureKind::Vocabulary { values, .. } = &feature.kind else { return };
    let mut seen = BTreeSet::new();
    if let Some(twice) = values.iter().find(|value| !seen.insert(clean(value, feature.trim, feature.lowercase))) {
        let reason = "the vocabulary has this value already, after `trim` and `lowercase`";
        faults.push(at("values"), twice, reason, "every value may stand once");
    }
}
