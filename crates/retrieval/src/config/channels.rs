//! One checked channel, as it is also stored in `merge.json`.

use super::ChannelSection;
use crate::evaluate::{MERGED, POPULARITY};
use serde::{Deserialize, Serialize};
use twinspire_core::check::Faults;
use twinspire_core::schema::{FeatureKind, FeatureSchema, NumberForm, Side, WindowRule};

/// A checked channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChannelSpec {
    /// Unique name in answers and reports; name of its file.
    pub name: String,
    /// Part of the list, relative to the sum of all shares.
    pub share: f64,
    /// Order among channels, lower first.
    pub priority: u32,
    /// What it is.
    #[serde(flatten)]
    pub kind: ChannelKind,
}

/// What a channel is, with the settings of its kind; see [`ChannelSection`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChannelKind {
    /// Nearest item vectors.
    TwoTower,
    /// Neighbours of the items in a history.
    ItemCf {
        /// Kept for each item.
        neighbours: usize,
        /// Weight of a user with n items: n^-user_exponent.
        user_exponent: f64,
        /// Exponent of the product of both items' users.
        item_exponent: f64,
        /// Newest items of a history that are combined.
        history_length: usize,
        /// Newest training items of a user that make pairs.
        user_length: usize,
    },
    /// Most frequent items.
    Popular {
        /// Half-life of an event, in days; 0: none.
        half_life_days: f64,
    },
    /// Most frequent items for each value of a feature.
    PopularBy {
        /// User or context feature with one value.
        feature: String,
        /// Half-life of an event, in days; 0: none.
        half_life_days: f64,
    },
}

impl ChannelKind {
    /// Name of the kind, as in the config.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TwoTower => "two_tower",
            Self::ItemCf { .. } => "item_cf",
            Self::Popular { .. } => "popular",
            Self::PopularBy { .. } => "popular_by",
        }
    }
}

impl ChannelSection {
    /// The entry with its name filled in; nothing is checked yet.
    pub(super) fn to_spec(&self) -> ChannelSpec {
        let (name, share, priority, kind) = match self.clone() {
            Self::TwoTower { name, share, priority } => (name, share, priority, ChannelKind::TwoTower),
            Self::ItemCf {
                name,
                share,
                priority,
                neighbours,
                user_exponent,
                item_exponent,
                history_length,
                user_length,
            } => {
                let kind =
                    ChannelKind::ItemCf { neighbours, user_exponent, item_exponent, history_length, user_length };
                (name, share, priority, kind)
            }
            Self::Popular { name, share, priority, half_life_days } => {
                (name, share, priority, ChannelKind::Popular { half_life_days })
            }
            Self::PopularBy { name, share, priority, feature, half_life_days } => {
                (name, share, priority, ChannelKind::PopularBy { feature, half_life_days })
            }
        };
        ChannelSpec { name: name.unwrap_or_else(|| kind.name().to_owned()), share, priority, kind }
    }
}

impl ChannelSpec {
    /// Records the faults of entry `number`.
    pub(super) fn check(&self, number: usize, schema: &FeatureSchema, faults: &mut Faults) {
        let at = |key: &str| format!("channels.list[{number}].{key}");
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let named = (1..=64).contains(&self.name.len()) && self.name.bytes().all(allowed);
        faults.require(named, &at("name"), &self.name, "1 to 64 of a-z, 0-9, `_` and `-`");
        let is_free = ![MERGED, POPULARITY].contains(&self.name.as_str());
        faults.require(is_free, &at("name"), &self.name, "a row of every report has this name; choose another");
        faults.require((0.0..=1000.0).contains(&self.share), &at("share"), self.share, "0 to 1000");
        match &self.kind {
            ChannelKind::TwoTower => {}
            ChannelKind::ItemCf { neighbours, user_exponent, item_exponent, history_length, user_length } => {
                faults.require((1..=1000).contains(neighbours), &at("neighbours"), neighbours, "1 to 1000");
                faults.require((0.0..=2.0).contains(user_exponent), &at("user_exponent"), user_exponent, "0.0 to 2.0");
                faults.require((0.0..=1.0).contains(item_exponent), &at("item_exponent"), item_exponent, "0.0 to 1.0");
                faults.require((1..=1000).contains(history_length), &at("history_length"), history_length, "1 to 1000");
                faults.require((2..=100_000).contains(user_length), &at("user_length"), user_length, "2 to 100000");
            }
            ChannelKind::Popular { half_life_days } => check_half_life(&at("half_life_days"), *half_life_days, faults),
            ChannelKind::PopularBy { feature, half_life_days } => {
                check_half_life(&at("half_life_days"), *half_life_days, faults);
                let reason = format!("expected a feature that selects a list: {}", selecting(schema).join(", "));
                faults.require(selecting(schema).contains(&feature.as_str()), &at("feature"), feature, &reason);
            }
        }
    }
}

fn check_half_life(key: &str, days: f64, faults: &mut Faults) {
    faults.require((0.0..=1e6).contains(&days), key, days, "0 to 1000000; 0 counts all events alike");
}

/// Features of a query with exactly one encoded value.
fn selecting(schema: &FeatureSchema) -> Vec<&str> {
    let selects = |kind: &FeatureKind| match kind {
        FeatureKind::Hash { .. } | FeatureKind::Vocabulary { .. } | FeatureKind::Bucketised { .. } => true,
        FeatureKind::Window { rule: WindowRule::Number { form, .. }, .. } => matches!(form, NumberForm::Bucketised(_)),
        FeatureKind::Numeric { .. } | FeatureKind::History { .. } | FeatureKind::Window { .. } => false,
    };
    let features = schema.features().iter();
    let found =
        features.filter(|feature| feature.side != Side::Item && feature.list.is_none() && selects(&feature.kind));
    found.map(|feature| feature.name.as_str()).collect()
}
