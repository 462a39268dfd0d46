//! TFRecord there and back: files that TensorFlow wrote are read, and ours are read by TensorFlow.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use twinspire_core::vfs::RealVfs;
use twinspire_data::logs::convert_log;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/tfrecord").join(name)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows that the files hold.
fn golden() -> Vec<Value> {
    lines(&std::fs::read_to_string(fixture("golden.jsonl")).unwrap())
}

fn lists() -> Vec<String> {
    ["tags", "counts"].map(String::from).to_vec()
}

/// The values of a feature in words: numbers of TFRecord have 32 bits, integers all their digits.
fn words(value: Option<&Value>) -> Vec<String> {
    let word = |value: &Value| match value {
        Value::Number(number) if number.is_f64() => (number.as_f64().unwrap() as f32).to_string(),
        Value::String(text) => text.clone(),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    };
    match value {
        None => Vec::new(),
        Some(Value::Array(values)) => values.iter().map(word).collect(),
        Some(single) => vec![word(single)],
    }
}

#[test]
fn files_that_tensorflow_wrote_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["golden.tfrecord", "golden.tfrecord.gz"] {
        let to = folder.path().join(name.replace("tfrecord", "jsonl"));
        let converted = convert_log(&RealVfs, &fixture(name), &to, &lists()).unwrap();
        assert_eq!((converted.account.read, converted.account.accepted), (40, 40), "{name}");
        let plain = folder.path().join("plain.jsonl");
        let _ = std::fs::remove_file(&plain);
        convert_log(&RealVfs, &to, &plain, &lists()).unwrap();
        let read = lines(&std::fs::read_to_string(&plain).unwrap());
        for (row, expected) in read.iter().zip(&golden()) {
            for column in ["user", "item", "price", "tags", "counts"] {
                assert_eq!(words(row.get(column)), words(expected.get(column)), "{column} of {expected} in {name}");
            }
        }
        assert_eq!(read.len(), 40);
    }
}

#[test]
fn converting_there_and_back_changes_no_cell() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let text = "user,item,price,zip,tags\nu1,9007199254740993,0.5,00120,a|b\n\"a,\"\"b\"\"\",-3,,7,\nu3,0,2.25,x,c\n";
    std::fs::write(path("a.csv"), text).unwrap();
    let chain = ["a.csv", "b.tfrecord.gz", "c.jsonl.zst", "d.tsv", "e.tfrecord", "f.csv"];
    for pair in chain.windows(2) {
        convert_log(&RealVfs, &path(pair[0]), &path(pair[1]), &["tags".into()]).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path("f.csv")).unwrap(), text);
    let error = convert_log(&RealVfs, &path("a.csv"), &path("f.csv"), &[]).unwrap_err();
    assert_eq!(error.code(), "exists");
    for (to, lists) in [("g.parquet", vec![]), ("g.csv", vec!["nothing".to_owned()])] {
        assert_eq!(convert_log(&RealVfs, &path("a.csv"), &path(to), &lists).unwrap_err().code(), "unsuitable-data");
        assert!(!path(to).exists());
    }
}

/// Rows as TensorFlow reads them out of our file, by the script beside the golden files.
fn read_by_tensorflow(python: &str, path: &Path) -> Vec<Value> {
    let output = Command::new(python).arg(fixture("read_ours.py")).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(&String::from_utf8(output.stdout).unwrap())
}

#[test]
#[ignore = "long: needs a Python with TensorFlow, named by TWINSPIRE_TENSORFLOW"]
fn our_files_are_read_by_tensorflow() {
    let python = std::env::var("TWINSPIRE_TENSORFLOW").expect("TWINSPIRE_TENSORFLOW names a Python with TensorFlow");
    let folder = tempfile::tempdir().unwrap();
    for name in ["ours.tfrecord", "ours.tfrecord.gz"] {
        let path = folder.path().join(name);
        convert_log(&RealVfs, &fixture("golden.jsonl"), &path, &lists()).unwrap();
        let rows = read_by_tensorflow(&python, &path);
        assert_eq!(rows.len(), 40);
        for (row, expected) in rows.iter().zip(&golden()) {
            for (column, kind) in
                [("user", "bytes_list"), ("item", "int64_list"), ("tags", "bytes_list"), ("counts", "int64_list")]
            {
                let feature = row.get(column);
                assert_eq!(
                    words(feature.map(|feature| &feature["values"])),
                    words(expected.get(column)),
                    "{column} of {expected}"
                );
                assert!(feature.is_none_or(|feature| feature["kind"] == kind), "{row}");
            }
        }
    }
}
