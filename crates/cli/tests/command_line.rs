//! The command line through the real binary: usage, exit codes, JSON, completions, a reader that goes away.

mod binary;

use binary::{Folder, MINIMAL};
use std::io::Read;
use std::process::{Command, Stdio};

#[test]
fn wrong_usage_ends_with_2_and_says_what_was_expected() {
    let folder = Folder::with(MINIMAL);
    for words in
        [&["config", "shwo"][..], &["config", "show", "--sed", "3"], &["config", "show", "--set", "epochs"], &[]]
    {
        let ran = folder.run(words);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{words:?}");
        assert!(ran.stderr.contains("Usage: twinspire") || ran.stderr.contains("--help"), "{}", ran.stderr);
    }
    let ran = folder.run(&["config", "show", "--set", "epochs"]);
    assert!(ran.stderr.contains("expected KEY=VALUE, as in train.epochs=3"), "{}", ran.stderr);
    let ran = folder.run(&["init", "--from", "clicks.csv", "--out", "new.toml", "--set", "train.epochs=3"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("`--set train.epochs` says nothing to it"), "{}", ran.stderr);
}

#[test]
fn wrong_usage_is_json_for_scripts() {
    let ran = Folder::with(MINIMAL).run(&["--json", "config", "shwo"]);
    let found = ran.json();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""));
    assert_eq!((&found["schema_version"], &found["error"]["code"]), (&1.into(), &"usage".into()));
    assert!(found["error"]["message"].as_str().unwrap().contains("shwo"));
}

#[test]
fn help_and_version_are_data() {
    let folder = Folder::with(MINIMAL);
    assert!(folder.run(&["--help"]).done().contains("Usage: twinspire"));
    assert_eq!(folder.run(&["--version"]).done(), format!("twinspire {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_json_reply_names_its_version_and_its_command() {
    let folder = Folder::with(MINIMAL);
    let commands: [(&[&str], &str); 5] = [
        (&["config", "show"], "keys"),
        (&["config", "show", "--effective"], "config"),
        (&["config", "explain", "seed"], "meaning"),
        (&["config", "schema"], "schema"),
        (&["completions", "bash"], "script"),
    ];
    for (words, field) in commands {
        let found = folder.run(&[words, &["--json"][..]].concat()).json();
        assert_eq!(found["schema_version"], 1, "{words:?}");
        assert!(words.join(" ").starts_with(found["command"].as_str().unwrap()), "{words:?}");
        assert!(!found[field].is_null(), "{words:?}");
    }
}

#[test]
fn completions_are_written_for_every_shell() {
    let folder = Folder::with("");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = folder.run(&["completions", shell]).done();
        assert!(script.contains("twinspire") && script.contains("explain"), "{shell}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_twinspire"))
        .args(["config", "schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""));
}
