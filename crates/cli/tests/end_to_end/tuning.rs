//! Settings tried by successive halving: the table, its refusals, and what a kill leaves.

use crate::binary::Folder;
use crate::world::{BASE, DATE, published, reply};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Epochs enough for the last rung.
const WORDS: [&str; 3] = ["tune", "--set", "train.epochs=4"];

const TUNE: &str = r#"
[tune]
trials = 6
steps = 12
reduction = 2

[[tune.ranges]]
kind = "log"
key = "train.learning_rate"
from = 1e-3
to = 3e-2

[[tune.ranges]]
kind = "list"
key = "train.loss.temperature"
values = [0.05, 0.1]

[[tune.ranges]]
kind = "linear"
key = "train.batch_size"
from = 200
to = 256
"#;

/// A copy of the world with something to try.
fn with(tune: &str) -> Folder {
    let folder = published().copy();
    let path = folder.path().join("twinspire.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config + tune).unwrap();
    folder
}

/// The folder of the only search.
fn search(folder: &Folder) -> PathBuf {
    let mut searches = fs::read_dir(folder.path().join(BASE).join("runs").join(DATE).join("tune")).unwrap();
    let found = searches.next().unwrap().unwrap().path();
    assert!(searches.next().is_none(), "one search, one folder");
    found
}

fn checkpoints(folder: &Folder) -> usize {
    let trials = fs::read_dir(search(folder)).unwrap();
    trials.filter(|trial| trial.as_ref().unwrap().path().join("checkpoints").exists()).count()
}

fn numbers(tuned: &Value, steps: u64) -> Vec<u64> {
    let trials = tuned["trials"].as_array().unwrap().iter();
    let reached = |trial: &&Value| trial["judged"].as_array().unwrap().iter().any(|judged| judged["steps"] == steps);
    trials.filter(reached).map(|trial| trial["number"].as_u64().unwrap()).collect()
}

#[test]
fn the_best_settings_go_on_and_come_out_as_a_recipe() {
    let folder = with(TUNE);
    let said = reply(&folder, &[&WORDS[..], &["--html", "tune.html"]].concat());
    let tuned = &said["tuned"];
    assert_eq!(tuned["metric"], "recall@20");
    assert_eq!((numbers(tuned, 3).len(), numbers(tuned, 6).len(), numbers(tuned, 12).len()), (6, 3, 1));
    let figure = |trial: &Value, rung: usize| trial["judged"][rung]["metrics"]["recall@20"].as_f64();
    let trials = tuned["trials"].as_array().unwrap();
    let out: Vec<f64> =
        trials.iter().filter(|trial| figure(trial, 1).is_none()).filter_map(|one| figure(one, 0)).collect();
    let on: Vec<f64> =
        trials.iter().filter(|trial| figure(trial, 1).is_some()).filter_map(|one| figure(one, 0)).collect();
    assert!(on.iter().all(|on| out.iter().all(|out| on >= out)), "{on:?} went on, {out:?} did not");
    assert_eq!((checkpoints(&folder), said["best"]["trial"].as_u64()), (0, trials[0]["number"].as_u64()));
    let page = fs::read_to_string(folder.path().join("tune.html")).unwrap();
    assert!(page.contains("<h2>After 12 steps</h2>") && page.contains("train.loss.temperature"), "{page}");

    // The recipe is one: the config with it is a config.
    let toml = said["best"]["toml"].as_str().unwrap();
    assert!(toml.starts_with("[train]\nbatch_size = ") && toml.contains("kind = \"in_batch_softmax\""), "{toml}");
    fs::write(folder.path().join("best.toml"), toml).unwrap();
    assert_eq!(reply(&folder, &["compare", "best.toml"])["recipes"][0]["name"], "best");

    let text = folder.run(&[&WORDS[..], &["--quiet"]].concat()).done();
    assert!(text.contains("full corpus of 120 items") && text.contains(toml.trim_end()), "{text}");
    assert_eq!(reply(&folder, &WORDS)["tuned"], *tuned, "nothing is judged twice");
}

#[test]
fn a_killed_search_goes_on_and_ends_with_the_same_table() {
    let undisturbed = with(TUNE);
    let expected = reply(&undisturbed, &WORDS);
    let folder = with(TUNE);
    let words = [&WORDS[..], &["--quiet", "--threads", "1"]].concat();
    for judged in [1, 4, 7, 9] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinspire"));
        let mut process = command.args(&words).current_dir(folder.path()).stdout(Stdio::null()).spawn().unwrap();
        let rungs = folder.path().join(BASE).join("runs").join(DATE).join("tune");
        let count = || {
            let trials =
                fs::read_dir(&rungs).into_iter().flatten().flatten().flat_map(|search| fs::read_dir(search.path()));
            let stages = trials.flatten().flatten().flat_map(|trial| fs::read_dir(trial.path())).flatten().flatten();
            stages.filter(|stage| stage.file_name().to_string_lossy().starts_with("rung-")).count()
        };
        while count() < judged && process.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1));
        }
        process.kill().unwrap();
        process.wait().unwrap();
        assert!(count() >= judged);
    }
    assert_eq!(reply(&folder, &WORDS), expected);
    assert_eq!(checkpoints(&folder), 0);
}

#[test]
fn a_trial_that_diverges_is_shown_and_does_not_go_on() {
    let wild = TUNE.replace("from = 1e-3\nto = 3e-2", "from = 1e37\nto = 1e38");
    let folder = with(&wild);
    let tuned = reply(&folder, &WORDS)["tuned"].clone();
    assert_eq!(numbers(&tuned, 12), [0], "only the config as it stands went on");
    let ended = tuned["trials"].as_array().unwrap().iter().filter(|trial| trial["ended"][0] == "diverged").count();
    assert_eq!(ended, 5, "{tuned}");
    let all = folder.run(&["tune", "--json", "--quiet", "--set", "train.learning_rate=1e38"]);
    assert_eq!((all.code, &all.json()["error"]["code"]), (Some(4), &"diverged".into()), "{}", all.stdout);
}

#[test]
fn what_cannot_be_tried_is_refused_before_anything_is_trained() {
    let cases = [
        ("train.learning_rate", "train.learning_rat", "did you mean `train.learning_rate`?"),
        ("train.batch_size", "evaluate.k", "a key of [model] or [train]"),
        ("train.batch_size", "train.keep", "`list` takes any values"),
        ("train.batch_size", "train.learning_rate", "one entry for each key"),
        ("to = 256", "to = 1e9", "train.batch_size: 2 to 1048576"),
        ("to = 256", "to = 100", "above `from`"),
        ("values = [0.05, 0.1]", "values = [0.05, 0.1, 100.0]", "train.loss.temperature: 0.02 to 10"),
        ("trials = 6", "trials = 6\nmetric = \"recall@7\"", "one of recall@"),
        ("steps = 12", "steps = 3", "4 or more"),
    ];
    for (from, to, said) in cases {
        let folder = with(&TUNE.replace(from, to));
        let ran = folder.run(&["tune"]);
        assert!(ran.code == Some(2) && ran.stderr.contains(said), "{to}: {}", ran.stderr);
        assert!(!folder.path().join(BASE).join("runs").join(DATE).join("tune").exists(), "{to}");
    }
    let none = published().folder().run(&["tune"]);
    assert!(none.code == Some(2) && none.stderr.contains("[tune]"), "{}", none.stderr);
}
