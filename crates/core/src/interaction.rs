//! Cleaned events, as ingest hands them to the samples stage: `interactions/<day>/<file>/<part>.arrow`, one folder for
//! each log file.
//!
//! Columns: `user` Utf8 (the joined key; null without users), `item` Utf8, `time` Int64 (microseconds UTC; [`NO_TIME`]
//! without a time), `kind` UInt8 ([`EventKind`]), `event` UInt8 (number of the positive event in `input.event.positive`;
//! 0 where there is none), `part` UInt8 ([`Part`], for splits that the input decides), `row` UInt64 (number of the row in its file, from 0), `key` UInt64 (hash
//! of the user, or of file and row where there is none), and one nullable Utf8 column `f:<column>` for each raw column
//! that a feature or a rule needs from the log; a column that only features of the request read is null in rows that become no
//! sample. Rows ascend by [`slot`] of their key, then by `row`, so that the rows of some users
//! are one range of a table, whatever the number of buckets. A table has several parts ([`crate::table::MappedParts`]), none of
//! which ends within a slot; the metadata [`FIRST_SLOTS`] has the slot where each begins, as a JSON array, so that a
//! bucket maps its own rows only.

/// Number of slots that keys fall into; a bucket is a range of slots.
pub const SLOTS: usize = 4_096;

/// Key of the metadata of a table that says where its parts begin.
pub const FIRST_SLOTS: &str = "first_slots";

/// Slot of a key, below [`SLOTS`].
pub fn slot(key: u64) -> usize {
    (key >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

/// Stands for "no time" in the `time` column.
pub const NO_TIME: i64 = i64::MIN;

/// Rows of one input file are numbered from 0 below this.
pub const ROWS_OF_A_FILE: u64 = 1 << 40;

/// What a row says of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum EventKind {
    /// It was shown and not chosen, or its label is negative.
    Impression = 0,
    /// It was chosen.
    Positive = 1,
    /// It was refused: an explicit dislike.
    Rejected = 2,
}

impl EventKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Impression, Self::Positive, Self::Rejected];

    /// The kind of a number, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// True for a positive.
    pub fn is_positive(self) -> bool {
        self == Self::Positive
    }
}

/// Which part of the data a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Part {
    /// Fits the model.
    Train = 0,
    /// Chooses settings and stops training.
    Validation = 1,
    /// Judges once.
    Test = 2,
}

impl Part {
    /// Name of the folder and of the report row.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}
