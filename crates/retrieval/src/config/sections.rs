//! The sections as they are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which held-out part judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgedPart {
    /// The part that chooses settings.
    Validation,
    /// The part that judges once.
    Test,
}

/// How a bundle is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateSection {
    /// Lengths of the lists that are judged, each 1 to 1000.
    pub k: Vec<usize>,
    /// Which part judges: `validation` or `test`; without it `test` if it has queries, else `validation`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<JudgedPart>,
    /// Leave the items of a query's history out of its lists; true or false.
    pub leave_out_seen: bool,
    /// Resamples of the queries behind each confidence interval, 0 (no intervals) or 100 to 10000.
    pub resamples: usize,
}

impl Default for EvaluateSection {
    fn default() -> Self {
        Self { k: vec![10, 20, 50, 100], part: None, leave_out_seen: true, resamples: 1000 }
    }
}

/// The channels and how their lists become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChannelsSection {
    /// Leave the items of the user's history out of the answer; true or false.
    pub leave_out_seen: bool,
    /// What every candidate must be: a filter as in a request, as JSON, such as `{"range": {"price": {"lt": 100}}}`; absent when every available item may come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// One entry a channel, as `[[channels.list]]`; by default `two_tower`, `item_cf` and `popular`.
    pub list: Vec<ChannelSection>,
}

/// One `[[channels.list]]` entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChannelSection {
    /// Items whose vectors are nearest to the user's.
    TwoTower {
        /// Name in answers and reports; the kind by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Part of the list, relative to the sum of all shares, 0 to 1000; 0 only fills gaps.
        #[serde(default = "share")]
        share: f64,
        /// Order among channels, 1 before 2: who gives an item first and who fills gaps first.
        #[serde(default = "priority")]
        priority: u32,
    },
    /// Neighbours of the items in the user's history, by co-occurrence in training histories.
    ItemCf {
        /// Name in answers and reports; the kind by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Part of the list, relative to the sum of all shares, 0 to 1000; 0 only fills gaps.
        #[serde(default = "share")]
        share: f64,
        /// Order among channels, 1 before 2: who gives an item first and who fills gaps first.
        #[serde(default = "priority")]
        priority: u32,
        /// Neighbours that are kept for each item, 1 to 1000.
        #[serde(default = "neighbours")]
        neighbours: usize,
        /// A user with n items counts n^-user_exponent in each pair, 0.0 to 2.0; 0.0: all users count alike.
        #[serde(default = "half")]
        user_exponent: f64,
        /// A pair is divided by (users of one item · users of the other)^item_exponent, 0.0 to 1.0; 0.5 is the cosine.
        #[serde(default = "half")]
        item_exponent: f64,
        /// Newest items of a history that are combined when a query is answered, 1 to 1000.
        #[serde(default = "history_length")]
        history_length: usize,
        /// Newest training items of a user that make pairs, 2 to 100000; bounds the work for hyperactive users.
        #[serde(default = "user_length")]
        user_length: usize,
    },
    /// The most frequent items of the training part.
    Popular {
        /// Name in answers and reports; the kind by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Part of the list, relative to the sum of all shares, 0 to 1000; 0 only fills gaps.
        #[serde(default = "share")]
        share: f64,
        /// Order among channels, 1 before 2: who gives an item first and who fills gaps first.
        #[serde(default = "priority")]
        priority: u32,
        /// Days before the last training event after which an event counts half; 0.0: all count alike.
        #[serde(default = "half_life_days")]
        half_life_days: f64,
    },
    /// The most frequent items of the training part for each value of a user or context feature.
    PopularBy {
        /// Name in answers and reports; the kind by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Part of the list, relative to the sum of all shares, 0 to 1000; 0 only fills gaps.
        #[serde(default = "share")]
        share: f64,
        /// Order among channels, 1 before 2: who gives an item first and who fills gaps first.
        #[serde(default = "priority")]
        priority: u32,
        /// Name of a user or context feature with one value: hash, vocabulary or bucketised, without `list`.
        feature: String,
        /// Days before the last training event after which an event counts half; 0.0: all count alike.
        #[serde(default = "half_life_days")]
        half_life_days: f64,
    },
}

fn share() -> f64 {
    1.0
}
fn priority() -> u32 {
    1
}
fn neighbours() -> usize {
    200
}
fn half() -> f64 {
    0.5
}
fn history_length() -> usize {
    100
}
fn user_length() -> usize {
    1000
}
fn half_life_days() -> f64 {
    30.0
}

impl Default for ChannelsSection {
    fn default() -> Self {
        let two_tower = ChannelSection::TwoTower { name: None, share: 6.0, priority: 1 };
        let item_cf = ChannelSection::ItemCf {
            name: None,
            share: 3.0,
            priority: 2,
            neighbours: neighbours(),
            user_exponent: half(),
            item_exponent: half(),
            history_length: history_length(),
            user_length: user_length(),
        };
        let half_life_days = half_life_days();
        let popular = ChannelSection::Popular { name: None, share: 1.0, priority: 3, half_life_days };
        Self { leave_out_seen: true, filter: None, list: vec![two_tower, item_cf, popular] }
    }
}
