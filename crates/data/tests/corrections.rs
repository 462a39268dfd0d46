//! Reject, correct, accept: a line of `rejects.jsonl` with a corrected row takes the place of the row that was rejected.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use serde_json::Value;
use twinspire_core::vfs::RealVfs;
use twinspire_data::logs::convert_log;
use workplace::{FEATURES, Workplace};

fn config(path: &str, more: &str) -> String {
    format!(
        "[input]\npath = \"{path}\"\nuser = \"user\"\nmax_reject_ratio = 1.0\ntime = {{ column = \"t\" }}\n\
         label = {{ column = \"label\" }}\n{more}\n\
         [samples]\nsplit = {{ kind = \"by_column\", column = \"item\", test = [\"none\"] }}\n{FEATURES}"
    )
}

/// The stored rejects of the last run.
fn rejects(place: &Workplace) -> Vec<Value> {
    let text = std::fs::read_to_string(place.run_dir().join("interactions/rejects.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes rejects back, each row as `correct` gives it.
fn write_corrections(place: &Workplace, rejects: &[Value], correct: impl Fn(&str) -> String) {
    let line = |reject: &Value| {
        let mut reject = reject.clone();
        reject["row"] = correct(reject["row"].as_str().unwrap()).into();
        reject.to_string() + "\n"
    };
    place.write("fixed.jsonl", rejects.iter().map(line).collect::<String>());
}

const BAD: &str = "user,item,t,label\na,1,1764590400,1\nb,\"2,1764590401,1\nc,3,1764590402,yes\nd,4,noon,0\n\
    e,\"5\n6\",1764590404,2\nf,7,1764590405,0\n";
const GOOD: &str = "user,item,t,label\na,1,1764590400,1\nb,2,1764590401,1\nc,3,1764590402,1\nd,4,1764590403,0\n\
    e,\"5|6\",1764590404,1\nf,7,1764590405,0\n";

#[test]
fn corrected_rows_are_accepted_and_give_the_interactions_of_a_sound_file() {
    let place = Workplace::with("log.csv", GOOD);
    place.ingest(&config("log.csv", "")).unwrap();
    let wanted = place.interactions();
    let place = Workplace::with("log.csv", BAD);
    let first = place.ingest(&config("log.csv", "")).unwrap();
    assert_eq!((first.accounts[0].read, first.accounts[0].accepted), (7, 2));
    let fields = ["file", "line", "byte_offset", "column", "kind", "value", "row", "hint"];
    assert!(rejects(&place).iter().all(|reject| fields.iter().all(|field| reject.get(field).is_some())));
    write_corrections(&place, &rejects(&place), |row| {
        let row = row.replace("\"2", "2").replace("yes", "1").replace("noon", "1764590403");
        if row == "6\",1764590404,2" { String::new() } else { row.replace("\"5\n6\",1764590404,2", "5|6,1764590404,1") }
    });
    let corrected = place.ingest(&config("log.csv", "corrections = \"fixed.jsonl\"")).unwrap();
    let account = &corrected.accounts[0];
    assert_eq!((account.read, account.accepted, account.filtered["removed_by_hand"]), (7, 6, 1));
    assert_eq!(account.rejects(), 0, "{account:?}");
    assert_eq!(place.interactions(), wanted);
    write_corrections(&place, &rejects_of_bad(), |row| row.replace("yes", "2"));
    let again = place.ingest(&config("log.csv", "corrections = \"fixed.jsonl\"")).unwrap();
    assert!(!again.outcome.is_skipped(), "other corrections make other interactions");
    assert_eq!(again.accounts[0].rejected["LABEL"], 1, "a correction is judged like any row");
}

/// Two lines of the file that are enough to correct.
fn rejects_of_bad() -> Vec<Value> {
    let row = |line: u64, row: &str| serde_json::json!({ "file": "log.csv", "line": line, "row": row });
    vec![row(3, "b,2,1764590401,1"), row(4, "c,3,1764590402,yes")]
}

#[test]
fn rows_of_every_format_are_corrected_as_text() {
    let csv = "user,item,t,label\na,1,1764590400,1\nb,2,1764590401,yes\n";
    for name in ["log.jsonl", "log.tfrecord.gz"] {
        let place = Workplace::with("log.csv", csv);
        convert_log(&RealVfs, &place.data().join("log.csv"), &place.data().join(name), &[]).unwrap();
        let first = place.ingest(&config(name, "")).unwrap();
        assert_eq!(first.accounts[0].rejected["CAST"], 1, "{name}");
        write_corrections(&place, &rejects(&place), |row| row.replace("\"yes\"", "1"));
        let corrected = place.ingest(&config(name, "corrections = \"fixed.jsonl\"")).unwrap();
        assert_eq!((corrected.accounts[0].accepted, corrected.accounts[0].rejects()), (2, 0), "{name}");
    }
}

#[test]
fn corrections_that_fit_nothing_are_refused() {
    let place = Workplace::with("log.csv", GOOD);
    let with = config("log.csv", "corrections = \"fixed.jsonl\"");
    place.write("fixed.jsonl", "{\"file\": \"log.csv\", \"line\": 3, \"row\": \"b,2,1764590401,1\"}\n");
    let error = place.ingest(&with).unwrap_err();
    assert_eq!(error.code(), "stale-correction");
    assert!(error.to_string().contains("log.csv:3"), "{error}");
    place.write("fixed.jsonl", "{\"file\": \"other.csv\", \"line\": 3, \"row\": \"\"}\n");
    assert_eq!(place.ingest(&with).unwrap().accounts[0].accepted, 6, "a file outside of the window may be corrected");
    place.write("fixed.jsonl", "{\"file\": \"log.csv\", \"line\": 3}\n");
    assert!(place.ingest(&with).unwrap_err().to_string().contains("line 1"));
    let twice = "{\"file\": \"log.csv\", \"line\": 3, \"row\": \"\"}\n".repeat(2);
    place.write("fixed.jsonl", twice);
    assert!(place.ingest(&with).unwrap_err().to_string().contains("line 2"));
}

#[test]
fn a_correction_that_is_no_row_leaves_the_reject_as_it_was() {
    let place = Workplace::with("log.csv", "user,item,t,label\na,1,1764590400,1\nb,\"2,1764590401,1\n");
    let with = config("log.csv", "corrections = \"fixed.jsonl\"");
    for row in ["b,\"2,1764590401,1", "b,2", "b,2,1764590401,1\nc,2,1764590401,1"] {
        let line = serde_json::json!({ "file": "log.csv", "line": 3, "row": row });
        place.write("fixed.jsonl", line.to_string());
        let account = place.ingest(&with).unwrap().accounts[0].clone();
        assert_eq!((account.accepted, account.rejected["UNTERMINATED_QUOTE"]), (1, 1), "{row:?}");
    }
}
