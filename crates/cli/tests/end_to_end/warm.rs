//! Each day from the model of the day before: what a run says it started from, what is skipped, what is refused, and kills.

use crate::binary::Folder;
use crate::kills::{killed_at_seeded_times, untrained};
use crate::world::{BASE, DATE, copy_of, published, reply};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

/// The day before [`DATE`].
const BEFORE: &str = "2026-11-19";

/// A copy of the world with a trained run of the day before.
fn two_days(folder: &Folder) -> Value {
    reply(folder, &["run", "--backfill", "2026-11-19..2026-11-19", "--days", "3"])["runs"][0].clone()
}

fn train(folder: &Folder, start: &str) -> Value {
    reply(folder, &["train", "--warm-start", start])["train"].clone()
}

/// What a command is refused with.
fn refused(folder: &Folder, words: &[&str]) -> (Option<i32>, String) {
    let ran = folder.run(&[words, &["--json", "--quiet"]].concat());
    let error = &ran.json()["error"];
    (ran.code, format!("{}: {}; {}", error["code"], error["message"], error["hint"]).replace('"', ""))
}

fn run_folder(folder: &Folder, date: &str) -> PathBuf {
    folder.path().join(BASE).join("runs").join(date)
}

#[test]
fn a_run_and_its_bundle_are_the_same_start_and_a_bundle_names_its_checkpoint() {
    let copy = published().copy();
    let earlier = two_days(&copy);
    assert_eq!(earlier["train"]["provenance"]["started_from"], Value::Null);
    let bundle_id = earlier["bundle"]["bundle_id"].as_str().unwrap();
    let manifest = copy.path().join(BASE).join("bundles").join(bundle_id).join("manifest.json");
    let named: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    let named = named["checkpoint"].as_str().unwrap().split(' ').next().unwrap().to_owned();
    assert!(copy.path().join(BASE).join(&named).join("checkpoint.json").exists(), "{named}");
    let warm = train(&copy, "previous");
    assert_eq!((&warm["skipped"], &warm["provenance"]["started_from"]["name"]), (&false.into(), &BEFORE.into()));
    let steps = |trained: &Value| trained["provenance"]["steps"].as_u64().unwrap();
    assert!(steps(&warm) > steps(&earlier["train"]));
    for start in [BEFORE, bundle_id, "previous"] {
        assert_eq!(train(&copy, start)["skipped"], true, "{start} is the same model");
    }
    fs::remove_dir_all(run_folder(&copy, BEFORE)).unwrap();
    assert_eq!(train(&copy, bundle_id)["skipped"], true, "what is made needs no checkpoint");
    let (code, text) = refused(&copy, &["train", "--seed", "43", "--warm-start", bundle_id]);
    assert_eq!(code, Some(1));
    assert!(text.starts_with("warm-start: ") && text.contains("is not there any more"), "{text}");
    let anew = reply(&copy, &["train", "--warm-start", "previous"])["train"].clone();
    assert_eq!(
        (&anew["skipped"], &anew["provenance"]["started_from"]),
        (&false.into(), &Value::Null),
        "no earlier run"
    );
}

#[test]
fn a_start_that_is_none_is_refused_with_what_to_name() {
    let copy = published().copy();
    let words = |start: &'static str| ["train", "--warm-start", start];
    let (code, text) = refused(&copy, &words("2026-11-01"));
    assert!(code == Some(2) && text.contains("2026-11-01` is neither a run nor a bundle"), "{text}");
    let (code, text) = refused(&copy, &words("../runs"));
    assert!(code == Some(2) && text.contains("is neither a run nor a bundle"), "{text}");
    let (code, text) = refused(&copy, &words(DATE));
    assert!(code == Some(2) && text.contains("cannot start from itself"), "{text}");
    two_days(&copy);
    fs::remove_file(run_folder(&copy, BEFORE).join("train/provenance.json")).unwrap();
    let (code, text) = refused(&copy, &words(BEFORE));
    assert!(code == Some(2) && text.contains("does not say which checkpoint"), "{text}");
}

#[test]
fn warm_training_that_is_killed_at_any_time_ends_with_the_same_bytes() {
    let folder = untrained();
    two_days(&folder);
    killed_at_seeded_times(3, &["--set", "train.warm_start=previous"], || copy_of(&folder));
}
