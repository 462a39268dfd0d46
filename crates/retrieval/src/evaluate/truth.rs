//! What a query had seen and what it wanted. In: the query table and the histories. Out: item indices a row.

use crate::error::Result;
use twinspire_core::CoreError;
use twinspire_core::history::Histories;
use twinspire_core::ids::MISSING;
use twinspire_core::sample::SampleTable;

/// Queries of a held-out part.
#[derive(Debug, Clone, Copy)]
pub struct Truth<'a> {
    /// Rows of `queries/<part>.arrow`; their references were checked.
    pub queries: &'a SampleTable,
    /// Where their histories lie.
    pub histories: &'a Histories,
}

impl<'a> Truth<'a> {
    /// True items of a query, ascending.
    ///
    /// # Errors
    /// `Damaged` when the table has none.
    pub(super) fn of(&self, row: usize) -> Result<&'a [u32]> {
        let truth = self.queries.truth();
        Ok(truth.ok_or_else(|| CoreError::damaged("queries", "there is no column `truth`"))?.row(row))
    }

    /// True items of all queries.
    pub(super) fn count(&self) -> Result<usize> {
        (0..self.queries.len()).map(|row| Ok(self.of(row)?.len())).sum()
    }

    /// The history as of the query, oldest first.
    pub(super) fn history(&self, row: usize) -> Vec<u32> {
        let (user, end) = (self.queries.users()[row], self.queries.history_end()[row]);
        let mut items = self.histories.before(user, end).to_vec();
        let skip = self.queries.history_skip()[row];
        if skip != MISSING && (skip as usize) < items.len() {
            items.remove(skip as usize);
        }
        items
    }

    /// What must not come back: the history, or nothing. Ascending, each item once.
    pub(super) fn excluded(&self, row: usize, leave_out_seen: bool) -> Vec<u32> {
        let mut items = if leave_out_seen { self.history(row) } else { Vec::new() };
        items.sort_unstable();
        items.dedup();
        items
    }
}
