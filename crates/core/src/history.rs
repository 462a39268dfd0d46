//! Histories, stored once per user: `histories.arrow`, one row a user.
//!
//! Columns: `user` Utf8, `items` List<UInt32> (item indices of the user's positives, oldest first), `times`
//! List<Int64>, and one nullable Utf8 column `f:<column>` for each raw user-side column (the last known value).
//! A sample points at (user, end position, skipped position); prefixes are never copied.

use crate::Result;
use std::path::Path;

/// The history table, memory-mapped.
#[derive(Debug, Clone)]
pub struct Histories {
    // batch, private; plus a map from user key to row, built when opened
}

impl Histories {
    /// Maps `histories.arrow`.
    pub fn open(_path: &Path) -> Result<Self> { todo!() }
    /// Wraps a batch that is in memory.
    pub fn from_batch(_batch: arrow_array::RecordBatch) -> Result<Self> { todo!() }
    /// A table without users.
    pub fn empty() -> Self { todo!() }
    /// Number of users.
    pub fn len(&self) -> usize { todo!() }
    /// True without users.
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    /// Row of a user key.
    pub fn find(&self, _user: &str) -> Option<u32> { todo!() }
    /// Key of a user.
    pub fn user(&self, _row: u32) -> &str { todo!() }
    /// All item indices of a user, oldest first.
    pub fn items(&self, _row: u32) -> &[u32] { todo!() }
    /// Times of [`Histories::items`], microseconds UTC.
    pub fn times(&self, _row: u32) -> &[i64] { todo!() }
    /// Last known raw value of a user-side column.
    pub fn raw(&self, _row: u32, _column: &str) -> Option<&str> { todo!() }
}
