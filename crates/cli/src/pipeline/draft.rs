//! The files of a bundle before it is sealed: towers, item vectors, encoder, channels, golden set.

use super::Run;
use super::export::ITEM_VECTORS;
use crate::error::CliError;
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::bundle::file;
use twinspire_core::stage::{StageKey, StageOutcome, run_stage};
use twinspire_core::vfs::{copy_file, write_file};
use twinspire_model::load_query_encoder;
use twinspire_retrieval::{build_channels, build_item_index, golden};

impl Run<'_> {
    /// `draft`: the channels are built from the training part, the golden set is computed through the serving path.
    ///
    /// # Errors
    /// No embeddings; a channel that cannot be built; I/O.
    pub fn draft(&self) -> Result<StageOutcome, CliError> {
        self.need_stage("embeddings")?;
        let samples = self.samples_layout();
        let vectors = self.stage_folder("embeddings").join(ITEM_VECTORS);
        let optional = [samples.attributes(), self.provenance_path()].into_iter().filter(|path| path.exists());
        let config = self.config().content_toml();
        let key = StageKey {
            stage: "draft",
            settings: serde_json::json!({ "config": config }),
            inputs: [self.model_path(), vectors, samples.features(), samples.items(), samples.histories()]
                .into_iter()
                .chain(optional)
                .collect(),
        };
        run_stage(&self.stage_context(), &self.stage_folder("draft"), &key, |staging| {
            self.write_draft(staging, &config)
        })
    }

    fn write_draft(&self, staging: &Path, config: &str) -> Result<BTreeMap<String, u64>, CliError> {
        let (samples, vfs) = (self.samples_layout(), self.surroundings.vfs);
        let optional = [(samples.attributes(), file::ATTRIBUTES), (self.provenance_path(), file::PROVENANCE)];
        let optional = optional.into_iter().filter(|(path, _)| path.exists());
        let copies = [
            (samples.features(), file::FEATURES),
            (samples.items(), file::ITEMS),
            (samples.histories(), file::HISTORIES),
            (self.model_path(), file::MODEL),
            (self.stage_folder("embeddings").join(ITEM_VECTORS), file::ITEM_EMBEDDINGS),
        ];
        for (from, name) in copies.into_iter().chain(optional) {
            copy_file(vfs, &from, &staging.join(name))?;
        }
        write_file(vfs, &staging.join(file::CONFIG), config.as_bytes())?;
        let context = self.retrieval_context();
        let channels = build_channels(&context, self.config().retrieval(), &samples, staging)?;
        build_item_index(&context, self.config().retrieval(), staging, &load_query_encoder, self.config().seed())?;
        let cases = golden::record(&context, staging, &load_query_encoder)?;
        Ok(BTreeMap::from([("channels".to_owned(), channels as u64), ("golden_cases".to_owned(), cases as u64)]))
    }
}
