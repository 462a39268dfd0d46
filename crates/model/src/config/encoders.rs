//! `[[model.encoders]]`: how the items of a history become one vector, one entry a history feature.

use super::ModelSection;
use super::activation::Activation;
use crate::sequence::Reading;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinspire_core::check::Faults;
use twinspire_core::schema::{FeatureKind, FeatureSchema, FeatureSpec, NumberForm, Side, WindowRule};

/// The encoder of one history feature, which stands in for its pooling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum EncoderSection {
    /// Transformer blocks.
    SelfAttention(SelfAttentionSection),
    /// A gated recurrent unit; its last state is the vector.
    Gru(GruSection),
    /// The deep interest network: items count as much as they go with a query.
    Din(DinSection),
    /// The deep interest evolution network: a GRU, and a second one that takes what goes with a query.
    Dien(DienSection),
    /// Several interests of a user, each of which is searched with.
    Interests(InterestsSection),
    /// A mean in which newer items count more.
    Recency(RecencySection),
}

/// Settings of `self_attention`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SelfAttentionSection {
    /// Name of the history feature.
    pub feature: String,
    /// Number of blocks; 1 to 16.
    pub blocks: u32,
    /// Number of heads, which divides the width of an item in the history; 1 or more.
    pub heads: u32,
    /// Width of the inner layer of a block; 1 to 4096.
    pub inner: u32,
    /// What bends the outputs of that layer: `relu` or `gelu` (its tanh form).
    #[serde(skip_serializing_if = "Activation::is_relu")]
    #[schemars(extend("default" = "relu"))]
    pub activation: Activation,
    /// Share of numbers that training drops, in the items, the attention and the results of both parts; 0.0 to below 1.0.
    pub dropout: f64,
    /// Where layers are normalised: `first` (what each part of a block reads, and the end) or `last` (what each part gives).
    pub norm: NormPlace,
    /// What an item's place adds to it: `age` (counted from the newest), `order` (counted from the oldest) or `none`.
    pub positions: Positions,
    /// How long after an item the next one came, or the query after the newest, adds a vector to it, one for each power of two
    /// of seconds; a request then has to send the times of its history; true or false.
    #[serde(skip_serializing_if = "is_off")]
    #[schemars(extend("default" = false))]
    pub time_gaps: bool,
    /// An item sees only itself and older ones; true or false.
    pub causal: bool,
    /// What becomes the vector of the history: `last` (the newest item) or `mean` (of all items).
    pub output: HistoryOutput,
}

impl Default for SelfAttentionSection {
    fn default() -> Self {
        Self {
            feature: String::new(),
            blocks: 1,
            heads: 1,
            inner: 64,
            activation: Activation::Relu,
            dropout: 0.2,
            norm: NormPlace::First,
            positions: Positions::Age,
            time_gaps: false,
            causal: true,
            output: HistoryOutput::Last,
        }
    }
}

/// What is as it was before there was a choice is not written: a model keeps its bytes.
fn is_off(setting: &bool) -> bool {
    !setting
}

/// Settings of `gru`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GruSection {
    /// Name of the history feature.
    pub feature: String,
    /// Share of numbers of the items that training drops; 0.0 to below 1.0.
    pub dropout: f64,
}

impl Default for GruSection {
    fn default() -> Self {
        Self { feature: String::new(), dropout: 0.2 }
    }
}

/// Settings of `din`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DinSection {
    /// Name of the history feature.
    pub feature: String,
    /// What the items are compared with: `last_click` (the newest item), `profile` (a linear layer over the other features
    /// of user and context) or `learned` (one vector for all users).
    pub attention_query: AttentionQuery,
    /// Width of the hidden layer of the unit that weighs an item; 1 to 4096.
    pub hidden: u32,
    /// The weights of the items sum up to 1; otherwise they are any numbers; true or false.
    pub softmax: bool,
    /// Share of numbers of the items that training drops; 0.0 to below 1.0.
    pub dropout: f64,
}

impl Default for DinSection {
    fn default() -> Self {
        let attention_query = AttentionQuery::LastClick;
        Self { feature: String::new(), attention_query, hidden: 32, softmax: false, dropout: 0.2 }
    }
}

/// Settings of `dien`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DienSection {
    /// Name of the history feature.
    pub feature: String,
    /// What the items are compared with: `last_click` (the newest item), `profile` (a linear layer over the other features
    /// of user and context) or `learned` (one vector for all users).
    pub attention_query: AttentionQuery,
    /// Weight of the auxiliary loss, in which every item of a history predicts the next one; 0 or more.
    pub auxiliary_weight: f64,
    /// Share of numbers of the items that training drops; 0.0 to below 1.0.
    pub dropout: f64,
}

impl Default for DienSection {
    fn default() -> Self {
        let attention_query = AttentionQuery::LastClick;
        Self { feature: String::new(), attention_query, auxiliary_weight: 1.0, dropout: 0.2 }
    }
}

/// Settings of `interests`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InterestsSection {
    /// Name of the history feature.
    pub feature: String,
    /// Interests of a user: vectors, of which an item is worth the nearest; 1 to 16.
    pub count: u32,
    /// Width of the hidden layer that looks for them; 1 to 4096.
    pub hidden: u32,
    /// What an item's place adds to what that layer reads: `age` (counted from the newest), `order` (counted from the oldest)
    /// or `none`.
    pub positions: Positions,
    /// Share of numbers of the items that training drops; 0.0 to below 1.0.
    pub dropout: f64,
}

impl Default for InterestsSection {
    fn default() -> Self {
        Self { feature: String::new(), count: 4, hidden: 64, positions: Positions::Age, dropout: 0.2 }
    }
}

/// What the items of a history are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttentionQuery {
    /// The newest item.
    LastClick,
    /// A linear layer over the other features of user and context.
    Profile,
    /// One vector for all users.
    Learned,
}

/// Settings of `recency`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RecencySection {
    /// Name of the history feature.
    pub feature: String,
    /// Items after which an item counts half as much; above 0.
    pub half_life: f64,
}

impl Default for RecencySection {
    fn default() -> Self {
        Self { feature: String::new(), half_life: 5.0 }
    }
}

/// Where a block normalises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormPlace {
    /// What each part reads.
    First,
    /// What each part gives.
    Last,
}

/// What an item's place adds to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Positions {
    /// A vector for every distance from the newest item.
    Age,
    /// A vector for every distance from the oldest item.
    Order,
    /// Nothing.
    None,
}

/// What becomes the vector of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HistoryOutput {
    /// The newest item.
    Last,
    /// The mean of all items.
    Mean,
}

impl EncoderSection {
    /// Name of the history feature.
    pub fn feature(&self) -> &str {
        match self {
            Self::SelfAttention(own) => &own.feature,
            Self::Gru(own) => &own.feature,
            Self::Din(own) => &own.feature,
            Self::Dien(own) => &own.feature,
            Self::Interests(own) => &own.feature,
            Self::Recency(own) => &own.feature,
        }
    }

    /// What becomes the vector of the history.
    pub(crate) fn reading(&self) -> Reading {
        match self {
            Self::SelfAttention(SelfAttentionSection { output: HistoryOutput::Mean, .. }) => Reading::Mean,
            Self::SelfAttention(_) | Self::Gru(_) | Self::Din(_) | Self::Dien(_) | Self::Interests(_) => Reading::Last,
            Self::Recency(own) => Reading::Recent { decay: 0.5f64.powf(1.0 / own.half_life) as f32 },
        }
    }

    /// Does an item see only older ones, so that all positions of a history can be read from one pass?
    pub fn is_causal(&self) -> bool {
        match self {
            Self::SelfAttention(own) => own.causal,
            Self::Gru(_) | Self::Din(_) | Self::Dien(_) | Self::Interests(_) | Self::Recency(_) => true,
        }
    }

    /// Vectors that it gives to a user.
    pub(super) fn interests(&self) -> u32 {
        match self {
            Self::Interests(own) => own.count,
            Self::SelfAttention(_) | Self::Gru(_) | Self::Din(_) | Self::Dien(_) | Self::Recency(_) => 1,
        }
    }
}

impl ModelSection {
    /// The encoder of a history feature.
    pub(crate) fn encoder_of(&self, feature: &str) -> Option<&EncoderSection> {
        self.encoders.iter().find(|encoder| encoder.feature() == feature)
    }
}

/// Checks `model.encoders`.
pub(super) fn check_encoders(model: &ModelSection, schema: &FeatureSchema, faults: &mut Faults) {
    for (number, section) in model.encoders.iter().enumerate() {
        let key = |name: &str| format!("model.encoders[{number}].{name}");
        let feature = section.feature();
        let found = schema.features().iter().find(|spec| spec.name == feature);
        let history = found.filter(|spec| matches!(spec.kind, FeatureKind::History { .. }));
        let is_first = model.encoders[..number].iter().all(|other| other.feature() != feature);
        let reason = "the name of a feature of kind `history`, each of which has at most one encoder";
        faults.require(history.is_some() && is_first, &key("feature"), feature, reason);
        let width = history.map(|spec| width(model, schema, spec));
        match section {
            EncoderSection::SelfAttention(own) => check_self_attention(own, width, key, faults),
            EncoderSection::Gru(own) => check_dropout(own.dropout, key, faults),
            EncoderSection::Din(own) => {
                check_dropout(own.dropout, key, faults);
                faults.require((1..=4096).contains(&own.hidden), &key("hidden"), own.hidden, "1 to 4096");
                check_query(own.attention_query, schema, &key("attention_query"), faults);
            }
            EncoderSection::Dien(own) => {
                check_dropout(own.dropout, key, faults);
                let sound = own.auxiliary_weight.is_finite() && own.auxiliary_weight >= 0.0;
                faults.require(sound, &key("auxiliary_weight"), own.auxiliary_weight, "a finite number, 0 or more");
                check_query(own.attention_query, schema, &key("attention_query"), faults);
            }
            EncoderSection::Interests(own) => {
                check_dropout(own.dropout, key, faults);
                faults.require((1..=16).contains(&own.count), &key("count"), own.count, "1 to 16");
                faults.require((1..=4096).contains(&own.hidden), &key("hidden"), own.hidden, "1 to 4096");
                let is_first = model.encoders[..number].iter().all(|other| other.interests() == 1);
                let reason = "1: another encoder has several already, and each needs its rows of the tower";
                faults.require(is_first || own.count <= 1, &key("count"), own.count, reason);
            }
            EncoderSection::Recency(own) => {
                let sound = own.half_life.is_finite() && own.half_life > 0.0;
                faults.require(sound, &key("half_life"), own.half_life, "a finite number above 0");
            }
        }
    }
}

fn check_self_attention(
    own: &SelfAttentionSection,
    width: Option<u32>,
    key: impl Fn(&str) -> String,
    faults: &mut Faults,
) {
    faults.require((1..=16).contains(&own.blocks), &key("blocks"), own.blocks, "1 to 16");
    faults.require((1..=4096).contains(&own.inner), &key("inner"), own.inner, "1 to 4096");
    check_dropout(own.dropout, &key, faults);
    let divides = own.heads > 0 && width.is_none_or(|width| width.is_multiple_of(own.heads));
    let reason = match width {
        Some(width) => format!("1 or more, a divisor of the width of an item in the history, which is {width}"),
        None => "1 or more".into(),
    };
    faults.require(divides, &key("heads"), own.heads, &reason);
}

/// A profile has columns of its own.
fn check_query(query: AttentionQuery, schema: &FeatureSchema, key: &str, faults: &mut Faults) {
    let is_profile = |spec: &FeatureSpec| spec.side != Side::Item && !matches!(spec.kind, FeatureKind::History { .. });
    let exists = query != AttentionQuery::Profile || schema.features().iter().any(is_profile);
    let reason = "`profile` needs a feature of user or context that is no history";
    faults.require(exists, key, "profile", reason);
}

fn check_dropout(dropout: f64, key: impl Fn(&str) -> String, faults: &mut Faults) {
    faults.require((0.0..1.0).contains(&dropout), &key("dropout"), dropout, "0.0 to below 1.0");
}

/// Columns of a tower's input.
pub(super) fn input_width(model: &ModelSection, schema: &FeatureSchema, of_item: bool) -> u32 {
    let own = schema.features().iter().filter(|feature| (feature.side == Side::Item) == of_item);
    own.map(|feature| width(model, schema, feature)).sum()
}

/// Columns of a feature in a tower's input.
fn width(model: &ModelSection, schema: &FeatureSchema, feature: &FeatureSpec) -> u32 {
    match &feature.kind {
        FeatureKind::Numeric { .. } => 1,
        FeatureKind::Window { rule: WindowRule::Number { form: NumberForm::Numeric(_), .. }, .. } => 1,
        FeatureKind::History { of, .. } => {
            let read = schema.features().iter().filter(|spec| spec.side == Side::Item && of.contains(&spec.name));
            read.map(|spec| width(model, schema, spec)).sum()
        }
        FeatureKind::Hash { .. }
        | FeatureKind::Vocabulary { .. }
        | FeatureKind::Bucketised { .. }
        | FeatureKind::Window { .. } => feature.dimension.unwrap_or(model.embedding_dimension),
    }
}
