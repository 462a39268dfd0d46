//! Where a trained model came from, beside it: its checkpoint, and what its training started from.

use super::WarmStart;
use serde::{Deserialize, Serialize};

/// Name of the file in the stage folder.
pub const PROVENANCE_FILE: &str = "provenance.json";

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The checkpoint of the kept epoch: path in the folder of the run.
    pub checkpoint: String,
    /// SHA-256 of that checkpoint's manifest, and so of everything in it.
    pub sha256: String,
    /// Steps of the model, those of what it started from included.
    pub steps: u64,
    /// The earlier model that training started from; nothing where it started from random parameters.
    pub started_from: Option<StartedFrom>,
}

/// An earlier model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartedFrom {
    /// The run or the bundle.
    pub name: String,
    /// SHA-256 of the manifest of its checkpoint.
    pub sha256: String,
}

impl StartedFrom {
    /// What stays of a start.
    pub(crate) fn of(start: &WarmStart) -> Self {
        Self { name: start.name.clone(), sha256: start.sha256.clone() }
    }
}
