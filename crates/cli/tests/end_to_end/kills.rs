//! Training that is killed at any moment goes on from its newest checkpoint, and ends with the bytes of one that was not.
//!
//! Kills at seeded times are for every build. Kills at the named places inside a checkpoint write need those places:
//! `cargo test -p twinspire-cli --features failpoints --test end_to_end kills`.

use crate::binary::Folder;
use crate::world::{BASE, DATE, published, reply};
use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use twinspire_core::rng::Rng;

/// Four epochs, a checkpoint every third step.
const WORDS: [&str; 9] = [
    "train",
    "--set",
    "train.epochs=4",
    "--set",
    "train.batch_size=64",
    "--set",
    "train.checkpoints.steps=3",
    "--threads",
    "2",
];

/// A copy of the world with samples and without a model.
pub fn untrained() -> Folder {
    let copy = published().copy();
    fs::remove_dir_all(copy.path().join(BASE).join("runs").join(DATE).join("train")).unwrap();
    fs::remove_dir_all(copy.path().join(BASE).join("runs").join(DATE).join("checkpoints")).unwrap();
    copy
}

fn start(folder: &Folder, more: &[&str], variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinspire"));
    command.args(WORDS).args(more).args(["--json", "--quiet"]).current_dir(folder.path()).stdout(Stdio::null());
    command.envs(variables.iter().copied()).stderr(Stdio::null()).spawn().unwrap()
}

/// Model, metrics and item vectors, once the command has ended well.
fn finish(folder: &Folder, more: &[&str]) -> [Vec<u8>; 3] {
    reply(folder, &[&WORDS, more].concat());
    reply(folder, &[&["export"], &WORDS[1..], more].concat());
    let run = folder.path().join(BASE).join("runs").join(DATE);
    let hidden = |name: &fs::DirEntry| name.file_name().to_string_lossy().starts_with('.');
    let left = fs::read_dir(run.join("checkpoints")).unwrap().chain(fs::read_dir(&run).unwrap());
    assert_eq!(left.filter(|entry| hidden(entry.as_ref().unwrap())).count(), 0, "nothing half made is left");
    ["train/model.safetensors", "train/metrics.jsonl", "embeddings/items.f32"]
        .map(|name| fs::read(run.join(name)).unwrap())
}

/// Starts training and kills it after `wait`; a kill that came after its end is tried again, sooner, in another folder.
fn killed_within(mut wait: Duration, more: &[&str], untrained: &impl Fn() -> Folder) -> Folder {
    loop {
        let folder = untrained();
        let mut process = start(&folder, more, &[]);
        sleep(wait);
        let at_work = process.try_wait().unwrap().is_none();
        process.kill().unwrap();
        process.wait().unwrap();
        if at_work {
            return folder;
        }
        wait /= 2;
    }
}

/// Kills training `times` times, each at another moment, and compares what the next command makes; `more` are further words
/// of every command.
pub fn killed_at_seeded_times(times: u64, more: &[&str], untrained: impl Fn() -> Folder) {
    let undisturbed = untrained();
    let started = Instant::now();
    start(&undisturbed, more, &[]).wait().unwrap();
    let whole = started.elapsed();
    let expected = finish(&undisturbed, more);
    for number in 0..times {
        let folder = killed_within(whole.mul_f64(Rng::stream(1, "kill", number).unit()), more, &untrained);
        assert!(finish(&folder, more) == expected, "kill {number} of seed 1");
    }
}

#[test]
fn training_that_is_killed_at_any_time_ends_with_the_same_bytes() {
    killed_at_seeded_times(4, &[], untrained);
}

#[test]
#[ignore = "long: 200 kills"]
fn training_that_is_killed_two_hundred_times_ends_with_the_same_bytes() {
    killed_at_seeded_times(200, &[], untrained);
}

#[cfg(feature = "failpoints")]
#[test]
fn training_that_is_killed_at_every_named_place_ends_with_the_same_bytes() {
    let undisturbed = untrained();
    let expected = finish(&undisturbed, &[]);
    let places = [
        "train.step",
        "checkpoint.tensors_written",
        "checkpoint.state_written",
        "publish.before_sync",
        "publish.before_rename",
        "publish.after_rename",
    ];
    for (place, time) in places.into_iter().flat_map(|place| [1, 2, 5, 11].map(|time| (place, time))) {
        let folder = untrained();
        let point = format!("{place}:{time}");
        let ended = start(&folder, &[], &[("TWINSPIRE_FAILPOINT", &point)]).wait().unwrap();
        assert_eq!(ended.code(), None, "{point} was reached");
        assert!(finish(&folder, &[]) == expected, "{point}");
    }
}

#[test]
fn ctrl_c_saves_and_the_same_command_goes_on() {
    let undisturbed = untrained();
    let expected = finish(&undisturbed, &[]);
    let folder = untrained();
    let longer = ["--set", "train.epochs=100000", "--json", "--quiet"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_twinspire"));
    let process = command.args(WORDS).args(longer).current_dir(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let checkpoints = folder.path().join(BASE).join("runs").join(DATE).join("checkpoints");
    while !checkpoints.exists() {
        sleep(Duration::from_millis(5));
    }
    let told = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    let ended = process.wait_with_output().unwrap();
    let error: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    let error = &error["error"];
    assert_eq!((told.success(), ended.status.code(), &error["code"]), (true, Some(130), &"stopped".into()), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("the same command goes on"), "{error}");
    let saved = error["message"].as_str().unwrap().split("checkpoint ").nth(1).unwrap().to_owned();
    assert!(folder.path().join(saved).join("checkpoint.json").exists(), "{error}");
    assert!(finish(&folder, &[]) == expected, "other settings begin anew");
}
