//! `run`, and the commands that it stands for: what they leave behind, what is skipped, what is made again.

use crate::binary::Folder;
use crate::world::{BASE, DATE, ITEMS, files, published, reply};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;
use tempfile::TempDir;
use twinspire_core::bundle::file;
use twinspire_core::clock::SystemClock;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::stage::{FileRecord, MANIFEST, read_manifest, records_below};
use twinspire_core::vfs::RealVfs;
use twinspire_model::load_query_encoder;
use twinspire_retrieval::Retriever;

/// What lies beside them: the checkpoints of training, and what TensorBoard reads.
const BESIDE: usize = 2;

/// Stage folders of a run, in order.
const STAGES: [&str; 6] = ["interactions", "samples", "train", "embeddings", "draft", "report"];

fn names(folder: &Path) -> Vec<String> {
    files(folder).iter().map(|name| name.display().to_string()).collect()
}

fn records(folder: &Path) -> Vec<FileRecord> {
    records_below(&RealVfs, folder).unwrap()
}

/// `skipped` of every stage, in order.
fn skipped(reply: &Value) -> Vec<bool> {
    let samples = &reply["samples"];
    let stages =
        [&samples["interactions"], &samples["samples"], &reply["train"], &reply["embeddings"], &reply["draft"]];
    stages
        .into_iter()
        .chain([&reply["report"]])
        .map(|stage| stage["skipped"].as_bool().expect("a stage says it"))
        .collect()
}

#[test]
fn every_folder_of_a_run_holds_the_files_that_its_manifest_lists() {
    let world = published();
    for stage in STAGES {
        let folder = world.stage(stage);
        let manifest = read_manifest(&RealVfs, &folder).unwrap();
        let mut found = records(&folder);
        found.retain(|record| record.path != MANIFEST);
        assert_eq!(manifest.outputs, found, "{stage}");
        assert!(!found.is_empty() && manifest.rows.values().any(|count| *count > 0), "{stage}: {:?}", manifest.rows);
    }
    let beside = fs::read_dir(world.stage("")).unwrap().count();
    assert_eq!(beside, STAGES.len() + BESIDE, "nothing else is left in the folder of the run");
}

#[test]
fn each_stage_writes_what_others_read() {
    let world = published();
    let all = names(&world.stage(""));
    let expected = [
        "interactions/accounts.json",
        "interactions/rejects.jsonl",
        "interactions/window.json",
        "samples/features.json",
        "samples/histories.arrow",
        "samples/items.arrow",
        "samples/queries/test.arrow",
        "samples/queries/validation.arrow",
        "samples/statistics.json",
        "samples/train/00000.arrow",
        "samples/validation/00000.arrow",
        "train/metrics.jsonl",
        "train/model.safetensors",
        "embeddings/items.f32",
        "embeddings/items.npy",
        "embeddings/items.parquet",
        "embeddings/items.txt",
        "embeddings/users.npy",
        "embeddings/users.parquet",
        "embeddings/users.txt",
        "report/report.json",
    ];
    let shared = names(&world.folder().path().join(BASE).join("interactions"));
    for day in ["2026-11-16/", "2026-11-20/", "items/table.arrow", "users/table.arrow"] {
        assert!(shared.iter().any(|name| name.starts_with(day)), "{day} is not among {shared:#?}");
    }
    let missing: Vec<_> = expected.iter().filter(|name| !all.iter().any(|found| found == *name)).collect();
    assert!(missing.is_empty(), "{missing:?} are not among {all:#?}");
}

#[test]
fn the_bundle_holds_everything_that_is_served_and_opens() {
    let world = published();
    let base = world.folder().path().join(BASE);
    assert_eq!(fs::read_to_string(base.join("current")).unwrap(), format!("{}\n", world.bundle_id()));
    assert!(world.bundle_id().starts_with(DATE), "{}", world.bundle_id());
    let folder = base.join("bundles").join(world.bundle_id());
    let channels = ["item_cf", "popular", "popular_by"].map(|name| format!("{}/{name}.arrow", file::CHANNELS));
    let others =
        [file::CONFIG, file::FEATURES, file::GOLDEN, file::HISTORIES, file::INDEX, file::ITEM_EMBEDDINGS, file::ITEMS];
    let more = [file::ATTRIBUTES, file::MANIFEST, file::MERGE, file::MODEL, file::PROVENANCE, file::REPORT];
    let others = others.into_iter().chain(more).map(str::to_owned);
    let mut expected: Vec<_> = channels.into_iter().chain(others).collect();
    expected.sort();
    let mut found = names(&folder);
    found.sort();
    assert_eq!(found, expected);
    let bundles = fs::read_dir(base.join("bundles")).unwrap().count();
    assert_eq!(bundles, 1, "nothing half made is left beside the bundle");
    let retriever = Retriever::open(&folder, &load_query_encoder, &SystemClock).unwrap();
    let manifest = retriever.bundle().manifest();
    assert_eq!((retriever.bundle().id(), manifest.items, manifest.dimension), (world.bundle_id(), ITEMS, 32));
    assert!(!retriever.bundle().golden().cases.is_empty(), "there is a golden set to recompute");
}

#[test]
fn the_report_judges_every_channel_and_the_merged_list() {
    let world = published();
    let report = &world.reply()["report"];
    let rows: Vec<_> = report["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(rows, ["two_tower", "item_cf", "popular_by", "popular", "merged", "popularity"]);
    assert_eq!((&report["part"], &report["items"]), (&"test".into(), &ITEMS.into()));
    for row in report["rows"].as_array().unwrap() {
        let recall = |k: usize| row["metrics"][format!("recall@{k}")].as_f64().unwrap();
        let recalls = [10, 20, 50, 100].map(recall);
        assert!(recalls.is_sorted() && recalls[0] > 0.0 && recalls[3] <= 1.0, "{row}");
    }
    let stored: Value = serde_json::from_slice(&fs::read(world.stage("report").join(file::REPORT)).unwrap()).unwrap();
    assert_eq!((&stored["rows"], &stored["queries"]), (&report["rows"], &report["queries"]));
}

#[test]
fn a_second_run_skips_every_stage_and_changes_no_byte() {
    let world = published();
    let copy = world.copy();
    let before = records(&copy.path().join(BASE));
    let again = reply(&copy, &["run"]);
    assert_eq!((skipped(world.reply()), skipped(&again)), (vec![false; 6], vec![true; 6]));
    assert_eq!(
        (&again["bundle"]["bundle_id"], &again["bundle"]["unchanged"]),
        (&world.bundle_id().into(), &true.into())
    );
    assert_eq!(
        (&again["report"]["rows"], &again["bundle"]["previous"]),
        (&world.reply()["report"]["rows"], &Value::Null)
    );
    assert_eq!(records(&copy.path().join(BASE)), before);
}

#[test]
fn a_run_goes_on_from_the_first_stage_that_is_not_there() {
    let world = published();
    let copy = world.copy();
    fs::remove_dir_all(copy.path().join(BASE).join("runs").join(DATE).join("embeddings")).unwrap();
    let again = reply(&copy, &["run"]);
    assert_eq!(skipped(&again), [true, true, true, false, true, true], "what follows reads the same bytes as before");
    assert_eq!(again["bundle"]["bundle_id"], world.bundle_id());
}

#[test]
fn a_run_that_is_killed_goes_on_and_makes_the_same_bundle() {
    let world = published();
    let base = TempDir::new().unwrap();
    let words = ["run", "--base-dir", base.path().to_str().unwrap()];
    let run = base.path().join("runs").join(DATE);
    let mut process = Command::new(env!("CARGO_BIN_EXE_twinspire"))
        .args(words)
        .args(["--json", "--quiet"])
        .current_dir(world.folder().path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !run.join("samples").exists() && process.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let again = reply(world.folder(), &words);
    assert_eq!(skipped(&again)[..2], [true, true], "what was finished is kept");
    assert_eq!(again["bundle"]["bundle_id"], world.bundle_id());
    let hidden: Vec<_> = names(base.path()).into_iter().filter(|name| name.contains("/.")).collect();
    assert_eq!(
        (hidden, fs::read_dir(run).unwrap().count()),
        (vec![], STAGES.len() + BESIDE),
        "nothing half made is left"
    );
}

#[test]
fn the_last_day_of_the_window_names_the_run_and_the_bundle() {
    let world = published();
    let base = TempDir::new().unwrap();
    let window = ["--date", "2026-11-19", "--days", "3"];
    let made = reply(world.folder(), &[&["run", "--base-dir", base.path().to_str().unwrap()], &window[..]].concat());
    assert_eq!((&made["run"], made["samples"]["accounts"].as_array().unwrap().len()), (&"2026-11-19".into(), 3 + 2));
    assert!(made["bundle"]["bundle_id"].as_str().unwrap().starts_with("2026-11-19-"), "{}", made["bundle"]);
    assert!(base.path().join("runs/2026-11-19/report/report.json").exists());
}

#[test]
fn the_commands_of_the_stages_in_order_make_the_bundle_of_run() {
    let world = published();
    let base = TempDir::new().unwrap();
    let words = |command| [command, "--base-dir", base.path().to_str().unwrap()];
    for command in ["samples", "train", "export", "evaluate"] {
        reply(world.folder(), &words(command));
        assert!(!base.path().join("current").exists(), "{command} publishes nothing");
    }
    let bundle = reply(world.folder(), &words("publish"))["bundle"].clone();
    assert_eq!((&bundle["bundle_id"], &bundle["unchanged"]), (&world.bundle_id().into(), &false.into()));
}

#[test]
fn a_stage_whose_input_is_missing_says_which_command_makes_it() {
    let world = published();
    let base = TempDir::new().unwrap();
    for (command, stage) in
        [("train", "samples"), ("export", "train"), ("evaluate", "embeddings"), ("publish", "draft")]
    {
        let ran = world.folder().run(&[command, "--json", "--quiet", "--base-dir", base.path().to_str().unwrap()]);
        let error = &ran.json()["error"];
        assert_eq!((ran.code, &error["code"]), (Some(1), &"stage-missing".into()), "{command}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("`{stage}` has not been made yet in ")), "{command}: {message}");
        assert_eq!(error["hint"], "`twinspire run` makes what is missing and keeps what is there");
        assert_eq!(names(base.path()), [""; 0], "{command} leaves nothing behind");
    }
}

#[test]
fn another_number_of_epochs_makes_training_and_what_follows_again_but_not_the_samples() {
    let world = published();
    let copy = world.copy();
    let again = reply(&copy, &["run", "--set", "train.epochs=5"]);
    assert_eq!(skipped(&again), [true, true, false, false, false, false]);
    assert_eq!(again["train"]["epochs"].as_array().unwrap().len(), 5);
    assert_ne!(again["bundle"]["bundle_id"], world.bundle_id());
    assert_eq!(
        (&again["bundle"]["previous"], &again["bundle"]["unchanged"]),
        (&world.bundle_id().into(), &false.into())
    );
    assert_eq!(current(&copy), again["bundle"]["bundle_id"].as_str().unwrap());
    assert_eq!(fs::read_dir(copy.path().join(BASE).join("bundles")).unwrap().count(), 2, "the earlier bundle is kept");
}

#[test]
fn the_first_config_comes_back_with_its_bundle() {
    let world = published();
    let copy = world.copy();
    reply(&copy, &["run", "--set", "channels.leave_out_seen=false"]);
    assert_ne!(current(&copy), world.bundle_id());
    let back = reply(&copy, &["run"]);
    assert_eq!((&back["bundle"]["unchanged"], current(&copy).as_str()), (&true.into(), world.bundle_id()));
}

fn current(folder: &Folder) -> String {
    fs::read_to_string(folder.path().join(BASE).join("current")).unwrap().trim_end().to_owned()
}

#[test]
fn item_embeddings_as_text_hold_each_item_once_and_read_back_bit_by_bit() {
    let folder = published().stage("embeddings");
    let text = EmbeddingTable::read_text(&folder.join("items.txt")).unwrap();
    let mut ids = text.ids.clone();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), text.ids.len(), text.dimension), (ITEMS, ITEMS, 32));
    let raw = EmbeddingTable::read_raw(&folder.join("items.f32"), text.ids.clone()).unwrap();
    let bits = |table: &EmbeddingTable| table.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&text), bits(&raw));
    assert!(text.unit_length, "the score of a pair is a cosine");
    let npy = fs::read(folder.join("items.npy")).unwrap();
    let values: Vec<u8> = text.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(npy.starts_with(b"\x93NUMPY") && npy.ends_with(&values), "the matrix ends the .npy file");
}

#[test]
fn without_json_a_run_says_what_became_of_rows_and_which_bundle_is_served() {
    let world = published();
    let copy = world.copy();
    let ran = copy.run(&["run"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for said in ["== interactions: up to date", "== train: up to date", "merged", world.bundle_id()] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    assert!(ran.stderr.contains(&format!("run {DATE} in ")), "{}", ran.stderr);
}
