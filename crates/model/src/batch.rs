//! Samples as training reads them: memory-mapped tables, rows by number.
//!
//! In: [`SampleSet`], histories and corpus. Out: rows for the towers. Beyond the maps, it holds one `u32` a sample.

use crate::input::{Row, RowSource};
use crate::kernel::{LINE, prefetch};
use std::ops::Range;
use twinspire_core::encode::EncodedView;
use twinspire_core::history::Histories;
use twinspire_core::items::ItemTable;
use twinspire_core::sample::{SampleSet, SampleTable};

/// The columns of one table.
struct TableView<'a> {
    table: &'a SampleTable,
    users: EncodedView<'a>,
    items: Option<EncodedView<'a>>,
    /// Ids of single fields, and how many a row has, divided once a table and not once a row: those of the user, and the sample's
    /// own of the item.
    ids: [(&'a [u32], usize); 2],
    /// Weights of the rows, if any is not 1: a column that says nothing is memory that every row waits for.
    weights: Option<&'a [f32]>,
}

/// All samples of a part, with what they point at.
pub(crate) struct Samples<'a> {
    tables: Vec<TableView<'a>>,
    /// Rows before each table; one longer than `tables`.
    starts: Vec<u32>,
    /// Nothing where no feature reads a history: then its columns are not touched.
    histories: Option<&'a Histories>,
    /// Features of the corpus.
    corpus: EncodedView<'a>,
}

/// The columns of a sample that are not features.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) item: u32,
    pub(crate) label: f32,
    pub(crate) weight: f32,
}

/// Whose event a sample is, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// Row of the history table, or MISSING.
    pub(crate) user: u32,
    /// Microseconds UTC.
    pub(crate) time: i64,
    /// Length of the history as of the event.
    pub(crate) history_end: u32,
}

impl<'a> Samples<'a> {
    /// The samples of a part. There must be fewer than 2^32 of them.
    pub(crate) fn new(set: &'a SampleSet, histories: Option<&'a Histories>, items: &'a ItemTable) -> Self {
        let mut samples = Self { tables: Vec::new(), starts: vec![0], histories, corpus: items.features() };
        for table in set.tables() {
            samples.push(table);
        }
        samples
    }

    /// One table, such as the queries of a part.
    pub(crate) fn of_table(table: &'a SampleTable, histories: Option<&'a Histories>, items: &'a ItemTable) -> Self {
        let mut samples = Self { tables: Vec::new(), starts: vec![0], histories, corpus: items.features() };
        samples.push(table);
        samples
    }

    fn push(&mut self, table: &'a SampleTable) {
        self.starts.push((self.len() + table.len()) as u32);
        let (users, items) = (table.user_features(), table.item_features());
        let ids = [Some(&users), items.as_ref()]
            .map(|features| features.map_or((&[][..], 0), |own| (own.single, own.single.len() / own.rows.max(1))));
        let weights = Some(table.weights()).filter(|weights| weights.iter().any(|weight| *weight != 1.0));
        self.tables.push(TableView { table, users, items, ids, weights });
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0) as usize
    }

    /// Features of the corpus.
    pub(crate) fn corpus(&self) -> &EncodedView<'a> {
        &self.corpus
    }

    fn locate(&self, row: u32) -> (&TableView<'a>, usize) {
        let number = match self.tables.len() {
            1 => 0,
            _ => self.starts.partition_point(|&start| start <= row) - 1,
        };
        (&self.tables[number], (row - self.starts[number]) as usize)
    }

    /// Asks for the memory of samples that are read next: in the order of an epoch they lie anywhere, or, those of one history,
    /// one after another. The numbers of their items are read too if `numbered`, or where samples have no item features of their
    /// own.
    pub(crate) fn prefetch(&self, rows: &[u32], numbered: bool) {
        let begins_a_line = |at: usize| (rows[at] as usize).is_multiple_of(LINE);
        let lies_elsewhere = |at: usize| at == 0 || rows[at] != rows[at - 1] + 1 || begins_a_line(at);
        for at in (0..rows.len()).filter(|at| lies_elsewhere(*at)) {
            let (view, row) = self.locate(rows[at]);
            if self.histories.is_some() {
                let columns = [view.table.users(), view.table.history_end(), view.table.history_skip()];
                columns.into_iter().for_each(|column| prefetch(column, row));
            }
            if numbered || view.items.is_none() {
                prefetch(view.table.items(), row);
            }
            [Some(view.table.labels()), view.weights].into_iter().flatten().for_each(|column| prefetch(column, row));
            for (ids, width) in view.ids {
                // A row may begin in one cache line and end in the next.
                prefetch(ids, row * width);
                prefetch(ids, (row * width + width).saturating_sub(1));
            }
        }
    }

    /// Item, label and weight of a sample; inlined, so that what a caller does not use is not read.
    #[inline(always)]
    pub(crate) fn outcome(&self, row: u32) -> Outcome {
        let (view, row) = self.locate(row);
        let weight = view.weights.map_or(1.0, |weights| weights[row]);
        Outcome { item: view.table.items()[row], label: view.table.labels()[row], weight }
    }

    /// User and time of a sample.
    pub(crate) fn event(&self, row: u32) -> Event {
        let (view, row) = self.locate(row);
        let TableView { table, .. } = view;
        Event { user: table.users()[row], time: table.times()[row], history_end: table.history_end()[row] }
    }

    /// User and context features of a sample, with the history as of the event.
    #[inline]
    pub(crate) fn user(&self, row: u32) -> Row<'_> {
        let (view, row) = self.locate(row);
        let Some(histories) = self.histories else {
            return Row::of(&view.users, row);
        };
        let (user, end) = (view.table.users()[row], view.table.history_end()[row]);
        Row {
            features: &view.users,
            row,
            user,
            history: histories.before(user, end),
            skip: view.table.history_skip()[row],
        }
    }

    /// Times of that history, and of the event.
    pub(crate) fn times(&self, row: u32) -> (&[i64], i64) {
        let Event { user, time, history_end } = self.event(row);
        (self.histories.map_or(&[], |histories| histories.times_before(user, history_end)), time)
    }

    /// The sample's own item features where it has them, else those of its item in the corpus.
    pub(crate) fn item(&self, row: u32) -> Row<'_> {
        let (view, row) = self.locate(row);
        match &view.items {
            Some(features) => Row::of(features, row),
            None => self.corpus_item(view.table.items()[row]),
        }
    }

    /// An item of the corpus.
    pub(crate) fn corpus_item(&self, item: u32) -> Row<'_> {
        Row::of(&self.corpus, item as usize)
    }

    /// Numbers of all samples, or of those with label 1, ascending.
    pub(crate) fn numbers(&self, only_positives: bool) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..self.len() as u32).collect();
        if only_positives {
            numbers.retain(|&row| self.outcome(row).label > 0.5);
        }
        numbers
    }

    /// Samples with label 1 of each item of the corpus: how often it comes into the batches of an epoch. Where popular
    /// positives are down-sampled, that is less than the count of the item table, which is its popularity.
    pub(crate) fn positives_by_item(&self) -> Vec<u64> {
        let mut counts = vec![0; self.corpus.rows];
        self.numbers(true).into_iter().for_each(|row| counts[self.outcome(row).item as usize] += 1);
        counts
    }
}

/// Users of a chunk of samples.
pub(crate) struct UsersOf<'a>(pub(crate) &'a Samples<'a>, pub(crate) &'a [u32]);

impl RowSource for UsersOf<'_> {
    #[inline]
    fn row(&self, number: usize) -> Row<'_> {
        self.0.user(self.1[number])
    }

    fn ask(&self, rows: Range<usize>) {
        self.0.prefetch(&self.1[rows], true);
    }

    fn times(&self, number: usize) -> (&[i64], i64) {
        self.0.times(self.1[number])
    }
}

/// Items of a chunk of samples.
pub(crate) struct ItemsOf<'a>(pub(crate) &'a Samples<'a>, pub(crate) &'a [u32]);

impl RowSource for ItemsOf<'_> {
    fn row(&self, number: usize) -> Row<'_> {
        self.0.item(self.1[number])
    }
}

/// Items of the corpus by number.
pub(crate) struct CorpusItems<'a>(pub(crate) &'a Samples<'a>, pub(crate) &'a [u32]);

impl RowSource for CorpusItems<'_> {
    fn row(&self, number: usize) -> Row<'_> {
        self.0.corpus_item(self.1[number])
    }
}
