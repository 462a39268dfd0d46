//! Draft and report, sealed as one bundle; then `current` moves.

use super::Run;
use crate::error::CliError;
use std::path::PathBuf;
use twinspire_core::CoreError;
use twinspire_core::bundle::{Draft, bundles_folder, current, date_of, file, publish, set_current};
use twinspire_core::stage::file_record;
use twinspire_model::load_query_encoder;
use twinspire_model::train::read_provenance;
use twinspire_retrieval::Retriever;

/// A sealed bundle.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Published {
    /// Its id.
    pub bundle_id: String,
    /// The bundle that was served before.
    pub previous: Option<String>,
    /// A bundle of the same content was there already.
    pub unchanged: bool,
    /// It is the one that is served now.
    pub current: bool,
    /// Where it lies.
    pub folder: PathBuf,
}

/// When a bundle that was sealed becomes the one that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serve {
    /// At once.
    Always,
    /// Unless one of a later day is served.
    UnlessLater,
}

impl Run<'_> {
    /// Seals the run's draft, opens it as the server would, and points `current` at it as `serve` says. A bundle that does not open
    /// never becomes current.
    ///
    /// # Errors
    /// No draft or report; a bundle that does not open or whose golden set differs; I/O. The earlier bundle is still
    /// current then.
    pub fn publish(&self, serve: Serve) -> Result<Published, CliError> {
        self.need_stage("draft")?;
        self.need_stage("report")?;
        let (vfs, base_dir) = (self.surroundings.vfs, self.config().base_dir());
        let draft = self.bundle_draft()?;
        let (bundle_id, unchanged) = match publish(vfs, self.surroundings.clock, base_dir, &draft) {
            Ok(bundle_id) => (bundle_id, false),
            Err(CoreError::Exists { path }) if path.parent() == Some(&bundles_folder(base_dir)) => {
                (path.file_name().unwrap_or_default().to_string_lossy().into_owned(), true)
            }
            Err(error) => return Err(error.into()),
        };
        let folder = bundles_folder(base_dir).join(&bundle_id);
        Retriever::open(&folder, &load_query_encoder, self.surroundings.clock)
            .map_err(|source| CliError::SealedBundle { folder: folder.clone(), source })?;
        let previous = match current(vfs, base_dir) {
            // A pointer that names no bundle is what publishing puts right.
            Err(CoreError::Damaged { .. }) => None,
            found => found?.filter(|id| *id != bundle_id),
        };
        let is_later = |id: &String| date_of(id) > self.date();
        let current = serve == Serve::Always || !previous.as_ref().is_some_and(is_later);
        if current {
            set_current(vfs, base_dir, &bundle_id)?;
        }
        Ok(Published { bundle_id, previous, unchanged, current, folder })
    }

    fn bundle_draft(&self) -> Result<Draft, CliError> {
        let folder = self.stage_folder("draft");
        let retriever = Retriever::open_draft(&folder, &load_query_encoder, self.surroundings.clock)?;
        let manifest = retriever.bundle().manifest();
        let provenance = read_provenance(self.surroundings.vfs, &folder)?;
        let (place, sha256) = match provenance {
            Some(own) => (own.checkpoint, own.sha256),
            None => {
                ("train/model.safetensors".into(), file_record(&folder.join(file::MODEL), file::MODEL.into())?.sha256)
            }
        };
        Ok(Draft {
            folders: vec![folder, self.stage_folder("report")],
            date: self.date.clone(),
            features_fingerprint: manifest.features_fingerprint.clone(),
            dimension: manifest.dimension,
            items: manifest.items,
            users: manifest.users,
            checkpoint: format!("runs/{}/{place} sha256:{}", self.date, &sha256[..16]),
            seed: self.config().seed(),
        })
    }
}
