//! The `[input]` section as it is written.

use super::{AttributeSection, AvailableSection, Format};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the logs are and what their columns mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InputSection {
    /// Path of the logs, relative to the config file or to `--data DIR`. `{date}` stands for the day of a dated folder or file; `*` and `?` match inside the last parts. Endings `.gz` and `.zst` are decompressed.
    pub path: String,
    /// How `{date}` is written, as a strftime pattern such as `%Y-%m-%d` or `%Y%m%d`.
    pub date_format: String,
    /// Length of the window in days, counted back from its last day; 1 or more. Without it, up to 30 days of dated logs are read, and all rows of undated ones. `--days` overrides it.
    pub days: Option<u32>,
    /// How the rows of the log are written: `delimited` (CSV, TSV), `jsonl`, `tfrecord` (of `tf.train.Example`) or `parquet`. Without it the ending of each file says so, before `.gz` or `.zst`: `.jsonl`, `.ndjson`, `.json`, `.tfrecord`, `.tfrecords`, `.parquet`; any other is delimited. Side tables always go by their endings.
    pub format: Option<Format>,
    /// The first line of each log file names the columns; true or false. Only delimited files have such a line.
    pub header: bool,
    /// Names of the columns of a delimited log file without header, in their order. For `jsonl` and `tfrecord`: columns that the first MiB of the first file may lack.
    pub columns: Vec<String>,
    /// Character between two cells of delimited files: one ASCII character, such as `,`, `;` or a tab. Without it, a tab in `.tsv` files and a comma in all others.
    pub delimiter: Option<char>,
    /// Largest share of rejected rows a file may have before the run stops; 0.0 to 1.0.
    pub max_reject_ratio: f64,
    /// Corrupt records that a file may have before the run stops, 0 or more: those of a TFRecord file whose checksum is wrong or whose end is cut.
    pub max_corrupt_records: u64,
    /// Files, or a pattern, of rejected rows that were corrected by hand, relative like `path`: lines of a `rejects.jsonl` whose `row` was corrected. Each takes the place of the rejected row; an empty `row` leaves it out.
    pub corrections: Option<String>,
    /// Column that names the user, or a list of columns that are joined to one key; absent when nobody is identified.
    pub user: Option<UserColumns>,
    /// Column that names the item.
    pub item: String,
    /// Column that holds the time of the row; absent when there is none.
    pub time: Option<TimeSection>,
    /// Column that names the event, and which events are positives; not together with `label`.
    pub event: Option<EventSection>,
    /// Column that holds a label or a rating; not together with `event`. With neither, every row is a positive.
    pub label: Option<LabelSection>,
    /// Joins positives to the impressions that led to them, where both are rows of their own; needs `event`. Absent when each row says whether its impression was clicked.
    pub join: Option<JoinSection>,
    /// Columns that are computed from the cells of a row of the log, each an expression of SQL. Features and rules on several rows name them like others; a request gives their values itself. Needs a build with the feature `sql`.
    pub derived: Vec<DerivedSection>,
    /// Side table of items: extra items of the corpus, and item features. If it is delimited, it has a header line and the delimiter of the log.
    pub items: Option<ItemsSection>,
    /// Side table of users: user features. If it is delimited, it has a header line and the delimiter of the log.
    pub users: Option<UsersSection>,
}

impl Default for InputSection {
    fn default() -> Self {
        Self {
            path: String::new(),
            date_format: "%Y-%m-%d".into(),
            days: None,
            format: None,
            header: true,
            columns: Vec::new(),
            delimiter: None,
            max_reject_ratio: 0.01,
            max_corrupt_records: 0,
            corrections: None,
            user: None,
            item: "item".into(),
            time: None,
            event: None,
            label: None,
            join: None,
            derived: Vec::new(),
            items: None,
            users: None,
        }
    }
}

/// One column, or several that are joined to a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum UserColumns {
    /// The key is the cell.
    One(String),
    /// The key is the cells joined with `|`.
    Several(Vec<String>),
}

impl UserColumns {
    /// The columns, in their order.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name.clone()],
            Self::Several(names) => names.clone(),
        }
    }
}

impl Default for UserColumns {
    fn default() -> Self {
        Self::One("user".into())
    }
}

/// The time of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeSection {
    /// Column that holds the time.
    pub column: String,
    /// How the time is written: `auto`, `seconds`, `milliseconds`, `microseconds`, `rfc3339`, `order` (any integer that only orders the rows), or a strptime pattern such as `%Y-%m-%d %H:%M:%S`.
    pub format: String,
    /// Time zone in which times without offset are read, and whose midnights divide the days of `by_date`, of `--date` and `--days`, and of `{date}` in `input.path`: an IANA name such as `UTC` or `Asia/Shanghai`. A time with an offset and a number since 1970 are moments already; only their day follows the zone.
    pub zone: String,
}

impl Default for TimeSection {
    fn default() -> Self {
        Self { column: "time".into(), format: "auto".into(), zone: "UTC".into() }
    }
}

/// Which events are positives, and which are rejections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventSection {
    /// Column that names the event.
    pub column: String,
    /// Events that are positives: a list such as `["click"]`, or a table of weights in the loss such as `{ click = 1.0, cart = 3.0, buy = 10.0 }`, each above 0.
    pub positive: PositiveEvents,
    /// Events that refuse the item, such as `["dislike"]`. All that are in neither list are impressions.
    pub rejected: Vec<String>,
}

/// Positive events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PositiveEvents {
    /// Each has the weight 1.
    Named(Vec<String>),
    /// Each has a weight of its own.
    Weighted(BTreeMap<String, f32>),
}

impl PositiveEvents {
    /// Names and weights; those of a list in its order, those of a table by name.
    pub fn weights(&self) -> Vec<(String, f32)> {
        match self {
            Self::Named(names) => names.iter().map(|name| (name.clone(), 1.0)).collect(),
            Self::Weighted(weights) => weights.iter().map(|(name, &weight)| (name.clone(), weight)).collect(),
        }
    }
}

impl Default for PositiveEvents {
    fn default() -> Self {
        Self::Named(vec!["click".into()])
    }
}

impl Default for EventSection {
    fn default() -> Self {
        Self { column: "event".into(), positive: PositiveEvents::default(), rejected: Vec::new() }
    }
}

/// How a label is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LabelSection {
    /// Column that holds the label.
    pub column: String,
    /// Least value of a positive, such as 4.0 for ratings of 1 to 5. Without it the value must be 0 or 1.
    pub at_least: Option<f64>,
    /// Greatest value of a rejection, such as 2.0; below `at_least`, which must be set. Values between the two are impressions.
    pub rejected_at_most: Option<f64>,
}

impl Default for LabelSection {
    fn default() -> Self {
        Self { column: "label".into(), at_least: None, rejected_at_most: None }
    }
}

/// What becomes of a positive without an impression.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    /// It stays a positive.
    #[default]
    Keep,
    /// It is left out.
    Drop,
}

/// How positives find their impressions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JoinSection {
    /// Column of the request that an impression and its positive share. Without it, user and item are enough; without `input.user` it is needed.
    pub request: Option<String>,
    /// Longest time from an impression to its positive: a whole number and `s`, `m`, `h` or `d`, such as `1h`.
    pub horizon: String,
    /// What becomes of a positive without an impression: `keep` or `drop` (counted as `without_impression`).
    pub unmatched: Unmatched,
}

impl Default for JoinSection {
    fn default() -> Self {
        Self { request: None, horizon: "1h".into(), unmatched: Unmatched::Keep }
    }
}

/// A column that is computed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DerivedSection {
    /// Its name, which no column of the log has.
    pub name: String,
    /// An expression of SQL over the columns of the log, such as `CASE WHEN dwell > 30 THEN 'long' ELSE 'short' END`. A cell is text, and an empty one is NULL; NULL, what is no finite number, and text above 4 KiB become an empty cell.
    pub expression: String,
}

/// A side table of items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ItemsSection {
    /// Path of the file, relative like `input.path`.
    pub path: String,
    /// Column that names the item.
    pub item: String,
    /// Column that holds the moment from which a row is true, where an item has several rows; absent when it has one.
    pub time: Option<TimeSection>,
    /// Columns by which requests may filter candidates, each a table such as `{ column = "price", kind = "number" }`. The newest row of an item counts.
    pub attributes: Vec<AttributeSection>,
    /// Column that says whether an item may be recommended; without it, all may. An item that may not is never a candidate, but trains and keeps its vector.
    pub available: Option<AvailableSection>,
}

impl Default for ItemsSection {
    fn default() -> Self {
        Self { path: String::new(), item: "item".into(), time: None, attributes: Vec::new(), available: None }
    }
}

/// A side table of users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UsersSection {
    /// Path of the file, relative like `input.path`.
    pub path: String,
    /// Column, or columns, that name the user: as many as `input.user` has.
    pub user: UserColumns,
    /// Column that holds the moment from which a row is true, where a user has several rows; absent when she has one.
    pub time: Option<TimeSection>,
}
