//! The most frequent items of the training part, overall or for each value of a feature.
//!
//! Score of an item: the sum over its training positives of 2^(-age / half-life), the age counted from the last
//! training event; without a half-life or without times, their number. The overall list has every item of the corpus.
//! A list for a value has the items with a positive at that value, all of them, since a filter may want any; a query whose value is missing or has no
//! list gets the overall one.

use super::lists::{KeyedLists, RankedLists, contains, kept};
use super::positives::Positives;
use super::{RecallChannel, RecallQueries};
use crate::error::Result;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::ids::MISSING;
use twinspire_core::query::Scored;

/// Key of the overall list.
const OVERALL: u32 = MISSING;

/// The channels `popular` and `popular_by`.
pub(super) struct Popular {
    name: String,
    lists: RankedLists,
    /// Column of the encoded single features that selects the list; `None`: always the overall one.
    column: Option<usize>,
}

impl Popular {
    /// Maps the lists; `items` is the size of the corpus.
    ///
    /// # Errors
    /// A damaged file; I/O.
    pub fn open(name: String, path: &Path, items: usize, column: Option<usize>) -> Result<Self> {
        Ok(Self { name, lists: RankedLists::open(path, items)?, column })
    }

    fn list(&self, value: u32, is_wanted: impl Fn(u32) -> bool, k: usize) -> Result<Vec<Scored>> {
        let own = if value == OVERALL { None } else { self.lists.find(value)? };
        let list = match own {
            Some(list) => Some(list),
            None => self.lists.find(OVERALL)?,
        };
        Ok(list.into_iter().flatten().filter(|scored| is_wanted(scored.item)).take(k).collect())
    }
}

impl RecallChannel for Popular {
    fn name(&self) -> &str {
        &self.name
    }

    fn retrieve(&self, queries: &RecallQueries<'_>, k: usize) -> Result<Vec<Vec<Scored>>> {
        let value = |row| self.column.map_or(OVERALL, |column| queries.batch.features.single_row(row)[column]);
        let rows = queries.excluded.iter().enumerate();
        let list = |(row, excluded): (usize, &&[u32])| {
            self.list(value(row), |item| queries.allows(item) && !contains(excluded, item), k)
        };
        rows.map(list).collect()
    }
}

/// The overall list, and one for each value of `column`; keys ascend.
pub(super) fn rank(positives: &Positives, column: Option<usize>, half_life_days: f64) -> KeyedLists {
    let mut overall = vec![0.0; positives.items()];
    // Sums are made in the order of the samples; the order of the map reaches no result, since lists are sorted.
    let mut by_value: FxHashMap<(u32, u32), f64> = FxHashMap::default();
    for positive in positives.iter() {
        let weight = positives.weight(positive.time, half_life_days);
        overall[positive.item as usize] += weight;
        if let Some(value) = column.map(|column| positive.values[column]).filter(|&value| value != OVERALL) {
            *by_value.entry((value, positive.item)).or_default() += weight;
        }
    }
    let mut lists: BTreeMap<u32, Vec<Scored>> = BTreeMap::new();
    for ((value, item), score) in by_value {
        lists.entry(value).or_default().push(kept(item, score));
    }
    for list in lists.values_mut() {
        list.sort_unstable_by(Scored::order);
    }
    let mut all: Vec<Scored> = overall.into_iter().zip(0..).map(|(score, item)| kept(item, score)).collect();
    all.sort_unstable_by(Scored::order);
    lists.insert(OVERALL, all);
    lists.into_iter().collect()
}
