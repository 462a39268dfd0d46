//! Every crash point and every n-th failure of the ways to publish: a reader finds the old or the new state, never
//! neither, never a mix.

use super::*;
use crate::{CoreError, Result};

const FOLDER: &str = "base/runs/day";
const POINTER: &str = "base/current";

fn fill(vfs: &dyn Vfs, version: &str) -> impl Fn(&Path) -> Result<()> {
    move |staging: &Path| {
        write_file(vfs, &staging.join("a"), version.as_bytes())?;
        vfs.create_dir_all(&staging.join("deep")).map_err(|error| CoreError::io(staging, error))?;
        write_file(vfs, &staging.join("deep/b"), version.as_bytes())
    }
}

/// The version in the folder: both files, or nothing at all.
fn version(vfs: &dyn Vfs) -> Option<String> {
    let folder = Path::new(FOLDER);
    if !vfs.exists(folder).unwrap() {
        return None;
    }
    let [first, second] = ["a", "deep/b"].map(|name| String::from_utf8(vfs.read(&folder.join(name)).unwrap()).unwrap());
    assert_eq!(first, second, "a mix of two versions");
    Some(first)
}

/// Runs `act` with a failure at every operation, and with a crash right after it; hands every end to `check`.
fn at_every_point(start: &MemoryVfs, act: impl Fn(&MemoryVfs) -> Result<()>, check: impl Fn(&MemoryVfs, bool)) {
    let rehearsal = start.fork();
    act(&rehearsal).unwrap();
    let operations = rehearsal.operations();
    assert!(operations > 3);
    for operation in 1..=operations + 1 {
        for crash in [false, true] {
            let vfs = start.fork();
            vfs.fail_at((operation <= operations).then_some(operation));
            let done = act(&vfs).is_ok();
            assert_eq!(done, operation > operations);
            if crash {
                vfs.crash();
            }
            vfs.fail_at(None);
            check(&vfs, done);
        }
    }
}

fn durable_base() -> MemoryVfs {
    let vfs = MemoryVfs::default();
    vfs.create_dir_all(Path::new("base/runs")).unwrap();
    for folder in ["", "base", "base/runs"] {
        vfs.sync_dir(Path::new(folder)).unwrap();
    }
    vfs
}

#[test]
fn a_published_folder_is_whole_or_not_there() {
    let act = |vfs: &MemoryVfs| atomic_publish(vfs, Path::new(FOLDER), fill(vfs, "new"));
    at_every_point(&durable_base(), act, |vfs, done| {
        let found = version(vfs);
        assert!(found.as_deref().is_none_or(|text| text == "new"));
        assert!(!done || found.is_some(), "publish returned, but the folder is lost");
        if found.is_none() {
            act(vfs).unwrap();
            assert_eq!(version(vfs).as_deref(), Some("new"), "the next try does it");
        }
    });
}

#[test]
fn what_was_published_in_a_folder_that_was_not_there_survives_a_power_loss() {
    let start = MemoryVfs::default();
    let act = |vfs: &MemoryVfs| atomic_publish(vfs, Path::new(FOLDER), fill(vfs, "new"));
    at_every_point(&start, act, |vfs, done| {
        assert!(!done || version(vfs).is_some(), "publish returned, but the folder is lost");
        if version(vfs).is_none() {
            act(vfs).unwrap();
            vfs.crash();
            assert_eq!(version(vfs).as_deref(), Some("new"), "the next try does it");
        }
    });
}

#[test]
fn a_published_folder_is_never_overwritten() {
    let vfs = durable_base();
    atomic_publish(&vfs, Path::new(FOLDER), fill(&vfs, "old")).unwrap();
    let again = atomic_publish(&vfs, Path::new(FOLDER), fill(&vfs, "new"));
    assert!(matches!(again, Err(CoreError::Exists { .. })));
    assert_eq!(version(&vfs).as_deref(), Some("old"));
}

#[test]
fn a_replaced_folder_is_old_or_new_or_made_again() {
    let start = durable_base();
    replace_folder(&start, Path::new(FOLDER), fill(&start, "old")).unwrap();
    let act = |vfs: &MemoryVfs| replace_folder(vfs, Path::new(FOLDER), fill(vfs, "new"));
    at_every_point(&start, act, |vfs, done| {
        let found = version(vfs);
        assert!(!done || found.as_deref() == Some("new"));
        act(vfs).unwrap();
        assert_eq!(version(vfs).as_deref(), Some("new"));
    });
}

#[test]
fn a_folder_whose_making_fails_leaves_the_old_one() {
    let vfs = durable_base();
    replace_folder(&vfs, Path::new(FOLDER), fill(&vfs, "old")).unwrap();
    let failed: Result<()> = replace_folder(&vfs, Path::new(FOLDER), |staging| {
        fill(&vfs, "new")(staging)?;
        Err(CoreError::damaged("input", "cut short"))
    });
    assert!(failed.is_err());
    assert_eq!(version(&vfs).as_deref(), Some("old"));
    assert_eq!(vfs.list(Path::new("base/runs")).unwrap(), [PathBuf::from("day")], "no staging folder is left");
}

#[test]
fn a_removed_folder_is_whole_or_not_there() {
    let start = durable_base();
    replace_folder(&start, Path::new(FOLDER), fill(&start, "old")).unwrap();
    at_every_point(
        &start,
        |vfs| remove_folder(vfs, Path::new(FOLDER)),
        |vfs, done| {
            let found = version(vfs);
            assert!(found.is_none() || (!done && found.as_deref() == Some("old")));
            sweep_removed(vfs, Path::new("base/runs")).unwrap();
            assert_eq!(vfs.list(Path::new("base/runs")).unwrap().len(), usize::from(found.is_some()));
        },
    );
}

#[test]
fn a_pointer_is_the_old_line_or_the_new_one() {
    let start = durable_base();
    replace_pointer(&start, Path::new(POINTER), "old").unwrap();
    let act = |vfs: &MemoryVfs| replace_pointer(vfs, Path::new(POINTER), "new");
    at_every_point(&start, act, |vfs, done| {
        let line = String::from_utf8(vfs.read(Path::new(POINTER)).unwrap()).unwrap();
        assert!(line == "old\n" || line == "new\n", "{line:?}");
        assert!(!done || line == "new\n");
    });
}

#[test]
fn the_memory_file_system_really_loses_what_was_not_synced() {
    let vfs = durable_base();
    write_file(&vfs, Path::new("base/unsynced-name"), b"x").unwrap();
    vfs.create(Path::new("base/unsynced-content")).unwrap().write_all(b"x").unwrap();
    vfs.sync_dir(Path::new("base")).unwrap();
    write_file(&vfs, Path::new("base/later"), b"x").unwrap();
    vfs.crash();
    assert_eq!(vfs.read(Path::new("base/unsynced-content")).unwrap(), b"");
    assert_eq!(vfs.read(Path::new("base/unsynced-name")).unwrap(), b"x", "its name was synced with the folder");
    assert!(!vfs.exists(Path::new("base/later")).unwrap());
}

/// What both file systems must do alike.
fn contract(vfs: &dyn Vfs, base: &Path) {
    let at = |name: &str| base.join(name);
    vfs.create_dir_all(&at("x/y")).unwrap();
    write_file(vfs, &at("x/y/file"), b"content").unwrap();
    assert_eq!(vfs.read(&at("x/y/file")).unwrap(), b"content");
    assert!(
        vfs.is_dir(&at("x/y")).unwrap() && !vfs.is_dir(&at("x/y/file")).unwrap() && !vfs.is_dir(&at("none")).unwrap()
    );
    assert_eq!(files_below(vfs, &at("x")).unwrap(), [PathBuf::from("y/file")]);
    vfs.rename(&at("x/y"), &at("x/z")).unwrap();
    assert_eq!(vfs.list(&at("x")).unwrap(), [PathBuf::from("z")]);
    vfs.create_dir_all(&at("full/inside")).unwrap();
    assert!(vfs.rename(&at("x/z"), &at("full")).is_err(), "a folder that is not empty is never replaced");
    write_file(vfs, &at("other"), b"new").unwrap();
    vfs.rename(&at("other"), &at("x/z/file")).unwrap();
    assert_eq!(vfs.read(&at("x/z/file")).unwrap(), b"new", "a file is replaced");
    vfs.remove_file(&at("x/z/file")).unwrap();
    assert!(vfs.read(&at("x/z/file")).is_err() && vfs.remove_file(&at("x/z/file")).is_err());
    vfs.sync_dir(&at("x")).unwrap();
    vfs.remove_dir_all(&at("x")).unwrap();
    vfs.remove_dir_all(&at("x")).unwrap();
    assert!(!vfs.exists(&at("x")).unwrap());
}

#[test]
fn the_real_file_system_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract(&RealVfs, folder.path());
}

#[test]
fn the_memory_file_system_keeps_the_contract() {
    contract(&MemoryVfs::default(), Path::new(""));
}

#[test]
fn a_file_system_without_syncs_keeps_the_contract_and_loses_what_was_published_by_it() {
    contract(&Unsynced(&MemoryVfs::default()), Path::new(""));
    let vfs = durable_base();
    atomic_publish(&vfs, Path::new(FOLDER), fill(&vfs, "old")).unwrap();
    let unsynced = Unsynced(&vfs);
    replace_folder(&unsynced, Path::new(FOLDER), fill(&unsynced, "new")).unwrap();
    assert_eq!(version(&vfs).as_deref(), Some("new"));
    vfs.crash();
    assert_eq!(version(&vfs).as_deref(), Some("old"), "none of it reached the disk");
}
