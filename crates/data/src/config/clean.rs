//! The `[clean]` section as it is written.

use super::UserColumns;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which rows are left out before samples are made. The rules are applied in the order of these keys, and each counts what it leaves out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CleanSection {
    /// Leaves out rows whose flag says that nobody saw the item; counted as `never_shown`.
    pub never_shown: Option<NeverShownSection>,
    /// Leaves out rows whose dwell time lies outside a range; counted as `dwell_out_of_range`.
    pub dwell: Option<RangeSection>,
    /// Leaves out rows whose position on the page lies outside a range; counted as `position_out_of_range`.
    pub position: Option<RangeSection>,
    /// Leaves out rows that were written more than once. Needs `input.user`; counted as `duplicate`.
    pub drop_duplicates: Option<DuplicatesSection>,
    /// Leaves out rows whose key stands in a file; counted as `denied(by)`.
    pub deny: Vec<DenySection>,
    /// Leaves out the rows of a key in every window of time in which it has too many; counted as `rate(by, window)`.
    pub rate: Vec<RateSection>,
    /// Leaves out the rows of a key that too many users share, such as one device; counted as `users(by)`.
    pub users: Vec<SharedSection>,
    /// Leaves out the rows of a key whose share of positives is too high to be human; counted as `click_rate(by)`.
    pub click_rate: Vec<ClickRateSection>,
    /// Leaves out impressions below the lowest positive of their request, since nobody knows whether they were seen; counted as `not_seen`.
    pub skip_above: Option<SkipAboveSection>,
    /// Leaves out rows for which this SQL predicate is not true, NULL and failures included; counted as `where`. Its columns are those of the log, as text; an empty cell is NULL, and text that meets a number is read as one. Needs a build with the feature `sql`.
    #[serde(rename = "where")]
    pub predicate: Option<String>,
}

/// A flag that tells impressions apart that were never on a screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NeverShownSection {
    /// Column of the flag.
    pub column: String,
    /// Its values for "never shown".
    pub values: Vec<String>,
}

impl Default for NeverShownSection {
    fn default() -> Self {
        Self { column: "shown".into(), values: vec!["0".into(), "false".into()] }
    }
}

/// A range of numbers. An empty cell is in every range; text that is no number is a rejected row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RangeSection {
    /// Column of the number.
    pub column: String,
    /// Least number that stays; without it there is none.
    pub at_least: Option<f64>,
    /// Greatest number that stays; without it there is none.
    pub at_most: Option<f64>,
}

/// What makes a row one that was written before. Rows of different users or kinds (positive, impression, rejection) are never the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DuplicatesSection {
    /// Column, or columns, in which rows of one user and kind must be equal; of equal ones the first stays. Without it, the item and the time.
    pub by: Option<UserColumns>,
}

/// A list of keys whose rows are not wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DenySection {
    /// Column, or columns, of the key; without it, the user.
    pub by: Option<UserColumns>,
    /// Path of a text file with one key a line, relative like `input.path`; the parts of a key of several columns are joined with `|`.
    pub path: String,
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Every row.
    #[default]
    Rows,
    /// Positives.
    Positives,
}

/// A cap on the rows of a key in a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RateSection {
    /// Column, or columns, of the key; without it, the user.
    pub by: Option<UserColumns>,
    /// Length of a window: a whole number and `s`, `m`, `h` or `d`, such as `1h`. Windows follow each other from 1970-01-01 UTC.
    pub window: String,
    /// What is counted: `rows` or `positives`.
    pub count: Counted,
    /// Most that a window may have; 1 or more.
    pub at_most: u64,
}

impl Default for RateSection {
    fn default() -> Self {
        Self { by: None, window: "1h".into(), count: Counted::Rows, at_most: 1_000 }
    }
}

/// A cap on the users of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SharedSection {
    /// Column, or columns, of the key.
    pub by: UserColumns,
    /// Most users that may share it; 1 or more.
    pub at_most: u64,
}

impl Default for SharedSection {
    fn default() -> Self {
        Self { by: UserColumns::One("device".into()), at_most: 100 }
    }
}

/// A cap on the share of positives of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClickRateSection {
    /// Column, or columns, of the key; without it, the user.
    pub by: Option<UserColumns>,
    /// Highest share of positives that is believed; above 0.0, below 1.0.
    pub at_most: f64,
    /// Keys with fewer rows are not judged; 1 or more.
    pub least_rows: u64,
}

impl Default for ClickRateSection {
    fn default() -> Self {
        Self { by: None, at_most: 0.5, least_rows: 100 }
    }
}

/// Columns that say what was shown above what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SkipAboveSection {
    /// Column of the request that the rows of one page share.
    pub request: String,
    /// Column of the position on the page; smaller is higher. Rows without a position, or with text that is no number, are never left out.
    pub position: String,
}

impl Default for SkipAboveSection {
    fn default() -> Self {
        Self { request: "request".into(), position: "position".into() }
    }
}
