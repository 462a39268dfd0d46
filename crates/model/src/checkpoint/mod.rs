//! Checkpoints of a training run, so that a run that ended early goes on as if nothing had happened.
//!
//! In: the state of a run and its tensors, between two steps. Out: `step-<number>` folders, of which the newest sound one is
//! read again. A folder becomes visible by one rename, says what it was made from, and has a checksum for each of its
//! files. What a run does with its state is not decided here.

mod format;
#[cfg(test)]
mod tests;

pub(crate) use format::{Loaded, Pieces, PiecesMut};

use crate::error::Result;
use format::{MANIFEST, read, read_manifest, write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::progress::Progress;
use twinspire_core::stage::sha256;
use twinspire_core::vfs::{Vfs, atomic_publish};

/// Name of the folder of checkpoints, beside the stage folder.
pub const CHECKPOINTS_FOLDER: &str = "checkpoints";

/// Beginning of a checkpoint's name; twelve digits follow, so that names sort by step.
const PREFIX: &str = "step-";

/// Reads the checkpoint in this folder, and what it was made from; nothing where none is there whose manifest has this
/// SHA-256.
///
/// # Errors
/// It is damaged; I/O.
pub(crate) fn open<S: DeserializeOwned>(
    vfs: &dyn Vfs,
    folder: &Path,
    expected: &str,
) -> Result<Option<(Loaded<S>, Value)>> {
    match checksum(vfs, folder)? {
        Some(found) if found == expected => {
            let manifest = read_manifest(vfs, folder)?;
            Ok(Some((read(vfs, folder, &manifest)?, manifest.made_from)))
        }
        Some(_) | None => Ok(None),
    }
}

/// SHA-256 of the manifest of the checkpoint in this folder, if there is one: of everything in it, since the manifest has
/// the checksums of the other files.
///
/// # Errors
/// I/O.
pub(crate) fn checksum(vfs: &dyn Vfs, folder: &Path) -> Result<Option<String>> {
    let path = folder.join(MANIFEST);
    let io = |error| CoreError::io(&path, error);
    if !vfs.exists(&path).map_err(io)? {
        return Ok(None);
    }
    Ok(Some(sha256(&vfs.read(&path).map_err(io)?)))
}

/// The checkpoints of one run.
pub(crate) struct Checkpoints<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) folder: PathBuf,
    /// Everything that decides the bytes of the run.
    pub(crate) made_from: Value,
    /// How many of the newest are kept.
    pub(crate) keep: usize,
}

/// Name of a checkpoint after that many steps; one that was judged follows the one of the same step that was not.
pub(crate) fn name(step: u64, judged: bool) -> String {
    format!("{PREFIX}{step:012}{}", if judged { "-judged" } else { "" })
}

impl Checkpoints<'_> {
    /// Takes away what a dead run left half written, and reads the newest checkpoint that is sound and was made from the
    /// same settings and inputs. Says aloud which ones are passed over, and why.
    ///
    /// # Errors
    /// I/O, of listing and sweeping the folder; a checkpoint that cannot be read is passed over.
    pub(crate) fn newest<S: DeserializeOwned>(&self, progress: &dyn Progress) -> Result<Option<Loaded<S>>> {
        let mut told = false;
        for name in self.swept()?.iter().rev() {
            let folder = self.folder.join(name);
            match read_manifest(self.vfs, &folder) {
                Ok(manifest) if manifest.made_from != self.made_from => {
                    let changed = difference(&manifest.made_from, &self.made_from);
                    let line = format!("checkpoint {name} is not used: {} changed since", changed.join(", "));
                    if !std::mem::replace(&mut told, true) {
                        progress.line(&line);
                    }
                }
                manifest => match manifest.and_then(|manifest| read(self.vfs, &folder, &manifest)) {
                    Ok(loaded) => return Ok(Some(loaded)),
                    Err(error) => progress.line(&format!("checkpoint {name} is passed over: {error}")),
                },
            }
        }
        Ok(None)
    }

    /// Takes away the checkpoints that were made from the same settings and inputs.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn clear(&self) -> Result<()> {
        for name in self.swept()?.iter().filter(|name| self.is_own(name)) {
            self.remove(&self.folder.join(name))?;
        }
        Ok(())
    }

    fn is_own(&self, name: &str) -> bool {
        read_manifest(self.vfs, &self.folder.join(name)).is_ok_and(|manifest| manifest.made_from == self.made_from)
    }

    /// Writes a checkpoint, then takes away all but the newest ones of this run and `best`.
    ///
    /// # Errors
    /// I/O. Earlier checkpoints are as they were then.
    pub(crate) fn save<S: Serialize>(
        &self,
        name: &str,
        best: Option<&str>,
        state: &S,
        tensors: &[Pieces<'_>],
    ) -> Result<()> {
        let folder = self.folder.join(name);
        // It is damaged or from other settings: a run goes on from the newest one that is neither.
        self.remove(&folder)?;
        atomic_publish(self.vfs, &folder, |staging| write(self.vfs, staging, &self.made_from, (state, tensors)))?;
        let names = self.names()?;
        let own: Vec<&String> = names.iter().filter(|name| self.is_own(name)).collect();
        let newest = &own[own.len().saturating_sub(self.keep)..];
        for name in names.iter().filter(|name| !newest.contains(name) && best != Some(name.as_str())) {
            self.remove(&self.folder.join(name))?;
        }
        Ok(())
    }

    /// Folder of a checkpoint, if it is there.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        let path = self.folder.join(name);
        self.vfs.exists(&path.join(MANIFEST)).unwrap_or(false).then_some(path)
    }

    /// Names of the checkpoints, oldest first, once everything else is swept away.
    fn swept(&self) -> Result<Vec<String>> {
        if !self.vfs.is_dir(&self.folder).map_err(|error| CoreError::io(&self.folder, error))? {
            return Ok(Vec::new());
        }
        for name in self.list()?.iter().filter(|name| !name.starts_with(PREFIX)) {
            self.remove(&self.folder.join(name))?;
        }
        self.names()
    }

    fn names(&self) -> Result<Vec<String>> {
        let mut names = self.list()?;
        names.retain(|name| name.starts_with(PREFIX));
        Ok(names)
    }

    fn list(&self) -> Result<Vec<String>> {
        let names = self.vfs.list(&self.folder).map_err(|error| CoreError::io(&self.folder, error))?;
        Ok(names.iter().map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn remove(&self, folder: &Path) -> Result<()> {
        Ok(self.vfs.remove_dir_all(folder).map_err(|error| CoreError::io(folder, error))?)
    }
}

/// Keys whose values differ, with dots between the levels; a list counts as one value.
fn difference(earlier: &Value, now: &Value) -> Vec<String> {
    let (Value::Object(earlier), Value::Object(now)) = (earlier, now) else { return Vec::new() };
    let gone = earlier.iter().filter(|(key, _)| !now.contains_key(*key)).map(|(key, _)| key.clone());
    let mut changed: Vec<String> = gone.collect();
    for (key, value) in now {
        match earlier.get(key) {
            Some(before) if before == value => {}
            before => {
                let below = difference(before.unwrap_or(&Value::Null), value);
                let full = below.iter().map(|inner| format!("{key}.{inner}"));
                changed.extend(if below.is_empty() { vec![key.clone()] } else { full.collect() });
            }
        }
    }
    changed
}
