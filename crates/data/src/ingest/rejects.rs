//! Stored rejects as JSON lines: one file a unit, and one file for all of a run, in the order of the units.

use super::account::Reject;
use crate::error::{DataError, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::vfs::{Vfs, write_file};

/// Writes the rejects of one unit; no file where there are none.
///
/// # Errors
/// I/O.
pub(super) fn write_rejects(vfs: &dyn Vfs, path: &Path, rejects: &[&Reject]) -> Result<()> {
    if rejects.is_empty() {
        return Ok(());
    }
    let mut lines = Vec::new();
    for reject in rejects {
        serde_json::to_writer(&mut lines, reject).map_err(|error| CoreError::io(path, error.into()))?;
        lines.push(b'\n');
    }
    Ok(write_file(vfs, path, &lines)?)
}

/// Joins `files` (those that are there) into `target`. Holds one of them at a time.
///
/// # Errors
/// I/O.
pub(super) fn join_rejects(vfs: &dyn Vfs, files: &[PathBuf], target: &Path) -> Result<()> {
    let mut joined = vfs.create(target).map_err(|error| DataError::io(target, error))?;
    for path in files {
        let failed = |error| DataError::io(path, error);
        if vfs.exists(path).map_err(failed)? {
            let lines = vfs.read(path).map_err(failed)?;
            joined.write_all(&lines).map_err(|error| DataError::io(target, error))?;
        }
    }
    joined.sync().map_err(|error| DataError::io(target, error))
}
