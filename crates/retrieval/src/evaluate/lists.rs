//! The lists that are judged: those of every channel, the merged one, and plain popularity. In: a retriever and rows of
//! the query table. Out: one [`Lists`] for each name of the report, made by the channels and the merge of a request.

use super::Truth;
use super::tally::Lists;
use crate::channel::RecallQueries;
use crate::config::RetrievalSettings;
use crate::error::Result;
use crate::merge::{RankedList, merge};
use crate::retriever::Retriever;
use std::cmp::Reverse;
use std::ops::Range;
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
    /// The corpus by falling number of training positives.
    by_count: Vec<u32>,
}

/// The corpus by falling number of training positives.
fn by_count(items: &ItemTable) -> Vec<u32> {
    let mut ranked: Vec<u32> = (0..items.len() as u32).collect();
    ranked.sort_by_key(|&item| Reverse(items.counts()[item as usize]));
    ranked
}

impl<'a> ListMaker<'a> {
    pub fn new(retriever: &'a Retriever, truth: Truth<'a>, settings: &RetrievalSettings) -> Self {
        Self {
            retriever,
            truth,
            leave_out_seen: settings.judge_without_seen(),
            longest: settings.lengths().last().copied().unwrap_or_default(),
            by_count: by_count(retriever.bundle().items()),
        }
    }

    /// Names of the ways, in the order of [`ListMaker::make`].
    pub fn names(&self) -> Vec<String> {
        let channels = self.retriever.channels().iter().map(|channel| channel.name().to_owned());
        channels.chain([MERGED, POPULARITY].map(str::to_owned)).collect()
    }

    /// Items in the corpus.
    pub fn items(&self) -> usize {
        self.by_count.len()
    }

    /// The lists of some rows of the query table.
    pub fn make(&self, rows: Range<usize>) -> Result<Vec<Lists>> {
        let histories: Vec<Vec<u32>> = rows.clone().map(|row| self.truth.history(row)).collect();
        let excluded: Vec<Vec<u32>> = rows.clone().map(|row| self.truth.excluded(row, self.leave_out_seen)).collect();
        let queries = RecallQueries {
            batch: QueryBatch {
                features: self.truth.queries().user_features().slice(rows),
                histories: histories.iter().map(Vec::as_slice).collect(),
            },
            excluded: excluded.iter().map(Vec::as_slice).collect(),
        };
        let asked = self.retriever.channels().iter().map(|channel| channel.retrieve(&queries, self.longest));
        let found: Vec<Vec<Vec<Scored>>> = asked.collect::<Result<_>>()?;
        let items = |list: &Vec<Scored>| list.iter().map(|scored| scored.item).collect();
        let mut lists: Vec<Lists> = found.iter().map(|lists| lists.iter().map(items).collect()).collect();
        lists.push((0..queries.len()).map(|query| self.merged(&found, query)).collect());
        lists.push(queries.excluded.iter().map(|excluded| self.most_popular(excluded)).collect());
        Ok(lists)
    }

    fn merged(&self, found: &[Vec<Vec<Scored>>], query: usize) -> Vec<u32> {
        let channels = self.retriever.plan().channels().iter().zip(found);
        let lists: Vec<RankedList<'_>> =
            channels.map(|(channel, lists)| RankedList { share: channel.share, found: &lists[query] }).collect();
        merge(&lists, self.longest).into_iter().map(|place| place.item).collect()
    }

    fn most_popular(&self, excluded: &[u32]) -> Vec<u32> {
        let items = self.by_count.iter().copied();
        items.filter(|item| excluded.binary_search(item).is_err()).take(self.longest).collect()
    }
}
