//! The lists that are judged: those of every channel, the exact ones of channels that approximate, the merged one, and plain popularity. In: a retriever and rows of
//! the query table. Out: one [`Lists`] for each name of the report, made by the channels and the merge of a request. The
//! retriever may be of another corpus than the queries; then items are matched by id.

use super::Truth;
use super::tally::Lists;
use super::truth::Past;
use crate::channel::{RecallChannel, RecallQueries};
use crate::config::RetrievalSettings;
use crate::error::Result;
use crate::merge::{RankedList, merge};
use crate::retriever::Retriever;
use std::cmp::Reverse;
use std::ops::Range;
use twinspire_core::ids::MISSING;
use twinspire_core::items::ItemTable;
use twinspire_core::query::{QueryBatch, Scored};

/// Name of the merged list in a report.
pub const MERGED: &str = "merged";
/// Name of the comparison in a report: all items by their number of training positives, the same for everybody.
pub const POPULARITY: &str = "popularity";

/// Makes the lists of a retriever.
pub(super) struct ListMaker<'a> {
    retriever: &'a Retriever,
    truth: Truth<'a>,
    leave_out_seen: bool,
    longest: usize,
    mapping: Option<Mapping>,
    /// The corpus by falling number of training positives.
    by_count: Vec<u32>,
}

/// The corpus by falling number of training positives.
fn by_count(items: &ItemTable) -> Vec<u32> {
    let mut ranked: Vec<u32> = (0..items.len() as u32).collect();
    ranked.sort_by_key(|&item| Reverse(items.counts()[item as usize]));
    ranked
}

/// The rows of the corpus of the queries in that of the retriever, and back; MISSING where there is none.
pub(super) struct Mapping {
    forth: Vec<u32>,
    back: Vec<u32>,
}

impl Mapping {
    pub fn new(ours: &ItemTable, theirs: &ItemTable) -> Self {
        let rows = |from: &ItemTable, to: &ItemTable| {
            (0..from.len() as u32).map(|row| to.find(from.id(row)).unwrap_or(MISSING)).collect()
        };
        Self { forth: rows(ours, theirs), back: rows(theirs, ours) }
    }
}

/// Some rows of the query table with their histories.
pub(super) fn queries_of<'a>(truth: Truth<'a>, rows: Range<usize>, histories: &'a [Past]) -> QueryBatch<'a> {
    let histories = histories.iter().map(Past::view).collect();
    QueryBatch { features: truth.queries().user_features().slice(rows), histories }
}

impl<'a> ListMaker<'a> {
    /// `mapping` is needed where the corpus of `retriever` is not that of the queries.
    pub fn new(
        retriever: &'a Retriever,
        truth: Truth<'a>,
        settings: &RetrievalSettings,
        mapping: Option<Mapping>,
    ) -> Self {
        Self {
            retriever,
            mapping,
            truth,
            leave_out_seen: settings.judge_without_seen(),
            longest: settings.lengths().last().copied().unwrap_or_default(),
            by_count: by_count(retriever.bundle().items()),
        }
    }

    /// Names of the ways, in the order of [`ListMaker::make`].
    pub fn names(&self) -> Vec<String> {
        let channels = self.channels().map(|channel| channel.name().to_owned());
        channels.chain([MERGED, POPULARITY].map(str::to_owned)).collect()
    }

    /// The channels, then what some of them approximate.
    fn channels(&self) -> impl Iterator<Item = &dyn RecallChannel> {
        let channels = || self.retriever.channels().iter().map(|channel| &**channel);
        channels().chain(channels().filter_map(RecallChannel::exact))
    }

    /// Items in the corpus of the queries.
    pub fn items(&self) -> usize {
        self.mapping.as_ref().map_or(self.by_count.len(), |mapping| mapping.forth.len())
    }

    /// Items of the queries as the retriever knows them; those it lacks are left out. The order is kept, that of ids
    /// too.
    fn forth(&self, items: Vec<u32>) -> Vec<u32> {
        let Some(mapping) = &self.mapping else { return items };
        items.into_iter().map(|item| mapping.forth[item as usize]).filter(|&item| item != MISSING).collect()
    }

    /// The history of a query as the retriever knows it.
    fn past(&self, row: usize) -> Past {
        let mut past = self.truth.past(row);
        if let Some(mapping) = &self.mapping {
            let known = |item: &u32| mapping.forth[*item as usize] != MISSING;
            let mut kept = past.items.iter().map(known).collect::<Vec<bool>>().into_iter();
            past.times.retain(|_| kept.next().unwrap_or(true));
            past.items = self.forth(past.items);
        }
        past
    }

    /// Found items as the queries know them; one that they lack keeps its place, as MISSING.
    fn back(&self, lists: &mut [Lists]) {
        if let Some(mapping) = &self.mapping {
            lists.iter_mut().flatten().flatten().for_each(|item| *item = mapping.back[*item as usize]);
        }
    }

    /// The lists of some rows of the query table.
    pub fn make(&self, rows: Range<usize>) -> Result<Vec<Lists>> {
        let histories: Vec<Past> = rows.clone().map(|row| self.past(row)).collect();
        let excluded = rows.clone().map(|row| self.forth(self.truth.excluded(row, self.leave_out_seen)));
        let excluded: Vec<Vec<u32>> = excluded.collect();
        let queries = RecallQueries {
            batch: queries_of(self.truth, rows, &histories),
            excluded: excluded.iter().map(Vec::as_slice).collect(),
            allowed: self.retriever.candidates(),
        };
        let asked = self.channels().map(|channel| channel.retrieve(&queries, self.longest));
        let found: Vec<Vec<Vec<Scored>>> = asked.collect::<Result<_>>()?;
        let items = |list: &Vec<Scored>| list.iter().map(|scored| scored.item).collect();
        let mut lists: Vec<Lists> = found.iter().map(|lists| lists.iter().map(items).collect()).collect();
        lists.push((0..queries.len()).map(|query| self.merged(&found, query)).collect());
        lists.push(queries.excluded.iter().map(|excluded| self.most_popular(excluded)).collect());
        self.back(&mut lists);
        Ok(lists)
    }

    fn merged(&self, found: &[Vec<Vec<Scored>>], query: usize) -> Vec<u32> {
        let channels = self.retriever.plan().channels().iter().zip(found);
        let lists: Vec<RankedList<'_>> =
            channels.map(|(channel, lists)| RankedList { share: channel.share, found: &lists[query] }).collect();
        merge(&lists, self.longest).into_iter().map(|place| place.item).collect()
    }

    fn most_popular(&self, excluded: &[u32]) -> Vec<u32> {
        let may = |item: &u32| self.retriever.candidates().is_none_or(|allowed| allowed.contains(*item));
        let items = self.by_count.iter().copied().filter(may);
        items.filter(|item| excluded.binary_search(item).is_err()).take(self.longest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::encoder;
    use twinspire_core::encode::Raw;

    fn corpus(ids: &[&str]) -> ItemTable {
        let (encoder, ids) = (encoder(), ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        let mut rows = encoder.empty_item_rows();
        ids.iter().for_each(|id| encoder.encode_item(&[Raw::Text(id)], &mut rows).unwrap());
        let batch = ItemTable::batch(&ids, &vec![0; ids.len()], rows, &encoder).unwrap();
        ItemTable::from_batch(&batch).unwrap()
    }

    #[test]
    fn items_of_two_corpora_are_matched_by_id() {
        let mapping = Mapping::new(&corpus(&["a", "b", "d", "e"]), &corpus(&["b", "c", "e"]));
        assert_eq!(mapping.forth, [MISSING, 0, MISSING, 2]);
        assert_eq!(mapping.back, [1, MISSING, 3]);
    }
}
