//! When training warns or stops because its vectors collapse: `[train.alarms]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinspire_core::check::Faults;

/// Signs of a model whose vectors collapse. They are looked at after each epoch, and decide nothing of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmsSection {
    /// Steps between two more looks, inside an epoch, at all but `hot_share`; 0: none.
    pub every: u32,
    /// Steps before the first alarm: vectors of random towers lie close together; 0 or more. Without it the first epoch raises none,
    /// whose mean loss holds their start, or its first 1000 steps where it has more.
    pub warm_up_steps: Option<u64>,
    /// Samples of the training part whose user vectors are looked at, drawn by the seed; 2 to 10000.
    pub users: u32,
    /// Mean cosine between two user vectors: 1 where all users are one.
    pub mean_cosine: MeanCosineSection,
    /// Number of directions in which user vectors differ.
    pub effective_rank: EffectiveRankSection,
    /// Share of the places of top lists that the hottest 1 % of items take.
    pub hot_share: HotShareSection,
    /// Training loss as a share of that of a model which knows nothing, such as ln(N) of a softmax over N items.
    pub loss_share: LossShareSection,
}

impl Default for AlarmsSection {
    fn default() -> Self {
        Self {
            every: 0,
            warm_up_steps: None,
            users: 512,
            mean_cosine: MeanCosineSection::default(),
            effective_rank: EffectiveRankSection::default(),
            hot_share: HotShareSection::default(),
            loss_share: LossShareSection::default(),
        }
    }
}

/// What an alarm does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmAction {
    /// Nothing.
    Off,
    /// Says so, and training goes on.
    #[default]
    Warn,
    /// Ends training with exit code 4; a checkpoint is kept.
    Stop,
}

/// Mean cosine between two user vectors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MeanCosineSection {
    /// The alarm is raised above it; -1.0 to 1.0.
    pub above: f64,
    /// What the alarm does: `off`, `warn` or `stop`.
    pub action: AlarmAction,
}

impl Default for MeanCosineSection {
    fn default() -> Self {
        Self { above: 0.9, action: AlarmAction::default() }
    }
}

/// Number of directions in which user vectors differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EffectiveRankSection {
    /// The alarm is raised below it; 0.0 to 1024.0.
    pub below: f64,
    /// What the alarm does: `off`, `warn` or `stop`.
    pub action: AlarmAction,
}

impl Default for EffectiveRankSection {
    fn default() -> Self {
        Self { below: 1.5, action: AlarmAction::default() }
    }
}

/// Share of the places of top lists that the hottest 1 % of items take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HotShareSection {
    /// The alarm is raised above it; 0.0 to 1.0.
    pub above: f64,
    /// Length of the lists; shorter where fewer items are hot. 1 to 1000.
    pub k: u32,
    /// What the alarm does: `off`, `warn` or `stop`.
    pub action: AlarmAction,
}

impl Default for HotShareSection {
    fn default() -> Self {
        Self { above: 0.8, k: 20, action: AlarmAction::default() }
    }
}

/// Training loss as a share of that of a model which knows nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LossShareSection {
    /// The alarm is raised above it; above 0.0.
    pub above: f64,
    /// What the alarm does: `off`, `warn` or `stop`.
    pub action: AlarmAction,
}

impl Default for LossShareSection {
    fn default() -> Self {
        Self { above: 0.99, action: AlarmAction::default() }
    }
}

pub(super) fn check_alarms(section: &AlarmsSection, faults: &mut Faults) {
    let users = section.users;
    faults.require((2..=10_000).contains(&users), "train.alarms.users", users, "2 to 10000");
    let above = section.mean_cosine.above;
    faults.require((-1.0..=1.0).contains(&above), "train.alarms.mean_cosine.above", above, "-1.0 to 1.0");
    let below = section.effective_rank.below;
    faults.require((0.0..=1024.0).contains(&below), "train.alarms.effective_rank.below", below, "0.0 to 1024.0");
    let HotShareSection { above, k, .. } = section.hot_share;
    faults.require((0.0..=1.0).contains(&above), "train.alarms.hot_share.above", above, "0.0 to 1.0");
    faults.require((1..=1000).contains(&k), "train.alarms.hot_share.k", k, "1 to 1000");
    let above = section.loss_share.above;
    let sound = above.is_finite() && above > 0.0;
    faults.require(sound, "train.alarms.loss_share.above", above, "a finite number above 0");
}
