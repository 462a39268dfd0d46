//! What is kept of the lists while they are made: where the true items stood, and how often each item was shown.
//!
//! In: lists, a block of queries at a time, from several threads. Out: one [`Tally`] for each way of making lists. Every
//! figure follows from it, and two bytes a true item are all that it costs.

use super::Truth;
use super::figures::{FigureTable, Scorer};
use super::impressions::Impressions;
use crate::error::Result;
use rayon::prelude::*;
use std::ops::Range;

/// The place of a true item that is not in the list.
pub(super) const MISSED: u16 = u16::MAX;

/// One list a query, best first, each item once.
pub(super) type Lists = Vec<Vec<u32>>;

/// What the lists of one way had.
#[derive(Debug)]
pub(super) struct Tally {
    /// The place of every true item of every query, from 0, in the order of the truth; or [`MISSED`].
    pub places: Vec<u16>,
    /// What was shown.
    pub impressions: Impressions,
}

impl Tally {
    /// The figures of each query, with the truth that `counts` (row, item) leaves; a query without any is left out.
    pub fn table(&self, truth: Truth<'_>, scorer: &Scorer, counts: impl Fn(usize, u32) -> bool) -> FigureTable {
        let (columns, mut start) = (scorer.columns(), 0);
        let (mut values, mut hits) = (Vec::new(), Vec::new());
        for row in 0..truth.len() {
            let items = truth.of(row);
            let places = &self.places[start..start + items.len()];
            start += items.len();
            let mut counted = 0;
            hits.clear();
            for (_, &place) in items.iter().zip(places).filter(|(item, _)| counts(row, **item)) {
                counted += 1;
                hits.extend((place != MISSED).then_some(place));
            }
            if counted > 0 {
                hits.sort_unstable();
                let first = values.len();
                values.resize(first + columns, 0.0);
                scorer.score(&hits, counted, &mut values[first..]);
            }
        }
        FigureTable { names: scorer.names().collect(), values }
    }
}

/// Who makes lists, and how they are cut.
pub(super) struct Tallier<'a> {
    pub truth: Truth<'a>,
    /// Lengths of the judged lists, ascending.
    pub lengths: &'a [usize],
    /// Items in the corpus.
    pub items: usize,
    /// Queries of one unit of work. No figure depends on it.
    pub block: usize,
}

impl Tallier<'_> {
    /// Tallies `ways` ways of making lists; `make` gets rows of the query table and returns one [`Lists`] a way.
    pub fn tally(&self, ways: usize, make: impl Fn(Range<usize>) -> Result<Vec<Lists>> + Sync) -> Result<Vec<Tally>> {
        let queries = self.truth.len();
        let impressions: Vec<Impressions> = (0..ways).map(|_| Impressions::new(self.lengths, self.items)).collect();
        let blocks: Result<Vec<Vec<Vec<u16>>>> = (0..queries.div_ceil(self.block))
            .into_par_iter()
            .map(|block| {
                let rows = block * self.block..((block + 1) * self.block).min(queries);
                let lists = make(rows.clone())?;
                lists.iter().zip(&impressions).for_each(|(lists, seen)| lists.iter().for_each(|list| seen.see(list)));
                Ok(lists.iter().map(|lists| self.places(rows.clone(), lists)).collect())
            })
            .collect();
        let mut places = vec![Vec::with_capacity(self.truth.count()); ways];
        for block in blocks? {
            places.iter_mut().zip(block).for_each(|(all, more)| all.extend(more));
        }
        let tallies = places.into_iter().zip(impressions);
        Ok(tallies.map(|(places, impressions)| Tally { places, impressions }).collect())
    }

    fn places(&self, rows: Range<usize>, lists: &Lists) -> Vec<u16> {
        let longest = self.lengths.last().copied().unwrap_or(0);
        let mut places = Vec::new();
        for (row, list) in rows.zip(lists) {
            let (truth, start) = (self.truth.of(row), places.len());
            places.resize(start + truth.len(), MISSED);
            for (item, place) in list.iter().take(longest).zip(0..) {
                if let Ok(position) = truth.binary_search(item) {
                    places[start + position] = place;
                }
            }
        }
        places
    }
}
