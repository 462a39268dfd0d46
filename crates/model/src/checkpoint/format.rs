//! The files of one checkpoint.
//!
//! `tensors.f32`: all numbers, little-endian, one tensor after the other. `state.json`: the state of the run, and names and
//! lengths of the tensors. `checkpoint.json`: what the checkpoint was made from, size and checksum of the other two.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
use twinspire_core::ids::MISSING;
use twinspire_core::stage::{FileRecord, read_json, sha256, write_json, write_parts};
use twinspire_core::vfs::Vfs;
use twinspire_core::{CoreError, Result, failpoint};

pub(super) const MANIFEST: &str = "checkpoint.json";
pub(super) const STATE: &str = "state.json";
pub(super) const TENSORS: &str = "tensors.f32";

/// Version of these files.
const FORMAT: u32 = 1;

/// A tensor's name, and its numbers in one or several pieces.
pub(crate) type Pieces<'a> = (String, Vec<&'a [f32]>);

/// As [`Pieces`], to be filled.
pub(crate) type PiecesMut<'a> = (String, Vec<&'a mut [f32]>);

/// What `checkpoint.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    pub(super) made_from: Value,
    tensors: FileRecord,
    state: FileRecord,
}

/// What `state.json` says.
#[derive(Debug, Serialize, Deserialize)]
struct Stored<S> {
    state: S,
    /// Names and lengths, in the order of the file.
    tensors: Vec<(String, usize)>,
}

/// A checkpoint that was read.
#[derive(Debug)]
pub(crate) struct Loaded<S> {
    pub(crate) state: S,
    tensors: Vec<(String, usize)>,
    bytes: Vec<u8>,
}

/// Fills the folder of a checkpoint.
pub(super) fn write<S: Serialize>(
    vfs: &dyn Vfs,
    folder: &Path,
    made_from: &Value,
    (state, tensors): (&S, &[Pieces<'_>]),
) -> Result<()> {
    let numbers = tensors.iter().flat_map(|(_, pieces)| pieces).map(|piece| bytemuck::cast_slice(piece));
    let numbers = write_parts(vfs, &folder.join(TENSORS), numbers)?;
    failpoint::hit("checkpoint.tensors_written");
    let length = |pieces: &[&[f32]]| pieces.iter().map(|piece| piece.len()).sum();
    let tensors = tensors.iter().map(|(name, pieces)| (name.clone(), length(pieces))).collect();
    let text = serde_json::to_vec(&Stored { state, tensors }).expect("a state is plain data");
    let state = write_parts(vfs, &folder.join(STATE), [&text[..]])?;
    failpoint::hit("checkpoint.state_written");
    let manifest = Manifest { format: FORMAT, made_from: made_from.clone(), tensors: numbers, state };
    write_json(vfs, &folder.join(MANIFEST), &manifest)
}

pub(super) fn read_manifest(vfs: &dyn Vfs, folder: &Path) -> Result<Manifest> {
    let manifest: Manifest = read_json(vfs, &folder.join(MANIFEST))?;
    if manifest.format == FORMAT {
        return Ok(manifest);
    }
    let (expected, found) = (FORMAT.to_string(), manifest.format.to_string());
    Err(CoreError::Mismatch { what: "format of the checkpoint".into(), expected, found })
}

/// Reads a checkpoint whose files are what the manifest says.
pub(super) fn read<S: DeserializeOwned>(vfs: &dyn Vfs, folder: &Path, manifest: &Manifest) -> Result<Loaded<S>> {
    let text = read_whole(vfs, &folder.join(STATE), &manifest.state)?;
    let damaged = |name: &str, reason: String| CoreError::damaged(folder.join(name), reason);
    let stored: Stored<S> = serde_json::from_slice(&text).map_err(|error| damaged(STATE, error.to_string()))?;
    let bytes = read_whole(vfs, &folder.join(TENSORS), &manifest.tensors)?;
    let cells: usize = stored.tensors.iter().map(|(_, cells)| cells).sum();
    if bytes.len() != cells * size_of::<f32>() {
        return Err(damaged(TENSORS, format!("it has {} bytes, the state says {cells} numbers", bytes.len())));
    }
    Ok(Loaded { state: stored.state, tensors: stored.tensors, bytes })
}

fn read_whole(vfs: &dyn Vfs, path: &Path, record: &FileRecord) -> Result<Vec<u8>> {
    let bytes = vfs.read(path).map_err(|error| CoreError::io(path, error))?;
    if bytes.len() as u64 == record.size && sha256(&bytes) == record.sha256 {
        return Ok(bytes);
    }
    Err(CoreError::damaged(path, "it does not have the checksum that its manifest records"))
}

impl<S> Loaded<S> {
    /// Is there a tensor of this name?
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.tensors.iter().any(|(own, _)| own == name)
    }

    /// Copies the numbers of these tensors into their pieces.
    ///
    /// # Errors
    /// A tensor is missing or has another length; pieces before it are filled then.
    pub(crate) fn fill(&self, targets: Vec<PiecesMut<'_>>) -> Result<()> {
        for (name, pieces) in targets {
            let cells = pieces.iter().map(|piece| piece.len()).sum();
            let mut bytes = self.tensor(&name, cells)?;
            for piece in pieces {
                let (own, rest) = bytes.split_at(size_of_val(piece));
                bytemuck::cast_slice_mut(piece).copy_from_slice(own);
                bytes = rest;
            }
        }
        Ok(())
    }

    /// Copies rows of a tensor that has `of` rows into these pieces, each of whole rows: row `r` is row `rows[r]` of the
    /// tensor, or stays as it is where that is [`MISSING`].
    ///
    /// # Errors
    /// As [`Loaded::fill`].
    pub(crate) fn fill_rows(&self, (name, pieces): PiecesMut<'_>, (rows, of): (&[u32], usize)) -> Result<()> {
        let cells: usize = pieces.iter().map(|piece| piece.len()).sum();
        let width = cells / rows.len().max(1);
        let bytes = self.tensor(&name, width * of)?;
        let targets = pieces.into_iter().flat_map(|piece| piece.chunks_exact_mut(width.max(1)));
        for (target, row) in targets.zip(rows).filter(|(_, row)| **row != MISSING) {
            let own = *row as usize * size_of_val(target);
            bytemuck::cast_slice_mut(target).copy_from_slice(&bytes[own..own + width * size_of::<f32>()]);
        }
        Ok(())
    }

    fn tensor(&self, name: &str, cells: usize) -> Result<&[u8]> {
        let mut start = 0;
        for (own, len) in &self.tensors {
            if own == name && *len == cells {
                return Ok(&self.bytes[start * size_of::<f32>()..][..cells * size_of::<f32>()]);
            }
            start += len;
        }
        let expected = format!("`{name}` of {cells} numbers");
        let found = self.tensors.iter().map(|(name, cells)| format!("`{name}` of {cells}")).collect::<Vec<_>>();
        Err(CoreError::Mismatch { what: "tensor of the checkpoint".into(), expected, found: found.join(", ") })
    }
}
