//! The only ways in which something becomes visible to readers.
//!
//! A folder is filled under a staging name beside its final name (`.<name>.staging`), synced from the leaves up, and
//! renamed; then the parent is synced. What a dead run left under the staging name is swept by the next one.

use super::Vfs;
use crate::{CoreError, Result, failpoint};
use std::path::{Path, PathBuf};

/// Role of a staging folder of [`share_folder`].
const ATTEMPT: &str = "attempt";

/// Role of a folder that [`remove_folder`] takes away.
const REMOVED: &str = "removed";

fn beside(folder: &Path, role: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{role}"))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Makes the folder that `path` will lie in, level by level, each durable before the next: else a power loss takes away what
/// was published in it.
fn make_parent(vfs: &dyn Vfs, path: &Path) -> Result<()> {
    let folder = parent(path);
    let is_missing = |folder: &&Path| !vfs.exists(folder).unwrap_or(false);
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    if let Some(last) = folder.ancestors().nth(missing.len()) {
        // It may be there from an attempt that failed before it was durable.
        match vfs.sync_dir(parent(last)) {
            // Who may not read a folder has not made the name in it.
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
            synced => at(parent(last), synced)?,
        }
    }
    for level in missing.into_iter().rev() {
        at(level, vfs.create_dir_all(level))?;
        at(parent(level), vfs.sync_dir(parent(level)))?;
    }
    Ok(())
}

fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T> {
    result.map_err(|source| CoreError::io(path, source))
}

/// All files below `folder`, as paths relative to it, sorted.
///
/// # Errors
/// I/O, with the path.
pub fn files_below(vfs: &dyn Vfs, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting = vec![PathBuf::new()];
    while let Some(relative) = waiting.pop() {
        let here = folder.join(&relative);
        for name in at(&here, vfs.list(&here))? {
            let path = relative.join(name);
            if at(&here, vfs.is_dir(&folder.join(&path)))? {
                waiting.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Syncs the entries of a folder and of every folder in it, leaves first.
fn sync_tree(vfs: &dyn Vfs, folder: &Path) -> Result<()> {
    for name in at(folder, vfs.list(folder))? {
        let path = folder.join(name);
        if at(&path, vfs.is_dir(&path))? {
            sync_tree(vfs, &path)?;
        }
    }
    at(folder, vfs.sync_dir(folder))
}

/// Writes a whole small file and syncs its content.
///
/// # Errors
/// I/O, with the path.
pub fn write_file(vfs: &dyn Vfs, path: &Path, content: &[u8]) -> Result<()> {
    let mut file = at(path, vfs.create(path))?;
    at(path, file.write_all(content))?;
    at(path, file.sync())
}

/// Copies a file of any size, makes the folder it goes to, and syncs its content.
///
/// # Errors
/// I/O, with the path.
pub fn copy_file(vfs: &dyn Vfs, from: &Path, to: &Path) -> Result<()> {
    at(parent(to), vfs.create_dir_all(parent(to)))?;
    let mut source = at(from, std::fs::File::open(from))?;
    let mut target = at(to, vfs.create(to))?;
    at(to, std::io::copy(&mut source, &mut target))?;
    at(to, target.sync())
}

/// Fills a fresh staging folder and makes it durable.
fn stage<T, E: From<CoreError>>(
    vfs: &dyn Vfs,
    staging: &Path,
    write: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    at(staging, vfs.remove_dir_all(staging))?;
    at(staging, vfs.create_dir_all(staging))?;
    fill(vfs, staging, write)
}

fn fill<T, E: From<CoreError>>(
    vfs: &dyn Vfs,
    staging: &Path,
    write: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    let filled = write(staging).and_then(|value| {
        failpoint::hit("publish.before_sync");
        sync_tree(vfs, staging)?;
        Ok(value)
    });
    if filled.is_err() {
        // The error that matters is the first one; what cannot be removed now is swept by the next run.
        let _ = vfs.remove_dir_all(staging);
    }
    filled
}

/// Gives a staged folder its name and makes the name durable.
fn reveal(vfs: &dyn Vfs, staging: &Path, folder: &Path) -> Result<()> {
    failpoint::hit("publish.before_rename");
    at(folder, vfs.rename(staging, folder))?;
    failpoint::hit("publish.after_rename");
    at(parent(folder), vfs.sync_dir(parent(folder)))
}

/// Builds a folder aside and makes it visible by one rename: files → fsync → directory fsync → rename → parent fsync.
/// `write` fills the staging folder that it is given; every file it makes must be synced. The value that `write`
/// returns comes back.
///
/// # Errors
/// [`CoreError::Exists`] if `folder` is there; whatever `write` returns; I/O. On an error before the rename nothing is visible.
pub fn atomic_publish<T, E: From<CoreError>>(
    vfs: &dyn Vfs,
    folder: &Path,
    write: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    if at(folder, vfs.exists(folder))? {
        return Err(CoreError::Exists { path: folder.to_owned() }.into());
    }
    make_parent(vfs, folder)?;
    let staging = beside(folder, "staging");
    let value = stage(vfs, &staging, write)?;
    reveal(vfs, &staging, folder)?;
    Ok(value)
}

/// Like [`atomic_publish`], but replaces the folder of an earlier run. For stage folders, which can be made again: the
/// old folder is moved aside first, so a crash between two renames leaves no folder, and the stage runs again.
///
/// # Errors
/// Whatever `write` returns; I/O. When `write` fails, the earlier folder is still there.
pub fn replace_folder<T, E: From<CoreError>>(
    vfs: &dyn Vfs,
    folder: &Path,
    write: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    make_parent(vfs, folder)?;
    let (staging, old) = (beside(folder, "staging"), beside(folder, "old"));
    let value = stage(vfs, &staging, write)?;
    at(&old, vfs.remove_dir_all(&old))?;
    if at(folder, vfs.exists(folder))? {
        at(folder, vfs.rename(folder, &old))?;
    }
    reveal(vfs, &staging, folder)?;
    at(&old, vfs.remove_dir_all(&old))?;
    Ok(value)
}

/// Like [`replace_folder`], for a folder that several processes may make at once: each fills a staging folder of its
/// own, whose name `create_dir` gives to one of them only. The first to be ready gives the folder its name; for the
/// others `is_made` is true then, and they take their own away. What a dead process left is taken away by
/// [`sweep_attempts`].
///
/// # Errors
/// Whatever `write` returns; I/O. When `write` fails, the earlier folder is still there.
pub fn share_folder<T, E: From<CoreError>>(
    vfs: &dyn Vfs,
    folder: &Path,
    is_made: impl Fn() -> bool,
    write: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    make_parent(vfs, folder)?;
    let staging = attempt(vfs, folder)?;
    let value = fill(vfs, &staging, write)?;
    let old = beside(&staging, "old");
    if !is_made() && at(folder, vfs.exists(folder))? {
        at(folder, vfs.rename(folder, &old))?;
    }
    let revealed = if is_made() { None } else { Some(reveal(vfs, &staging, folder)) };
    match revealed {
        // The staging folder has its final name: another attempt may have taken the earlier one since.
        Some(Ok(())) => {}
        Some(Err(error)) if !is_made() => return Err(error.into()),
        Some(Err(_)) | None => at(&staging, vfs.remove_dir_all(&staging))?,
    }
    at(&old, vfs.remove_dir_all(&old))?;
    Ok(value)
}

/// A staging folder that belongs to the caller alone.
fn attempt(vfs: &dyn Vfs, folder: &Path) -> Result<PathBuf> {
    let mut number = 0u64;
    loop {
        let staging = beside(folder, &format!("{ATTEMPT}-{number}"));
        match vfs.create_dir(&staging) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            made => return at(&staging, made).map(|()| staging),
        }
    }
}

/// Takes away what dead attempts of [`share_folder`] left in `parent`, and what lies under an earlier name.
///
/// # Errors
/// I/O, with the path.
pub fn sweep_attempts(vfs: &dyn Vfs, parent: &Path) -> Result<()> {
    sweep(vfs, parent, |name| name.contains(&format!(".{ATTEMPT}-")))
}

/// Takes hidden folders away that are left of something.
fn sweep(vfs: &dyn Vfs, parent: &Path, is_left: impl Fn(&str) -> bool) -> Result<()> {
    if !at(parent, vfs.is_dir(parent))? {
        return Ok(());
    }
    for name in at(parent, vfs.list(parent))? {
        let text = name.to_string_lossy();
        if text.starts_with('.') && is_left(&text) {
            let left = parent.join(name);
            at(&left, vfs.remove_dir_all(&left))?;
        }
    }
    Ok(())
}

/// Takes a folder away so that a reader finds it whole or not at all: by one rename, then for good. What a dead process
/// left of it is taken away by [`sweep_removed`].
///
/// # Errors
/// I/O, with the path.
pub fn remove_folder(vfs: &dyn Vfs, folder: &Path) -> Result<()> {
    let removed = beside(folder, REMOVED);
    at(&removed, vfs.remove_dir_all(&removed))?;
    at(folder, vfs.rename(folder, &removed))?;
    at(parent(folder), vfs.sync_dir(parent(folder)))?;
    at(&removed, vfs.remove_dir_all(&removed))
}

/// Takes away what dead calls of [`remove_folder`] left in `parent`.
///
/// # Errors
/// I/O, with the path.
pub fn sweep_removed(vfs: &dyn Vfs, parent: &Path) -> Result<()> {
    sweep(vfs, parent, |name| name.ends_with(&format!(".{REMOVED}")))
}

/// Writes a file aside and gives it its name by one rename: a reader sees the old file, the new one, or none. `write` makes
/// and syncs the file at the path that it is given.
///
/// # Errors
/// Whatever `write` returns; I/O, with the path.
pub fn replace_file<E: From<CoreError>>(
    vfs: &dyn Vfs,
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    make_parent(vfs, path)?;
    let staging = beside(path, "staging");
    write(&staging)?;
    at(path, vfs.rename(&staging, path))?;
    Ok(at(parent(path), vfs.sync_dir(parent(path)))?)
}

/// Replaces a one-line file (`current`) so that a reader sees the old line or the new one, also after a power loss.
///
/// # Errors
/// I/O, with the path.
pub fn replace_pointer(vfs: &dyn Vfs, path: &Path, line: &str) -> Result<()> {
    make_parent(vfs, path)?;
    let staging = beside(path, "staging");
    write_file(vfs, &staging, format!("{line}\n").as_bytes())?;
    failpoint::hit("pointer.before_rename");
    at(path, vfs.rename(&staging, path))?;
    failpoint::hit("pointer.after_rename");
    at(parent(path), vfs.sync_dir(parent(path)))
}
