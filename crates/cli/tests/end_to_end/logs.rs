//! Log files by themselves: judged, converted, corrected; and the exit code of bad rows.

use crate::binary::{Folder, MINIMAL};
use serde_json::{Value, json};
use std::fs;

/// Rows of the log.
const ROWS: usize = 200;

/// What is wrong with three rows, by line: too few cells, no time, no item. More than 1 in 100, so a run stops.
const DAMAGE: [(usize, &str); 3] = [(11, "u1,3"), (60, "u2,i4,soon"), (101, "u3,,1764590500")];

/// A folder whose log has those rows.
fn damaged() -> Folder {
    let folder = Folder::with(MINIMAL);
    let mut lines = vec!["user,item,time".to_owned()];
    lines.extend((0..ROWS).map(|row| format!("u{},i{},{}", row % 20, row % 7, 1_764_590_400 + row)));
    DAMAGE.iter().for_each(|&(line, row)| lines[line - 1] = row.to_owned());
    fs::write(folder.path().join("logs.csv"), lines.join("\n")).unwrap();
    folder
}

fn lines(folder: &Folder, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.path().join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_check_tells_every_row_and_ends_as_a_run_would() {
    let folder = damaged();
    let ran = folder.run(&["logs", "check", "--json", "--quiet"]);
    let report = ran.json();
    assert_eq!(ran.code, Some(3));
    assert_eq!(report["total"]["rejected"], json!({ "BAD_ID": 1, "BAD_TIME": 1, "FEW_COLUMNS": 1 }));
    assert_eq!((&report["total"]["read"], &report["total"]["accepted"]), (&json!(ROWS), &json!(ROWS - DAMAGE.len())));
    assert_eq!(report["too_many"], json!(["logs.csv"]));
    let text = folder.run(&["logs", "check", "--quiet"]).stdout;
    for place in ["logs.csv:11 FEW_COLUMNS: \"u1,3\"", "logs.csv:60 BAD_TIME in time: \"soon\"", "logs.csv:101 BAD_ID"]
    {
        assert!(text.contains(place), "{place} is not in\n{text}");
    }
    let allowed = folder.run(&["logs", "check", "--quiet", "--set", "input.max_reject_ratio=0.02"]);
    assert_eq!(allowed.code, Some(0));
    assert!(!folder.path().join("out").exists(), "a check writes nothing");
}

#[test]
fn rejected_rows_are_corrected_by_hand_and_take_their_places() {
    let folder = damaged();
    let ran = folder.run(&["samples", "--json", "--quiet"]);
    let error = &ran.json()["error"];
    assert_eq!((ran.code, &error["code"]), (Some(3), &json!("too-many-rejects")));
    let hint = error["hint"].as_str().unwrap();
    let rejects = hint.strip_prefix("look at ").and_then(|hint| hint.split(',').next()).expect("the hint names a file");
    let mut rejects = lines(&folder, rejects);
    assert_eq!(rejects.iter().map(|reject| reject["line"].clone()).collect::<Vec<_>>(), [11, 60, 101]);
    for (reject, row) in rejects.iter_mut().zip(["u1,i3,1764590409", "u2,i4,1764590458", ""]) {
        reject["row"] = row.into();
    }
    let fixed: String = rejects.iter().map(|reject| format!("{reject}\n")).collect();
    fs::write(folder.path().join("fixed.jsonl"), &fixed).unwrap();
    let corrected = ["--json", "--quiet", "--set", "input.corrections=fixed.jsonl"];
    let ran = folder.run(&[&["samples"], &corrected[..]].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let account = &ran.json()["samples"]["accounts"][0];
    assert_eq!((&account["accepted"], &account["filtered"]), (&json!(ROWS - 1), &json!({ "removed_by_hand": 1 })));
    assert_eq!(folder.run(&[&["logs", "check"], &corrected[..]].concat()).code, Some(0));
    fs::write(folder.path().join("fixed.jsonl"), fixed.replace("\"line\":60", "\"line\":61")).unwrap();
    let stale = folder.run(&[&["samples"], &corrected[..]].concat());
    assert_eq!((stale.code, &stale.json()["error"]["code"]), (Some(1), &json!("stale-correction")));
}

#[test]
fn a_file_is_converted_there_and_back_and_never_overwritten() {
    let folder = damaged();
    let convert = |from: &str, to: &str| folder.run(&["logs", "convert", "--from", from, "--to", to, "--json"]);
    let first = convert("logs.csv", "logs.tfrecord.gz");
    assert_eq!((first.code, &first.json()["account"]["rejected"]), (Some(3), &json!({ "FEW_COLUMNS": 1 })));
    for (from, to) in [("logs.tfrecord.gz", "logs.jsonl"), ("logs.jsonl", "back.csv.zst"), ("back.csv.zst", "back.csv")]
    {
        let ran = convert(from, to);
        assert_eq!((ran.code, &ran.json()["account"]["accepted"]), (Some(0), &json!(ROWS - 1)), "{from} to {to}");
    }
    let sorted = |name: &str| {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        text.lines().filter(|line| line.split(',').count() == 3).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(sorted("back.csv"), sorted("logs.csv"));
    let again = convert("logs.csv", "back.csv");
    assert_eq!((again.code, &again.json()["error"]["code"]), (Some(6), &json!("exists")));
}
