//! Deletes users. In: their keys, and a `base_dir`. Out: the list that ingest reads holds them, and the interactions of
//! every log file in which they occur are gone: the next run reads those files again, without their rows. What is derived
//! (runs, bundles) is made anew by runs and taken away by retention; it is only named here.

use crate::error::{DataError, Result};
use crate::ingest::{REJECTS, USERS};
use arrow_array::RecordBatch;
use rustc_hash::FxHashSet;
use serde::Serialize;
use std::path::{Path, PathBuf};
use twinspire_core::bundle::{bundles_folder, file};
use twinspire_core::deleted::DeletedUsers;
use twinspire_core::hash::fingerprint64;
use twinspire_core::ids::check_id;
use twinspire_core::in_use::Alone;
use twinspire_core::table::{MappedParts, integers_u64, read_mapped, tables_in, text_column};
use twinspire_core::vfs::{Vfs, remove_folder, sweep_removed};

/// What became of deleted users. Nobody is named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Forgotten {
    /// Users who were not on the list before.
    pub users: usize,
    /// Folders of interactions that held rows of them and were taken away, below `base_dir`.
    pub removed: Vec<String>,
    /// Runs and bundles that were made with their rows and are still there, below `base_dir`.
    pub still_in: Vec<String>,
}

/// Deletes users by their keys, as `input.user` makes them. Done again, it takes away what an earlier try left.
///
/// # Errors
/// `Core(Invalid)` for a key that is no id, `Core(InUse)` while another command reads interactions; damaged tables; I/O.
/// The list comes first: what is on it stays out of interactions from then on, whatever fails later.
pub fn forget_users(vfs: &dyn Vfs, base_dir: &Path, users: &[String]) -> Result<Forgotten> {
    users.iter().try_for_each(|user| check_id("user", user))?;
    let _alone = Alone::with_base_dir(base_dir)?;
    let wanted = Users { keys: users.iter().map(|user| fingerprint64(user.as_bytes())).collect(), users };
    let mut forgotten = Forgotten { users: DeletedUsers::add(vfs, base_dir, users)?, ..Forgotten::default() };
    let shown = |folder: &Path| folder.strip_prefix(base_dir).unwrap_or(folder).to_string_lossy().replace('\\', "/");
    for day in folders_in(vfs, &base_dir.join("interactions"))? {
        // The side table of users is one folder; a day has one for each log file.
        let folders = if day.ends_with(USERS) { vec![day.clone()] } else { folders_in(vfs, &day)? };
        sweep_removed(vfs, &day)?;
        for folder in folders {
            if wanted.are_in_unit(vfs, &folder)? {
                remove_folder(vfs, &folder)?;
                forgotten.removed.push(shown(&folder));
            }
        }
    }
    let runs = folders_in(vfs, &base_dir.join("runs"))?.into_iter().map(|run| (run.join("samples"), run));
    let bundles = folders_in(vfs, &bundles_folder(base_dir))?.into_iter().map(|bundle| (bundle.clone(), bundle));
    for (holder, folder) in runs.chain(bundles) {
        if wanted.have_history(vfs, &holder.join(file::HISTORIES))? {
            forgotten.still_in.push(shown(&folder));
        }
    }
    Ok(forgotten)
}

struct Users<'a> {
    users: &'a [String],
    keys: FxHashSet<u64>,
}

impl Users<'_> {
    /// In the tables of a log file or of a side table, or as text among its rejected rows.
    fn are_in_unit(&self, vfs: &dyn Vfs, folder: &Path) -> Result<bool> {
        for path in tables_in(folder)? {
            for part in MappedParts::open(&path)?.parts() {
                if self.are_in_rows(&part?)? {
                    return Ok(true);
                }
            }
        }
        let path = folder.join(REJECTS);
        if !exists(vfs, &path)? {
            return Ok(false);
        }
        let bytes = vfs.read(&path).map_err(|error| DataError::io(&path, error))?;
        let text = String::from_utf8_lossy(&bytes);
        Ok(self.users.iter().any(|user| text.contains(user.as_str())))
    }

    /// Keys are texts in a side table, and hashes in the interactions of a log file.
    fn are_in_rows(&self, rows: &RecordBatch) -> Result<bool> {
        Ok(match text_column(rows, "key") {
            Ok(keys) => keys.iter().flatten().any(|key| self.keys.contains(&fingerprint64(key.as_bytes()))),
            Err(_) => integers_u64(rows, "key")?.iter().any(|key| self.keys.contains(key)),
        })
    }

    fn have_history(&self, vfs: &dyn Vfs, path: &Path) -> Result<bool> {
        if !exists(vfs, path)? {
            return Ok(false);
        }
        let table = read_mapped(path)?;
        let users = text_column(&table, "user")?;
        Ok(users.iter().flatten().any(|user| self.keys.contains(&fingerprint64(user.as_bytes()))))
    }
}

fn exists(vfs: &dyn Vfs, path: &Path) -> Result<bool> {
    vfs.exists(path).map_err(|error| DataError::io(path, error))
}

/// Folders in a folder, hidden ones aside; none of a folder that is not there.
fn folders_in(vfs: &dyn Vfs, parent: &Path) -> Result<Vec<PathBuf>> {
    let io = |error| DataError::io(parent, error);
    if !vfs.is_dir(parent).map_err(io)? {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for name in vfs.list(parent).map_err(io)? {
        let path = parent.join(&name);
        if !name.to_string_lossy().starts_with('.') && vfs.is_dir(&path).map_err(io)? {
            folders.push(path);
        }
    }
    Ok(folders)
}
