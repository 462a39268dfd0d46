//! A damaged bundle is never served: every file is checked when it is opened, and another bundle can be pointed at.
//! What is damaged in the folder of a run is made again.

use crate::binary::Folder;
use crate::world::{BASE, DATE, current_bundle, files, published, reply};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The error of a `recall` that fails with exit code 1.
fn recall_fails(folder: &Folder) -> Value {
    let ran = folder.run(&["recall", "--user", "nobody", "--json"]);
    let error = ran.json()["error"].clone();
    assert_eq!(ran.code, Some(1), "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
    error
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn one_flipped_byte_in_any_file_of_the_bundle_is_found_and_the_file_named() {
    let copy = published().copy();
    let bundle = current_bundle(&copy);
    let names = files(&bundle);
    assert!(names.len() >= 13, "{names:?}");
    for name in names {
        let path = bundle.join(&name);
        let sound = fs::read(&path).unwrap();
        flip_a_byte(&path);
        let error = recall_fails(&copy);
        assert_eq!(error["code"], "damaged", "{error}");
        assert!(error["message"].as_str().unwrap().contains(&format!("/{} is damaged", name.display())), "{error}");
        fs::write(&path, sound).unwrap();
    }
    reply(&copy, &["recall", "--user", "nobody"]);
}

#[test]
fn a_file_that_is_gone_cut_or_too_many_is_named() {
    let copy = published().copy();
    let bundle = current_bundle(&copy);
    let model = bundle.join("model.safetensors");
    let sound = fs::read(&model).unwrap();
    fs::remove_file(&model).unwrap();
    let message = |folder| recall_fails(folder)["message"].as_str().unwrap().to_owned();
    assert!(message(&copy).ends_with("model.safetensors is damaged: it is listed in the manifest and not there"));
    fs::write(&model, &sound[..sound.len() - 1]).unwrap();
    assert!(message(&copy).ends_with("model.safetensors is damaged: its size or SHA-256 is not that of the manifest"));
    fs::write(&model, sound).unwrap();
    fs::write(bundle.join("extra"), "").unwrap();
    assert!(message(&copy).ends_with("extra is damaged: it is not listed in the manifest"));
}

#[test]
fn a_bundle_under_another_name_is_refused() {
    let copy = published().copy();
    let bundle = current_bundle(&copy);
    fs::rename(&bundle, bundle.with_file_name("2026-11-20-00000000")).unwrap();
    fs::write(copy.path().join(BASE).join("current"), "2026-11-20-00000000\n").unwrap();
    let error = recall_fails(&copy);
    assert_eq!(error["code"], "mismatch");
    assert!(error["message"].as_str().unwrap().contains("2026-11-20-00000000"), "{error}");
}

#[test]
fn a_pointer_to_nothing_or_outside_is_named_and_run_puts_it_right() {
    let world = published();
    let copy = world.copy();
    let pointer = copy.path().join(BASE).join("current");
    for (line, code) in [("2026-11-20-ffffffff\n", "io"), ("../runs\n", "damaged"), ("", "damaged")] {
        fs::write(&pointer, line).unwrap();
        let error = recall_fails(&copy);
        assert_eq!(error["code"], code, "{error}");
        assert!(error["message"].as_str().unwrap().contains(BASE), "{error}");
        let again = reply(&copy, &["run"]);
        assert_eq!(again["bundle"]["unchanged"], true);
        assert_eq!(fs::read_to_string(&pointer).unwrap(), format!("{}\n", world.bundle_id()));
    }
}

#[test]
fn while_a_new_bundle_is_damaged_the_earlier_one_can_be_pointed_at_again() {
    let world = published();
    let copy = world.copy();
    reply(&copy, &["run", "--set", "channels.leave_out_seen=false"]);
    flip_a_byte(&current_bundle(&copy).join("item_embeddings.f32"));
    recall_fails(&copy);
    fs::write(copy.path().join(BASE).join("current"), format!("{}\n", world.bundle_id())).unwrap();
    assert_eq!(reply(&copy, &["recall", "--user", "nobody"])["bundle_id"], world.bundle_id());
}

#[test]
fn a_damaged_bundle_never_becomes_current_and_is_made_again_once_it_is_taken_away() {
    let world = published();
    let copy = world.copy();
    let bundle = current_bundle(&copy);
    let pointer = copy.path().join(BASE).join("current");
    fs::remove_file(&pointer).unwrap();
    flip_a_byte(&bundle.join("items.arrow"));
    let ran = copy.run(&["run", "--json", "--quiet"]);
    let error = ran.json()["error"].clone();
    assert_eq!((ran.code, &error["code"], pointer.exists()), (Some(1), &"damaged".into(), false), "{error}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains(world.bundle_id()) && hint.contains("`twinspire publish`"), "{hint}");
    fs::remove_dir_all(&bundle).unwrap();
    let again = reply(&copy, &["publish"]);
    assert_eq!(
        (&again["bundle"]["bundle_id"], &again["bundle"]["unchanged"]),
        (&world.bundle_id().into(), &false.into())
    );
    reply(&copy, &["recall", "--user", "nobody"]);
}

#[test]
fn a_flipped_byte_in_the_folder_of_a_run_is_made_good_and_never_reaches_a_bundle() {
    let world = published();
    let copy = world.copy();
    let run = copy.path().join(BASE).join("runs").join(DATE);
    let of_stages = ["interactions/window.json", "samples/histories.arrow", "samples/train/00000.arrow"];
    let of_stages =
        of_stages.into_iter().chain(["train/model.safetensors", "embeddings/items.f32", "draft/merge.json"]);
    for name in of_stages {
        let sound = fs::read(run.join(name)).unwrap();
        flip_a_byte(&run.join(name));
        let again = reply(&copy, &["run"]);
        assert_eq!(again["bundle"]["bundle_id"], world.bundle_id(), "{name}");
        assert_eq!(fs::read(run.join(name)).unwrap(), sound, "{name}");
    }
    assert_eq!(fs::read_dir(copy.path().join(BASE).join("bundles")).unwrap().count(), 1);
}
