//! The draft of a bundle, judged over the full corpus before anybody is served from it; and the same query by query.

use super::Run;
use crate::error::CliError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::bundle::{bundles_folder, check_bundle_id, file};
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::interaction::Part;
use twinspire_core::sample::SampleTable;
use twinspire_core::stage::{StageKey, StageOutcome, read_json, read_manifest, run_stage, write_json};
use twinspire_data::convert::table_to_parquet;
use twinspire_model::load_query_encoder;
use twinspire_retrieval::bench::{self, BenchReport};
use twinspire_retrieval::evaluate::{Bootstrap, Comparison, Judgement};
use twinspire_retrieval::{Report, Retriever, evaluate};

/// The figures of every channel and the merged list.
pub struct EvaluateOutcome {
    /// Made, or up to date.
    pub outcome: StageOutcome,
    /// The figures.
    pub report: Report,
}

/// What was found query by query.
pub struct QueriesJudged {
    /// Number of judged queries.
    pub queries: usize,
    /// The length at which a table shows figures.
    pub length: usize,
    /// With what was asked for.
    pub comparison: Option<Comparison>,
}

/// A report for people.
pub fn report_lines(report: &Report) -> Vec<String> {
    let seen = if report.leave_out_seen { ", seen items left out" } else { "" };
    let (part, queries, items) = (&report.part, report.queries, report.items);
    let head = format!("{part} part, {queries} queries, full corpus of {items} items{seen}");
    std::iter::once(head).chain(report.lines()).collect()
}

impl Run<'_> {
    /// `report`: the judged part of the samples against the draft.
    ///
    /// # Errors
    /// No draft, no queries to judge with, I/O.
    pub fn evaluate(&self) -> Result<EvaluateOutcome, CliError> {
        self.need_stage("draft")?;
        let (samples, settings) = (self.samples_layout(), self.config().retrieval());
        let part = settings.judged_part(&samples)?;
        let key = StageKey {
            stage: "evaluate",
            settings: serde_json::json!({ "evaluate": self.config().file().evaluate, "part": part }),
            inputs: self.draft_files()?.into_iter().chain([samples.queries(part)]).collect(),
        };
        let folder = self.stage_folder("report");
        let outcome = run_stage(&self.stage_context(), &folder, &key, |staging| {
            let (retriever, queries) = self.judged(part)?;
            let report = evaluate(&self.retrieval_context(), &retriever, settings, part, &queries)?;
            self.write_report(&report, staging)
        })?;
        Ok(EvaluateOutcome { outcome, report: read_json(self.surroundings.vfs, &folder.join(file::REPORT))? })
    }

    /// The draft, and the queries that judge it.
    fn judged(&self, part: Part) -> Result<(Retriever, SampleTable), CliError> {
        self.need_stage("draft")?;
        let retriever =
            Retriever::open_draft(&self.stage_folder("draft"), &load_query_encoder, self.surroundings.clock)?;
        let queries = SampleTable::open(&self.samples_layout().queries(part), retriever.bundle().encoder())?;
        Ok((retriever, queries))
    }

    /// The report that the stage left.
    ///
    /// # Errors
    /// There is none yet.
    pub fn stored_report(&self) -> Result<Report, CliError> {
        self.need_stage("report")?;
        Ok(read_json(self.surroundings.vfs, &self.stage_folder("report").join(file::REPORT))?)
    }

    /// Judges query by query: compares with a bundle or a channel, and writes the figures of every query as Parquet.
    ///
    /// # Errors
    /// No draft; `against` is neither a channel nor a bundle, or a bundle that cannot read the queries; I/O.
    pub fn judge_queries(&self, against: Option<&str>, per_query: Option<&Path>) -> Result<QueriesJudged, CliError> {
        let (context, settings) = (self.retrieval_context(), self.config().retrieval());
        let (retriever, queries) = self.judged(settings.judged_part(&self.samples_layout())?)?;
        let judgement = Judgement::new(&context, &retriever, settings, &queries)?;
        if let Some(path) = per_query {
            table_to_parquet(&judgement.to_batch()?, self.surroundings.vfs, path)?;
        }
        let bootstrap = Bootstrap { seed: self.config().seed(), resamples: settings.resamples() };
        let compare = |name| match judgement.against_way(name, bootstrap) {
            Some(comparison) => Ok::<_, CliError>(comparison),
            None => {
                let theirs = self.sealed(name)?;
                let other = Judgement::of_another(&context, (&retriever, &theirs), settings, &queries)?;
                Ok(judgement.against(&other, name, bootstrap))
            }
        };
        let length = settings.shown_length();
        Ok(QueriesJudged { queries: judgement.queries(), length, comparison: against.map(compare).transpose()? })
    }

    /// A sealed bundle of this folder of runs.
    fn sealed(&self, bundle_id: &str) -> Result<Retriever, CliError> {
        check_bundle_id(bundle_id)?;
        let folder = bundles_folder(self.config().base_dir()).join(bundle_id);
        if !folder.is_dir() {
            let message =
                format!("`{bundle_id}` is neither a channel of this run nor a bundle in {}", folder.display());
            let hint = "name a bundle, or a channel as the table of `twinspire report` does".to_owned();
            return Err(CliError::Usage { message, hint });
        }
        Ok(Retriever::open(&folder, &load_query_encoder, self.surroundings.clock)?)
    }

    /// Measures how fast the two towers of the draft are judged; `out` also gets their vectors.
    ///
    /// # Errors
    /// No draft, no queries to judge with, I/O.
    pub fn bench_evaluate(&self, rounds: usize, out: Option<&Path>) -> Result<BenchReport, CliError> {
        let (context, settings) = (self.retrieval_context(), self.config().retrieval());
        let (retriever, queries) = self.judged(settings.judged_part(&self.samples_layout())?)?;
        let vectors = bench::query_vectors(&context, &retriever, &queries)?;
        if let Some(out) = out {
            let (vfs, items) = (self.surroundings.vfs, retriever.bundle().item_embeddings());
            vfs.create_dir_all(out).map_err(|error| CoreError::io(out, error))?;
            items.write_npy(vfs, &out.join("items.npy"))?;
            let rows = (0..queries.len()).map(|row| row.to_string()).collect();
            let table = EmbeddingTable::new(rows, items.dimension, vectors.clone())?;
            table.write_npy(vfs, &out.join("queries.npy"))?;
        }
        Ok(bench::judge(&context, &retriever, settings, (&queries, &vectors), rounds)?)
    }

    /// The files of the draft without its manifest, which holds a time.
    fn draft_files(&self) -> Result<Vec<PathBuf>, CliError> {
        let draft = self.stage_folder("draft");
        let manifest = read_manifest(self.surroundings.vfs, &draft)?;
        Ok(manifest.outputs.iter().map(|output| draft.join(&output.path)).collect())
    }

    fn write_report(&self, report: &Report, staging: &Path) -> Result<BTreeMap<String, u64>, CliError> {
        write_json(self.surroundings.vfs, &staging.join(file::REPORT), report)?;
        Ok(BTreeMap::from([("queries".to_owned(), report.queries as u64)]))
    }
}
