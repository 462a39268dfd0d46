//! The draft of a bundle, judged over the full corpus before anybody is served from it.

use super::Run;
use crate::error::CliError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::bundle::file;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::interaction::Part;
use twinspire_core::sample::SampleTable;
use twinspire_core::stage::{StageKey, StageOutcome, read_json, read_manifest, run_stage, write_json};
use twinspire_model::load_query_encoder;
use twinspire_retrieval::bench::{self, BenchReport};
use twinspire_retrieval::{Report, Retriever, evaluate};

/// The figures of every channel and the merged list.
pub struct EvaluateOutcome {
    /// Made, or up to date.
    pub outcome: StageOutcome,
    /// The figures.
    pub report: Report,
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
