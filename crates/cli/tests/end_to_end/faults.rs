//! What is wrong with a config or with the logs ends `check` and `run` alike: with the right exit code, a stable code,
//! the place and a hint, and with the earlier bundle still served.

use crate::binary::{Folder, MINIMAL};
use crate::world::{BASE, DATE, current_bundle, edit, log_of, published, reply};
use serde_json::Value;
use std::fs;
use twinspire_core::stage::{FileRecord, records_below};
use twinspire_core::vfs::RealVfs;

/// What is served; a failed run must not change it.
#[derive(Debug, PartialEq)]
struct Served {
    bundles: Vec<FileRecord>,
    current: String,
    candidates: Value,
}

impl Served {
    fn of(folder: &Folder) -> Self {
        let base = folder.path().join(BASE);
        Self {
            bundles: records_below(&RealVfs, &base.join("bundles")).unwrap(),
            current: fs::read_to_string(base.join("current")).unwrap(),
            candidates: reply(folder, &["recall", "--user", &published().user()])["candidates"].clone(),
        }
    }
}

/// How a command ends.
struct End {
    exit: i32,
    code: &'static str,
    /// Each is named in the message, the hint or a place.
    named: &'static [&'static str],
}

/// Runs a command that is refused and returns its error.
fn refused(folder: &Folder, words: &[&str], end: &End) -> Value {
    let ran = folder.run(&[words, &["--json", "--quiet"]].concat());
    let error = ran.json()["error"].clone();
    assert_eq!((ran.code, &error["code"]), (Some(end.exit), &end.code.into()), "{words:?}: {error}");
    let hint = error["hint"].as_str().map_or_else(|| error["faults"][0]["hint"].as_str(), Some);
    assert!(hint.is_some_and(|hint| !hint.is_empty()), "{words:?}: no hint in {error}");
    for name in end.named {
        assert!(error.to_string().contains(name), "{words:?}: {name} is not named in {error}");
    }
    error
}

/// `check` and `run` of a copy of the world that `spoil` changed; returns the error of `run`.
fn both_refused(spoil: impl FnOnce(&Folder), flags: &[&str], end: &End) -> (Folder, Value) {
    let copy = published().copy();
    let before = Served::of(&copy);
    spoil(&copy);
    refused(&copy, &[&["check"], flags].concat(), end);
    let error = refused(&copy, &[&["run"], flags].concat(), end);
    fs::write(
        copy.path().join("twinspire.toml"),
        fs::read(published().folder().path().join("twinspire.toml")).unwrap(),
    )
    .unwrap();
    assert_eq!(Served::of(&copy), before, "the earlier bundle is served as before");
    (copy, error)
}

/// Replaces text in the config, which holds it.
fn configure(folder: &Folder, from: &str, to: &str) {
    let path = folder.path().join("twinspire.toml");
    let config = fs::read_to_string(&path).unwrap();
    assert!(config.contains(from), "{from}");
    fs::write(path, config.replace(from, to)).unwrap();
}

#[test]
fn a_wrong_column_name_is_named_with_its_key_and_the_column_that_was_meant() {
    for (flags, named) in [
        (["--set", "input.item=itm"], &["input.item: column `itm`", "part-0.csv.gz", "did you mean `item`?"][..]),
        (["--set", "input.event.column=evnt"], &["input.event.column: column `evnt`", "did you mean `event`?"]),
        (
            ["--set", "input.items.item=itm"],
            &["input.items.item: column `itm`", "items.csv.gz", "did you mean `item`?"],
        ),
    ] {
        both_refused(|_| (), &flags, &End { exit: 1, code: "missing-column", named });
    }
}

#[test]
fn a_feature_without_a_column_is_named_with_the_column_that_was_meant() {
    let spoil = |folder: &Folder| configure(folder, "name = \"home_city\"", "name = \"home_cty\"");
    let named = &["features", "home_cty", "did you mean `home_city`?"];
    both_refused(spoil, &[], &End { exit: 1, code: "missing-column", named });
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let spoil = |folder: &Folder| configure(folder, "\nepochs = 1\n", "\nepoch = 1\n");
    let end = End { exit: 2, code: "config", named: &["unknown-key", "train.epoch", "did you mean `epochs`?"] };
    let (folder, error) = both_refused(spoil, &[], &end);
    let config = fs::read_to_string(folder.path().join("twinspire.toml")).unwrap();
    let line = config.lines().position(|line| line == "epochs = 1").unwrap() + 1;
    assert_eq!(error["faults"][0]["place"]["line"], line);
}

#[test]
fn a_day_without_a_folder_is_named() {
    let spoil = |folder: &Folder| fs::remove_dir_all(folder.path().join("logs/date=2026-11-18")).unwrap();
    let named = &["no file for 2026-11-18", "date=2026-11-18/*.csv.gz", "2026-11-16 to 2026-11-20"];
    both_refused(spoil, &[], &End { exit: 1, code: "missing-partition", named });
}

#[test]
fn a_day_without_rows_is_named_whether_it_has_a_header_or_no_byte() {
    let no_rows = |folder: &Folder| edit(&log_of(folder, DATE), |lines| lines.truncate(1));
    let named = &["date=2026-11-20/part-0.csv.gz is empty: 2026-11-20 has no rows", "write the file again"];
    both_refused(no_rows, &[], &End { exit: 1, code: "empty-file", named });
    let no_bytes = |folder: &Folder| fs::write(log_of(folder, DATE), "").unwrap();
    let named = &["2026-11-20: all files are empty that match", "date=2026-11-20/*.csv.gz", "needs logs"];
    both_refused(no_bytes, &[], &End { exit: 1, code: "missing-partition", named });
}

#[test]
fn a_cut_or_false_gzip_file_is_named_with_a_command_that_shows_the_damage() {
    let cut = |folder: &Folder| {
        let packed = fs::read(log_of(folder, DATE)).unwrap();
        fs::write(log_of(folder, DATE), &packed[..packed.len() / 2]).unwrap();
    };
    let plain = |folder: &Folder| fs::write(log_of(folder, DATE), "time,user,item\n1,u,i\n").unwrap();
    let named = &["date=2026-11-20/part-0.csv.gz cannot be read: ", "gzip -t "];
    both_refused(cut, &[], &End { exit: 1, code: "unreadable-file", named });
    both_refused(plain, &[], &End { exit: 1, code: "unreadable-file", named });
}

/// Rejects in the file that the hint of a refused run names.
fn rejects(folder: &Folder, hint: &str) -> Vec<Value> {
    let path =
        hint.strip_prefix("look at ").and_then(|hint| hint.split(", then").next()).expect("the hint names a file");
    let text = fs::read_to_string(folder.path().join(path)).expect("the rejects are kept");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sets the cells `column` of every tenth row of a packed file, from its second row on.
fn spoil_cells(path: &std::path::Path, column: &str, value: &str) {
    edit(path, |lines| {
        let cell = lines[0].split(',').position(|name| name == column).expect("the column is there");
        for line in lines.iter_mut().skip(2).step_by(10) {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[cell] = value;
            *line = cells.join(",");
        }
    });
}

/// The run is refused for cells of value `value`, and the kept rejects name each of them.
fn cells_refused(spoil: impl FnOnce(&Folder), (file, column, kind, value): (&str, &str, &str, &str)) {
    let end = End { exit: 3, code: "too-many-rejects", named: &["max_reject_ratio = 0.01"] };
    let (folder, error) = both_refused(spoil, &[], &end);
    assert!(error["message"].as_str().unwrap().starts_with(&format!("{file}: ")), "{error}");
    assert_eq!(error["places"][0], format!("{file}:3 {kind} in {column}: {value:?}"));
    let rejects = rejects(&folder, error["hint"].as_str().unwrap());
    assert!(rejects.len() >= 10, "{rejects:?}");
    for (reject, line) in rejects.iter().zip((3..).step_by(10)) {
        let found = ["file", "column", "kind", "value"].map(|name| reject[name].as_str().unwrap());
        assert_eq!((found, reject["line"].as_u64()), ([file, column, kind, value], Some(line)));
    }
}

const LOG: &str = "logs/date=2026-11-20/part-0.csv.gz";

#[test]
fn times_that_are_none_are_too_many_rejects() {
    let spoil = |folder: &Folder| spoil_cells(&log_of(folder, DATE), "time", "yesterday");
    cells_refused(spoil, (LOG, "time", "BAD_TIME", "yesterday"));
}

#[test]
fn numbers_that_are_not_finite_are_too_many_rejects_in_logs_and_side_tables() {
    let spoil = |folder: &Folder| spoil_cells(&log_of(folder, DATE), "hour", "NaN");
    cells_refused(spoil, (LOG, "hour", "NON_FINITE", "NaN"));
    let spoil = |folder: &Folder| spoil_cells(&folder.path().join("items.csv.gz"), "price", "inf");
    cells_refused(spoil, ("items.csv.gz", "price", "NON_FINITE", "inf"));
}

#[test]
fn labels_that_are_neither_0_nor_1_are_too_many_rejects() {
    let spoil = |folder: &Folder| {
        configure(folder, r#"event = { column = "event", positive = ["click"] }"#, r#"label = { column = "label" }"#);
        configure(folder, r#"mode = "events""#, r#"mode = "labels""#);
        configure(folder, r#"loss = { kind = "in_batch_softmax", temperature = 0.1 }"#, r#"loss = { kind = "bce" }"#);
        for day in 16..=20 {
            edit(&log_of(folder, &format!("2026-11-{day}")), |lines| {
                for line in lines {
                    *line = line.replace(",event,", ",label,").replace(",impression,", ",0,").replace(",click,", ",1,");
                }
            });
        }
        spoil_cells(&log_of(folder, DATE), "label", "2");
    };
    cells_refused(spoil, (LOG, "label", "LABEL", "2"));
}

#[test]
fn a_few_bad_rows_are_counted_and_the_rest_is_published() {
    let copy = published().copy();
    edit(&log_of(&copy, "2026-11-16"), |lines| {
        let click = lines.iter_mut().find(|line| line.contains(",click,")).expect("somebody clicked");
        *click = click.replacen("2026-11-16T", "yesterday ", 1);
    });
    let reply = reply(&copy, &["run"]);
    let accounts = reply["samples"]["accounts"].as_array().unwrap();
    let account = accounts.iter().find(|account| account["path"] == LOG.replace("-20", "-16")).unwrap();
    assert_eq!(account["rejected"], serde_json::json!({ "BAD_TIME": 1 }));
    let sum = account["accepted"].as_u64().unwrap() + 1;
    assert_eq!((account["read"].as_u64(), &account["filtered"]), (Some(sum), &serde_json::json!({})));
    assert_eq!(reply["bundle"]["unchanged"], false);
}

#[test]
fn a_length_that_nobody_serves_is_refused_in_the_config() {
    let config = |value: &'static [&'static str]| End { exit: 2, code: "config", named: value };
    both_refused(|_| (), &["--set", "evaluate.k=[0]"], &config(&["evaluate.k", "1000"]));
    both_refused(|_| (), &["--set", "evaluate.k=[1001]"], &config(&["evaluate.k", "1000"]));
}

#[test]
fn nothing_published_and_an_address_for_everybody_are_refused() {
    let empty = Folder::with(MINIMAL);
    let end = End { exit: 1, code: "no-bundle", named: &["`twinspire run` makes and publishes one"] };
    refused(&empty, &["recall", "--user", "u"], &end);
    refused(&empty, &["serve", "--listen", "127.0.0.1:0"], &end);
    let end = End { exit: 2, code: "config", named: &["serve.listen", "loopback", "--listen", "use 127.0.0.1:0"] };
    refused(published().folder(), &["serve", "--listen", "0.0.0.0:0"], &end);
}

#[test]
fn a_run_goes_well_again_once_the_rows_are_corrected() {
    let copy = published().copy();
    let sound = fs::read(log_of(&copy, DATE)).unwrap();
    spoil_cells(&log_of(&copy, DATE), "time", "yesterday");
    refused(&copy, &["run"], &End { exit: 3, code: "too-many-rejects", named: &[] });
    fs::write(log_of(&copy, DATE), sound).unwrap();
    let again = reply(&copy, &["run"]);
    assert_eq!((&again["bundle"]["unchanged"], &again["samples"]["samples"]["skipped"]), (&true.into(), &true.into()));
    assert!(current_bundle(&copy).ends_with(published().bundle_id()));
}
