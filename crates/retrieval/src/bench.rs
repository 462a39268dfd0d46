//! How fast the two towers are judged over the full corpus.
//!
//! In: a retriever, and the queries of a held-out part. Out: [`BenchReport`], whose names are those of other libraries'
//! scripts, so that they can be run in turns with this one on the same vectors.

use crate::channel::encode_each;
use crate::config::RetrievalSettings;
use crate::context::RetrievalContext;
use crate::error::Result;
use crate::evaluate::{Truth, means};
use crate::retriever::Retriever;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Instant;
use twinspire_core::machine::{OthersBusy, peak_rss_mib};
use twinspire_core::query::QueryBatch;
use twinspire_core::sample::SampleTable;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchReport {
    /// Name of the program.
    pub script: &'static str,
    /// Queries that were judged.
    pub queries: usize,
    /// Items in the corpus.
    pub items: usize,
    /// Length of a vector.
    pub dimension: usize,
    /// Longest judged list.
    pub k: usize,
    /// Worker threads.
    pub threads: usize,
    /// Instruction set that was used.
    pub instruction_set: &'static str,
    /// From vectors to all figures, seconds of the median round.
    pub seconds: f64,
    /// Queries judged in a second of the median round.
    pub queries_per_s: u64,
    /// Peak resident memory of the process.
    pub peak_rss_mib: u64,
    /// Cores that other processes kept busy meanwhile; a figure above 0.1 is not worth much.
    pub others_busy_cores: f64,
    /// The figures.
    pub metrics: BTreeMap<String, f64>,
}

/// Vectors of all queries, `[queries, interests, dimension]`, with features and history as of the query.
///
/// # Errors
/// A vector that is not finite; queries of another encoder.
pub fn query_vectors(context: &RetrievalContext<'_>, retriever: &Retriever, queries: &SampleTable) -> Result<Vec<f32>> {
    let bundle = retriever.bundle();
    let truth = Truth::new(queries, bundle.histories())?;
    let histories: Vec<_> = (0..queries.len()).map(|row| truth.past(row)).collect();
    let histories = histories.iter().map(|past| past.view()).collect();
    let batch = QueryBatch { features: queries.user_features(), histories };
    context.install(|| encode_each(bundle.query_encoder(), &batch))
}

/// Judges `vectors` (see [`query_vectors`]) against all items `rounds` times.
///
/// # Errors
/// Queries of another corpus; threads that cannot be started.
pub fn judge(
    context: &RetrievalContext<'_>,
    retriever: &Retriever,
    settings: &RetrievalSettings,
    (queries, vectors): (&SampleTable, &[f32]),
    rounds: usize,
) -> Result<BenchReport> {
    let (items, truth) = (retriever.bundle().item_embeddings(), Truth::new(queries, retriever.bundle().histories())?);
    let truth = truth.among(retriever.candidates());
    queries.check_references(items.ids.len(), retriever.bundle().histories().len())?;
    context.install(|| {
        let (mut seconds, mut metrics, others) = (Vec::new(), BTreeMap::new(), OthersBusy::start());
        for _ in 0..rounds.max(1) {
            let started = Instant::now();
            metrics = means(settings, &truth, (vectors, &items.values, items.dimension));
            seconds.push(started.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        Ok(BenchReport {
            script: "twinspire bench evaluate",
            queries: queries.len(),
            items: items.ids.len(),
            dimension: items.dimension,
            k: settings.lengths().last().copied().unwrap_or_default(),
            threads: rayon::current_num_threads(),
            instruction_set: twinspire_core::stage::instruction_set(),
            seconds: median,
            queries_per_s: (queries.len() as f64 / median).round() as u64,
            peak_rss_mib: peak_rss_mib(),
            others_busy_cores: others.cores(),
            metrics,
        })
    })
}
