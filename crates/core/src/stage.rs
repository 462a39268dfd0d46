//! How a stage writes its folder: under a temporary name, with a manifest, made visible by one rename; skipped when
//! settings and inputs are those of the folder that is there.

use crate::{clock::Clock, vfs::Vfs, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the manifest in a stage folder.
pub const MANIFEST: &str = "manifest.json";

/// A file with its checksum. Paths are relative for outputs, as given for inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path with `/`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// What a stage folder holds and what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageManifest {
    /// Version of this format.
    pub format: u32,
    /// Name of the stage.
    pub stage: String,
    /// SHA-256 of the settings that matter to this stage and of the fingerprints of its inputs.
    pub fingerprint: String,
    /// Files it was made from.
    pub inputs: Vec<FileRecord>,
    /// Files it holds, the manifest aside.
    pub outputs: Vec<FileRecord>,
    /// Counts that the stage reports.
    pub rows: BTreeMap<String, u64>,
    /// The seed.
    pub seed: u64,
    /// `x86-64-v4`, `x86-64-v3`, `portable`: results are equal within one.
    pub instruction_set: String,
    /// Microseconds UTC; never part of a fingerprint or a checksum.
    pub finished_micros: i64,
}

/// What a stage is told.
pub struct StageContext<'a> {
    /// Every durable write.
    pub vfs: &'a dyn Vfs,
    /// Every look at the time.
    pub clock: &'a dyn Clock,
    /// The seed of the run.
    pub seed: u64,
}

/// Settings and inputs of a stage.
#[derive(Debug, Clone)]
pub struct StageKey {
    /// Name of the stage.
    pub stage: &'static str,
    /// Settings that matter, as canonical JSON.
    pub settings: serde_json::Value,
    /// Files that are read. Checksummed when the stage is decided upon.
    pub inputs: Vec<PathBuf>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum StageOutcome {
    /// The folder was up to date.
    Skipped(StageManifest),
    /// The folder was made.
    Done(StageManifest),
}

impl StageOutcome {
    /// The manifest in the folder.
    pub fn manifest(&self) -> &StageManifest {
        match self {
            Self::Skipped(manifest) | Self::Done(manifest) => manifest,
        }
    }
}

/// Runs a stage unless `folder` is up to date. `write` fills the staging folder and returns the counts.
///
/// # Errors
/// Whatever `write` returns; I/O. The earlier folder is still there then.
pub fn run_stage<E: From<crate::CoreError>>(
    _context: &StageContext<'_>,
    _folder: &Path,
    _key: &StageKey,
    _write: impl FnOnce(&Path) -> Result<BTreeMap<String, u64>, E>,
) -> Result<StageOutcome, E> {
    todo!()
}

/// Reads the manifest of a stage folder.
pub fn read_manifest(_folder: &Path) -> Result<StageManifest> { todo!() }

/// SHA-256 and size of a file, read in blocks.
pub fn file_record(_path: &Path, _name: String) -> Result<FileRecord> { todo!() }

/// SHA-256 of canonical JSON (keys sorted), in hexadecimal.
pub fn fingerprint(_value: &serde_json::Value) -> String { todo!() }

/// The instruction set that the program uses here.
pub fn instruction_set() -> &'static str { todo!() }
