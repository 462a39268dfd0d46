//! What a query had seen and what it wanted. In: the query table and the histories. Out: item indices a row.

use crate::error::Result;
use crate::set::ItemSet;
use twinspire_core::CoreError;
use twinspire_core::history::Histories;
use twinspire_core::ids::MISSING;
use twinspire_core::query::PastItems;
use twinspire_core::sample::SampleTable;
use twinspire_core::table::ListView;

/// Queries of a held-out part.
#[derive(Debug, Clone, Copy)]
pub struct Truth<'a> {
    queries: &'a SampleTable,
    histories: &'a Histories,
    items: ListView<'a, u32>,
    candidates: Option<&'a ItemSet>,
}

/// A history that is owned: see [`PastItems`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    pub(super) items: Vec<u32>,
    pub(super) times: Vec<i64>,
    asked: i64,
}

impl Past {
    /// Borrowed.
    pub(crate) fn view(&self) -> PastItems<'_> {
        PastItems { items: &self.items, times: &self.times, asked: self.asked }
    }
}

impl<'a> Truth<'a> {
    /// `queries` are the rows of `queries/<part>.arrow`, whose references were checked; `histories` is where their
    /// histories lie.
    ///
    /// # Errors
    /// `Damaged` when the table has no true items.
    pub fn new(queries: &'a SampleTable, histories: &'a Histories) -> Result<Self> {
        let items = queries.truth().ok_or_else(|| CoreError::damaged("queries", "there is no column `truth`"))?;
        Ok(Self { queries, histories, items, candidates: None })
    }

    /// The same queries, of which only `candidates` may be found; without it, every item of the corpus. The true items
    /// stay what they are.
    pub fn among(self, candidates: Option<&'a ItemSet>) -> Self {
        Self { candidates, ..self }
    }

    /// What may be found.
    pub(super) fn candidates(&self) -> Option<&'a ItemSet> {
        self.candidates
    }

    /// The rows.
    pub(super) fn queries(&self) -> &'a SampleTable {
        self.queries
    }

    /// Number of queries.
    pub(super) fn len(&self) -> usize {
        self.queries.len()
    }

    /// True items of a query, ascending, each once.
    pub(super) fn of(&self, row: usize) -> &'a [u32] {
        self.items.row(row)
    }

    /// True items of all queries.
    pub(super) fn count(&self) -> usize {
        (0..self.len()).map(|row| self.of(row).len()).sum()
    }

    /// The history as of the query, with times.
    pub(crate) fn past(&self, row: usize) -> Past {
        let (user, end) = (self.queries.users()[row], self.queries.history_end()[row]);
        let (items, skip) = (self.history(row), self.queries.history_skip()[row]);
        let mut times = self.histories.times_before(user, end).to_vec();
        if skip != MISSING && (skip as usize) < times.len() {
            times.remove(skip as usize);
        }
        Past { items, times, asked: self.queries.times()[row] }
    }

    /// The items of the history as of the query, oldest first.
    pub(crate) fn history(&self, row: usize) -> Vec<u32> {
        let (user, end) = (self.queries.users()[row], self.queries.history_end()[row]);
        let mut items = self.histories.before(user, end).to_vec();
        let skip = self.queries.history_skip()[row];
        if skip != MISSING && (skip as usize) < items.len() {
            items.remove(skip as usize);
        }
        items
    }

    /// Lengths of all histories as of the queries.
    pub(super) fn history_lengths(&self) -> Vec<usize> {
        (0..self.len()).map(|row| self.history(row).len()).collect()
    }

    /// Key of the user of a query, if it has one.
    pub(super) fn user(&self, row: usize) -> Option<&'a str> {
        let user = self.queries.users()[row];
        (user != MISSING).then(|| self.histories.user(user))
    }

    /// What must not come back: the history, or nothing. Ascending, each item once.
    pub(super) fn excluded(&self, row: usize, leave_out_seen: bool) -> Vec<u32> {
        let mut items = if leave_out_seen { self.history(row) } else { Vec::new() };
        items.sort_unstable();
        items.dedup();
        items
    }
}
