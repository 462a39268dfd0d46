//! A trained model to embeddings of items and users, in every form that others read.

use super::Run;
use crate::error::CliError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::history::Histories;
use twinspire_core::items::ItemTable;
use twinspire_core::stage::{StageKey, StageOutcome, run_stage};
use twinspire_data::convert::embeddings_to_parquet;
use twinspire_model::warm::PROVENANCE_FILE;
use twinspire_model::{TwoTower, load_query_encoder};
use twinspire_retrieval::embeddings::user_embeddings;

/// Raw item vectors, which the bundle takes over.
pub(super) const ITEM_VECTORS: &str = "items.f32";

impl Run<'_> {
    /// Where the trained model lies.
    pub(super) fn model_path(&self) -> PathBuf {
        self.stage_folder("train").join("model.safetensors")
    }

    /// Where it says what the model came from.
    pub(super) fn provenance_path(&self) -> PathBuf {
        self.stage_folder("train").join(PROVENANCE_FILE)
    }

    /// `embeddings`: `items.{txt,npy,parquet,f32}` and `users.{txt,npy,parquet}`.
    ///
    /// # Errors
    /// No trained model; I/O.
    pub fn export(&self) -> Result<StageOutcome, CliError> {
        self.need_stage("train")?;
        let samples = self.samples_layout();
        let key = StageKey {
            stage: "export",
            settings: serde_json::Value::Null,
            inputs: vec![self.model_path(), samples.features(), samples.items(), samples.histories()],
        };
        run_stage(&self.stage_context(), &self.stage_folder("embeddings"), &key, |staging| {
            self.write_embeddings(staging)
        })
    }

    fn write_embeddings(&self, staging: &Path) -> Result<BTreeMap<String, u64>, CliError> {
        let (samples, encoder) = (self.samples_layout(), self.encoder()?);
        let items = Arc::new(ItemTable::open(&samples.items(), &encoder)?);
        let histories = Histories::open(&samples.histories(), items.len())?;
        let model = TwoTower::load(&self.model_path(), &encoder)?;
        let ids = (0..items.len() as u32).map(|row| items.id(row).to_owned()).collect();
        let vectors = model.encode_items(&items.features(), self.config().threads())?;
        let item_table = EmbeddingTable::new(ids, model.dimension(), vectors)?;
        self.write_forms(&item_table, staging, "items")?;
        item_table.write_raw(self.surroundings.vfs, &staging.join(ITEM_VECTORS))?;
        let tower = load_query_encoder(&self.model_path(), &encoder, items.clone())?;
        let users = user_embeddings(&encoder, &items, &histories, tower.as_ref(), self.config().threads())?;
        self.write_forms(&users, staging, "users")?;
        Ok([("items", item_table.ids.len()), ("users", users.ids.len())]
            .map(|(name, rows)| (name.to_owned(), rows as u64))
            .into())
    }

    fn write_forms(&self, table: &EmbeddingTable, staging: &Path, name: &str) -> Result<(), CliError> {
        let vfs = self.surroundings.vfs;
        table.write_text(vfs, &staging.join(format!("{name}.txt")))?;
        table.write_npy(vfs, &staging.join(format!("{name}.npy")))?;
        Ok(embeddings_to_parquet(table, vfs, &staging.join(format!("{name}.parquet")))?)
    }
}
