//! Sealing and publishing a bundle.

use super::file;
use super::manifest::{BundleManifest, FORMAT, bundle_id, check_bundle_id};
use crate::stage::{FileRecord, MANIFEST, instruction_set, records_below, write_json};
use crate::vfs::{Vfs, atomic_publish, copy_file, replace_pointer};
use crate::{CoreError, Result, clock::Clock};
use std::path::{Path, PathBuf};

/// What a bundle is sealed with, besides its files.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Stage folders whose files make up the bundle.
    pub folders: Vec<PathBuf>,
    /// Date of the run, the first part of the id.
    pub date: String,
    /// Fingerprint of the feature encoder.
    pub features_fingerprint: String,
    /// Length of the vectors.
    pub dimension: usize,
    /// Items in the corpus.
    pub items: usize,
    /// Users with a history.
    pub users: usize,
    /// Where the model came from.
    pub checkpoint: String,
    /// Seed of the run.
    pub seed: u64,
}

/// Where sealed bundles lie.
pub fn bundles_folder(base_dir: &Path) -> PathBuf {
    base_dir.join("bundles")
}

/// Seals the files of the stage folders in `draft`: checksums, id, manifest; then publishes a copy of them under the id
/// by one rename. `current` is not touched. Returns the id.
///
/// # Errors
/// [`CoreError::Exists`] when a bundle of the same id, and so of the same content, is there; I/O.
pub fn publish(vfs: &dyn Vfs, clock: &dyn Clock, base_dir: &Path, draft: &Draft) -> Result<String> {
    let (files, sources) = files_of(vfs, &draft.folders)?;
    let mut manifest = BundleManifest {
        format: FORMAT,
        bundle_id: String::new(),
        features_fingerprint: draft.features_fingerprint.clone(),
        dimension: draft.dimension,
        items: draft.items,
        users: draft.users,
        checkpoint: draft.checkpoint.clone(),
        seed: draft.seed,
        instruction_set: instruction_set().to_owned(),
        files,
        created_micros: clock.now_micros(),
    };
    manifest.bundle_id = bundle_id(&draft.date, &manifest);
    check_bundle_id(&manifest.bundle_id)?;
    let target = bundles_folder(base_dir).join(&manifest.bundle_id);
    atomic_publish(vfs, &target, |staging| {
        for (record, source) in manifest.files.iter().zip(&sources) {
            copy_file(vfs, source, &staging.join(&record.path))?;
        }
        write_json(vfs, &staging.join(file::MANIFEST), &manifest)
    })?;
    Ok(manifest.bundle_id)
}

/// Records of all files of the folders, their stage manifests aside, and where each lies; sorted by path.
fn files_of(vfs: &dyn Vfs, folders: &[PathBuf]) -> Result<(Vec<FileRecord>, Vec<PathBuf>)> {
    let mut found = Vec::new();
    for folder in folders {
        let records = records_below(vfs, folder)?.into_iter().filter(|record| record.path != MANIFEST);
        found.extend(records.map(|record| (folder.join(&record.path), record)));
    }
    found.sort_by(|(_, left), (_, right)| left.path.cmp(&right.path));
    if let Some(twice) = found.windows(2).find(|pair| pair[0].1.path == pair[1].1.path) {
        return Err(CoreError::Exists { path: twice[1].0.clone() });
    }
    let (sources, records) = found.into_iter().unzip();
    Ok((records, sources))
}

/// Points `<base_dir>/current` at a bundle that is there.
///
/// # Errors
/// `Invalid` for an id that is not one, or of no bundle; I/O.
pub fn set_current(vfs: &dyn Vfs, base_dir: &Path, bundle_id: &str) -> Result<()> {
    check_bundle_id(bundle_id)?;
    let manifest = bundles_folder(base_dir).join(bundle_id).join(file::MANIFEST);
    if !vfs.exists(&manifest).map_err(|error| CoreError::io(&manifest, error))? {
        let reason = format!("there is no bundle `{bundle_id}` in {}", bundles_folder(base_dir).display());
        return Err(CoreError::Invalid { field: "bundle_id".into(), reason });
    }
    replace_pointer(vfs, &base_dir.join("current"), bundle_id)
}

/// The bundle id in `<base_dir>/current`, if there is one.
///
/// # Errors
/// `Damaged` when the line is not a bundle id; I/O.
pub fn current(vfs: &dyn Vfs, base_dir: &Path) -> Result<Option<String>> {
    let path = base_dir.join("current");
    if !vfs.exists(&path).map_err(|error| CoreError::io(&path, error))? {
        return Ok(None);
    }
    let bytes = vfs.read(&path).map_err(|error| CoreError::io(&path, error))?;
    let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
    check_bundle_id(&line).map_err(|_| CoreError::damaged(&path, format!("`{line}` is not a bundle id")))?;
    Ok(Some(line))
}
