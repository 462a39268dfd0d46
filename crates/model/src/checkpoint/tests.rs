//! Every crash point and every n-th failure of writing a checkpoint, every damaged byte, and what is kept.

use super::*;
use serde_json::json;
use std::path::Path;
use twinspire_core::progress::{Heard, Silent};
use twinspire_core::vfs::MemoryVfs;

const FOLDER: &str = "run/checkpoints";

fn durable_run() -> MemoryVfs {
    let vfs = MemoryVfs::default();
    vfs.create_dir_all(Path::new("run")).unwrap();
    ["", "run"].into_iter().for_each(|folder| vfs.sync_dir(Path::new(folder)).unwrap());
    vfs
}

fn checkpoints(vfs: &MemoryVfs) -> Checkpoints<'_> {
    let made_from = json!({"train": {"learning_rate": 0.1, "epochs": 3}, "seed": 7});
    Checkpoints { vfs, folder: FOLDER.into(), made_from, keep: 2 }
}

/// A checkpoint whose state and numbers all tell the step.
fn save(checkpoints: &Checkpoints<'_>, step: u64, best: Option<&str>) -> Result<()> {
    let (numbers, more) = ([step as f32; 5], [step as f32 + 0.5; 3]);
    let tensors =
        [("parameters/a".to_owned(), vec![&numbers[..2], &numbers[2..]]), ("mean/a".to_owned(), vec![&more[..]])];
    checkpoints.save(&name(step, false), best, &step, &tensors)
}

/// The step of the newest checkpoint, once all of it was read.
fn newest(checkpoints: &Checkpoints<'_>, progress: &dyn Progress) -> Option<u64> {
    let loaded = checkpoints.newest::<u64>(progress).unwrap()?;
    let (mut numbers, mut more) = ([0.0; 5], [0.0; 3]);
    let (first, second) = numbers.split_at_mut(4);
    let targets = vec![("mean/a".to_owned(), vec![&mut more[..]]), ("parameters/a".to_owned(), vec![first, second])];
    loaded.fill(targets).unwrap();
    let step = loaded.state;
    assert_eq!((numbers, more), ([step as f32; 5], [step as f32 + 0.5; 3]), "a mix of two checkpoints");
    Some(step)
}

#[test]
fn every_failure_and_every_crash_leaves_the_old_checkpoint_or_the_new_one() {
    let start = durable_run();
    save(&checkpoints(&start), 1, None).unwrap();
    save(&checkpoints(&start), 2, None).unwrap();
    let rehearsal = start.fork();
    save(&checkpoints(&rehearsal), 3, None).unwrap();
    let operations = rehearsal.operations();
    assert!(operations > 15, "{operations}");
    for (operation, crash) in (1..=operations + 1).flat_map(|operation| [(operation, false), (operation, true)]) {
        let vfs = start.fork();
        vfs.fail_at((operation <= operations).then_some(operation));
        let saved = save(&checkpoints(&vfs), 3, None).is_ok();
        assert_eq!(saved, operation > operations, "operation {operation}");
        if crash {
            vfs.crash();
        }
        vfs.fail_at(None);
        let found = newest(&checkpoints(&vfs), &Silent);
        assert!(found == Some(3) || found == Some(2) && !saved, "operation {operation}, crash {crash}: {found:?}");
        let names = vfs.list(Path::new(FOLDER)).unwrap();
        assert!(names.iter().all(|name| name.to_string_lossy().starts_with(PREFIX)), "not swept: {names:?}");
        save(&checkpoints(&vfs), 4, None).unwrap();
        assert_eq!(newest(&checkpoints(&vfs), &Silent), Some(4), "the next one is written");
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_aloud_and_the_one_before_is_read() {
    let start = durable_run();
    save(&checkpoints(&start), 1, None).unwrap();
    save(&checkpoints(&start), 2, None).unwrap();
    let folder = Path::new(FOLDER).join(name(2, false));
    for file in [MANIFEST, format::STATE, format::TENSORS] {
        let (path, bytes) = (folder.join(file), start.read(&folder.join(file)).unwrap());
        let cuts = (0..bytes.len()).map(|len| bytes[..len].to_vec());
        let flips = (0..bytes.len()).map(|at| {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            flipped
        });
        for (number, damaged) in cuts.chain(flips).enumerate() {
            let (vfs, heard) = (start.fork(), Heard::default());
            vfs.create(&path).unwrap().write_all(&damaged).unwrap();
            let found = newest(&checkpoints(&vfs), &heard);
            // White space between the keys of the manifest, and the names of the files in it, say nothing.
            let is_same = found == Some(2) && file == MANIFEST && heard.lines().is_empty();
            let is_earlier = found == Some(1) && heard.lines().len() == 1;
            assert!(is_same || is_earlier, "{file}, damage {number}: {found:?}, {:?}", heard.lines());
        }
        let vfs = start.fork();
        vfs.remove_file(&path).unwrap();
        assert_eq!(newest(&checkpoints(&vfs), &Silent), Some(1), "{file} is missing");
    }
}

#[test]
fn a_checkpoint_of_other_settings_is_not_used_and_the_changed_keys_are_named() {
    let vfs = durable_run();
    save(&checkpoints(&vfs), 1, None).unwrap();
    save(&checkpoints(&vfs), 2, None).unwrap();
    let mut changed = checkpoints(&vfs);
    changed.made_from = json!({"train": {"learning_rate": 0.2, "epochs": 3}, "version": "2"});
    let heard = Heard::default();
    assert_eq!(newest(&changed, &heard), None);
    let line = "checkpoint step-000000000002 is not used: seed, train.learning_rate, version changed since";
    assert_eq!(heard.lines(), [line]);
    assert_eq!(newest(&checkpoints(&vfs), &Silent), Some(2), "they are there until the new run writes its first");
    save(&changed, 1, None).unwrap();
    assert_eq!((newest(&changed, &Silent), newest(&checkpoints(&vfs), &Silent)), (Some(1), None));
}

#[test]
fn the_newest_ones_and_the_best_one_are_kept() {
    let vfs = durable_run();
    let best = name(2, false);
    (1..=6).for_each(|step| save(&checkpoints(&vfs), step, (step >= 2).then_some(&best)).unwrap());
    let names = vfs.list(Path::new(FOLDER)).unwrap();
    assert_eq!(names, [2, 5, 6].map(|step| PathBuf::from(name(step, false))));
    assert!(name(6, false) < name(6, true) && name(6, true) < name(7, false), "names sort by step");
}

#[test]
fn tensors_of_another_length_are_refused() {
    let vfs = durable_run();
    save(&checkpoints(&vfs), 1, None).unwrap();
    let loaded = checkpoints(&vfs).newest::<u64>(&Silent).unwrap().unwrap();
    assert!(loaded.holds("mean/a") && !loaded.holds("mean/b"));
    for (tensor, cells) in [("mean/a", 2), ("mean/b", 3)] {
        let error = loaded.fill(vec![(tensor.to_owned(), vec![&mut vec![0.0; cells][..]])]).unwrap_err();
        assert!(matches!(error, CoreError::Mismatch { .. }) && error.to_string().contains(tensor), "{error}");
    }
}
