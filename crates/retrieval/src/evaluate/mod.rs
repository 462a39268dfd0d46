//! How good the lists are, over the full corpus.
//!
//! In: the retriever of a draft, and the queries of a later part (features and history as of the query, and the true
//! items). Out: a [`Report`] with the figures of every channel, of the merged list, and of plain popularity to compare
//! with. The lists are made by the same channels and the same merge as those of a request. It trains nothing and
//! chooses nothing. What each figure means is in `docs/concepts/metrics.md`.

mod metrics;
mod report;
#[cfg(test)]
mod tests;
mod truth;
mod validate;

pub use report::{Report, ReportRow};
pub use truth::Truth;
pub use validate::recall_at_k;

use crate::channel::RecallQueries;
use crate::config::RetrievalSettings;
use crate::context::RetrievalContext;
use crate::error::{Result, RetrievalError};
use crate::merge::{RankedList, merge};
use crate::retriever::Retriever;
use metrics::{Coverage, Sums};
use rayon::prelude::*;
use std::cmp::Reverse;
use std::ops::Range;
use twinspire_core::interaction::Part;
use twinspire_core::items::ItemTable;
use twinspire_core::query::{QueryBatch, Scored};
use twinspire_core::sample::SampleTable;

/// Queries of one unit of work; sums are made unit by unit, so that they do not depend on threads.
const CHUNK: usize = 64;

/// Name of the merged list in a report.
pub const MERGED: &str = "merged";
/// Name of the comparison in a report: all items by their number of training positives, the same for everybody.
pub const POPULARITY: &str = "popularity";

/// Judges a retriever with every query of a part. How long it took is said to `context.progress` and is no part of the
/// report, which is sealed with the bundle.
///
/// # Errors
/// [`RetrievalError::NoQueries`] without queries; queries of another corpus; a channel that fails.
pub fn evaluate(
    context: &RetrievalContext<'_>,
    retriever: &Retriever,
    settings: &RetrievalSettings,
    part: Part,
    queries: &SampleTable,
) -> Result<Report> {
    let bundle = retriever.bundle();
    queries.check_references(bundle.items().len(), bundle.histories().len())?;
    if queries.is_empty() {
        let folder = bundle.folder().to_owned();
        return Err(RetrievalError::NoQueries { part: part.name().to_owned(), folder });
    }
    let started = context.clock.now_micros();
    let truth = Truth { queries, histories: bundle.histories() };
    let judge = Judge { retriever, truth, settings, by_count: by_count(bundle.items()) };
    context.progress.start("judging queries", Some(queries.len() as u64), "queries");
    let report = context.install(|| judge.report(context, part))?;
    context.progress.finish();
    let seconds = (context.clock.now_micros() - started) as f64 / 1e6;
    context.progress.line(&format!("{} queries judged in {seconds:.1} s", queries.len()));
    Ok(report)
}

/// The corpus by falling number of training positives.
fn by_count(items: &ItemTable) -> Vec<u32> {
    let mut ranked: Vec<u32> = (0..items.len() as u32).collect();
    ranked.sort_by_key(|&item| Reverse(items.counts()[item as usize]));
    ranked
}

struct Judge<'a> {
    retriever: &'a Retriever,
    truth: Truth<'a>,
    settings: &'a RetrievalSettings,
    by_count: Vec<u32>,
}

impl Judge<'_> {
    fn names(&self) -> Vec<String> {
        let channels = self.retriever.channels().iter().map(|channel| channel.name().to_owned());
        channels.chain([MERGED, POPULARITY].map(str::to_owned)).collect()
    }

    fn report(&self, context: &RetrievalContext<'_>, part: Part) -> Result<Report> {
        let (names, queries) = (self.names(), self.truth.queries.len());
        let items = self.retriever.bundle().items().len();
        let coverage: Vec<Coverage> = names.iter().map(|_| Coverage::new(items)).collect();
        let chunks: Result<Vec<Vec<Sums>>> = (0..queries.div_ceil(CHUNK))
            .into_par_iter()
            .map(|chunk| {
                let rows = chunk * CHUNK..((chunk + 1) * CHUNK).min(queries);
                let sums = self.sums(rows.clone(), &coverage)?;
                context.progress.advance(rows.len() as u64);
                Ok(sums)
            })
            .collect();
        let mut totals = vec![Sums::new(self.settings.lengths()); names.len()];
        for chunk in chunks? {
            totals.iter_mut().zip(&chunk).for_each(|(total, sums)| total.add(sums));
        }
        let rows = names.into_iter().zip(totals).zip(&coverage);
        Ok(Report {
            part: part.name().to_owned(),
            queries,
            items,
            true_items: self.truth.count()?,
            true_items_left_out: self.left_out()?,
            leave_out_seen: self.settings.judge_without_seen(),
            lengths: self.settings.lengths().to_vec(),
            rows: rows.map(|((name, sums), coverage)| ReportRow { name, metrics: sums.means(coverage) }).collect(),
        })
    }

    /// True items that cannot be hit, because they are in the history that is left out.
    fn left_out(&self) -> Result<usize> {
        let without_seen = self.settings.judge_without_seen();
        let of_row = |row| {
            let excluded = self.truth.excluded(row, without_seen);
            let truth = self.truth.of(row)?;
            Ok(truth.iter().filter(|item| excluded.binary_search(item).is_ok()).count())
        };
        (0..self.truth.queries.len()).map(of_row).sum()
    }

    /// One entry a row of the report.
    fn sums(&self, rows: Range<usize>, coverage: &[Coverage]) -> Result<Vec<Sums>> {
        let without_seen = self.settings.judge_without_seen();
        let histories: Vec<Vec<u32>> = rows.clone().map(|row| self.truth.history(row)).collect();
        let excluded: Vec<Vec<u32>> = rows.clone().map(|row| self.truth.excluded(row, without_seen)).collect();
        let queries = RecallQueries {
            batch: QueryBatch {
                features: self.truth.queries.user_features().slice(rows.clone()),
                histories: histories.iter().map(Vec::as_slice).collect(),
            },
            excluded: excluded.iter().map(Vec::as_slice).collect(),
        };
        let mut sums = Vec::with_capacity(coverage.len());
        for (lists, coverage) in self.lists(&queries)?.iter().zip(coverage) {
            let mut of_row = Sums::new(self.settings.lengths());
            for (row, list) in rows.clone().zip(lists) {
                of_row.see(list, self.truth.of(row)?);
                coverage.see(list);
            }
            sums.push(of_row);
        }
        Ok(sums)
    }

    /// For each row of the report, one list of items a query.
    fn lists(&self, queries: &RecallQueries<'_>) -> Result<Vec<Vec<Vec<u32>>>> {
        let longest = self.settings.lengths().last().copied().unwrap_or_default();
        let asked = self.retriever.channels().iter().map(|channel| channel.retrieve(queries, longest));
        let found: Vec<Vec<Vec<Scored>>> = asked.collect::<Result<_>>()?;
        let items = |list: &Vec<Scored>| list.iter().map(|scored| scored.item).collect();
        let mut lists: Vec<Vec<Vec<u32>>> = found.iter().map(|lists| lists.iter().map(items).collect()).collect();
        lists.push((0..queries.len()).map(|query| self.merged(&found, query, longest)).collect());
        lists.push(queries.excluded.iter().map(|excluded| self.most_popular(excluded, longest)).collect());
        Ok(lists)
    }

    fn merged(&self, found: &[Vec<Vec<Scored>>], query: usize, longest: usize) -> Vec<u32> {
        let channels = self.retriever.plan().channels().iter().zip(found);
        let lists: Vec<RankedList<'_>> =
            channels.map(|(channel, lists)| RankedList { share: channel.share, found: &lists[query] }).collect();
        merge(&lists, longest).into_iter().map(|place| place.item).collect()
    }

    fn most_popular(&self, excluded: &[u32], longest: usize) -> Vec<u32> {
        let items = self.by_count.iter().copied();
        items.filter(|item| excluded.binary_search(item).is_err()).take(longest).collect()
    }
}
