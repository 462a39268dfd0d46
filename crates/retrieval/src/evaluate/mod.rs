//! How good the lists are, over the full corpus.
//!
//! In: the retriever of a draft, and the queries of a later part (features and history as of the query, and the true
//! items). Out: a [`Report`] with the figures of every channel, of the merged list, and of plain popularity to compare
//! with: over all queries with confidence intervals, and by segments of items and users. The lists are made by the same
//! channels and the same merge as those of a request. It trains nothing and chooses nothing. What each figure means is
//! in `docs/reference/metrics.md`.
//!
//! Reading order: `lists` makes lists, `tally` keeps what figures need of them, `scale` computes `figures`, `bootstrap`
//! intervals and `segment`s, `approximate` judges the index, `report` is what is stored; `judgement` and `compare` set two ways or two bundles side by side,
//! query by query.

mod approximate;
mod bootstrap;
mod compare;
mod figures;
mod impressions;
mod judgement;
mod lists;
mod page;
mod recipes;
mod report;
mod scale;
mod segment;
mod tally;
#[cfg(test)]
mod tests;
mod text;
mod trials;
mod truth;
mod validate;

pub use approximate::IndexJudgement;
pub use bootstrap::{Bootstrap, Interval};
pub use compare::{Comparison, Difference, Paired};
pub use figures::FIGURES;
pub use judgement::Judgement;
pub use lists::{MERGED, POPULARITY};
pub use page::report_page;
pub use recipes::{RecipeFigures, Spread};
pub use report::{Report, ReportRow, SegmentSize};
pub use segment::{ItemSegment, UserSegment};
pub use text::shown_length;
pub use trials::{Judged, TrialFigures, TrialTable};
pub use truth::Truth;
pub use validate::{Vectors, judge_towers, judge_vectors, means, recall_at_k, segment_sizes};

use crate::config::RetrievalSettings;
use crate::context::RetrievalContext;
use crate::error::{Result, RetrievalError};
use crate::retriever::Retriever;
use lists::ListMaker;
use rayon::prelude::*;
use scale::Scale;
use tally::{Tallier, Tally};
use twinspire_core::interaction::Part;
use twinspire_core::sample::SampleTable;

/// Queries of one unit of work: enough that a scan reads item vectors seldom, few enough that all threads have some.
const BLOCK: usize = 128;

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
    let truth = Truth::new(queries, bundle.histories())?.among(retriever.candidates());
    context.progress.start("judging queries", Some(queries.len() as u64), "queries");
    let report = context.install(|| report(context, retriever, settings, part, truth))?;
    context.progress.finish();
    let seconds = (context.clock.now_micros() - started) as f64 / 1e6;
    context.progress.line(&format!("{} queries judged in {seconds:.1} s", queries.len()));
    Ok(report)
}

fn report(
    context: &RetrievalContext<'_>,
    retriever: &Retriever,
    settings: &RetrievalSettings,
    part: Part,
    truth: Truth<'_>,
) -> Result<Report> {
    let (maker, items) = (ListMaker::new(retriever, truth, settings, None), retriever.bundle().items());
    let names = maker.names();
    let tallies = tallies(context, &maker, settings, truth)?;
    let bootstrap = Bootstrap { seed: context.seed, resamples: settings.resamples() };
    let scale = Scale::new(truth, items.counts(), settings.lengths(), bootstrap);
    Ok(Report {
        part: part.name().to_owned(),
        queries: truth.len(),
        items: items.len(),
        true_items: truth.count(),
        true_items_left_out: left_out(truth, settings.judge_without_seen()),
        leave_out_seen: settings.judge_without_seen(),
        lengths: settings.lengths().to_vec(),
        resamples: settings.resamples(),
        segments: scale.sizes(),
        index: IndexJudgement::new(retriever, truth)?,
        rows: names.par_iter().zip(&tallies).map(|(name, tally)| scale.row(name, tally)).collect(),
    })
}

/// One tally for each name of `maker`.
fn tallies(
    context: &RetrievalContext<'_>,
    maker: &ListMaker<'_>,
    settings: &RetrievalSettings,
    truth: Truth<'_>,
) -> Result<Vec<Tally>> {
    let tallier = Tallier { truth, lengths: settings.lengths(), items: maker.items(), block: BLOCK };
    tallier.tally(maker.names().len(), |rows| {
        let lists = maker.make(rows.clone())?;
        context.progress.advance(rows.len() as u64);
        Ok(lists)
    })
}

/// True items that cannot be hit, because they are in the history that is left out, or no candidates.
fn left_out(truth: Truth<'_>, leave_out_seen: bool) -> usize {
    let of_row = |row| {
        let excluded = truth.excluded(row, leave_out_seen);
        let may = |item: &u32| truth.candidates().is_none_or(|candidates| candidates.contains(*item));
        truth.of(row).iter().filter(|item| excluded.binary_search(item).is_ok() || !may(item)).count()
    };
    (0..truth.len()).map(of_row).sum()
}
