//! `where`: a predicate of SQL on the cells of a row, for what the other rules cannot say.

use crate::bucket::Bucket;
use crate::sql::Expression;

/// The reason under which rows are counted for which it is not true.
pub(super) const WHERE: &str = "where";

/// The predicate, and the raw columns that it names, by their numbers.
pub(super) struct WantedRows {
    pub predicate: Expression,
    pub columns: Vec<usize>,
}

impl WantedRows {
    /// Whether each row stays.
    pub fn kept(&self, bucket: &Bucket) -> Vec<bool> {
        let cell = |column: usize, row: usize| bucket.raw(&bucket.rows[row], self.columns[column]);
        self.predicate.are_true(bucket.rows.len(), &cell)
    }
}
