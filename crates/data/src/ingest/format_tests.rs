//! One table in every format: the cells that come out are the same. And what each format refuses.

use super::account::{Accountant, FileAccount};
use super::named::{ListRule, ListRules};
use super::record::Record;
use super::source::Form;
use super::table::{Table, Verdict};
use super::tfrecord::{Feature, push_example};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array};
use arrow_array::{Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is read of a file: for each row the cells of the columns that are asked for, in their order.
fn read(path: &Path, form: &Form, columns: &[&str]) -> (Vec<Vec<String>>, FileAccount) {
    let mut accountant = Accountant::new("x".into());
    let mut rows = Vec::new();
    let mut table = Table::open(path, form).unwrap().unwrap();
    let cells: Vec<usize> = columns.iter().map(|column| table.header().find(column, "key").unwrap()).collect();
    let keep = |record: &Record<'_>, _| {
        rows.push(cells.iter().map(|&cell| record.cell(cell).to_owned()).collect());
        Ok(Verdict::Accepted)
    };
    table.each(u64::MAX, &mut accountant, keep).unwrap();
    (rows, accountant.finish().0)
}

fn form() -> Form {
    let rule = |weighted| ListRule { separator: '|', weighted: Some(weighted) };
    let columns = [("tags".to_owned(), rule(false)), ("likes".to_owned(), rule(true))].into();
    Form { lists: ListRules { columns, others: None }, ..Form::default() }
}

const COLUMNS: [&str; 5] = ["user", "item", "time", "price", "tags"];

/// Rows with what formats write in different ways: large numbers, fractions, lists, quotes, nothing.
fn expected() -> Vec<Vec<String>> {
    let rows = [
        ["u1", "9007199254740993", "1764590400", "0.1", "a|b"],
        ["ü, \"2\"", "-3", "1764590401", "", ""],
        ["u3", "4", "1764590402", "2.5", "c"],
    ];
    rows.iter().map(|row| row.map(String::from).to_vec()).collect()
}

fn delimited(delimiter: &str) -> Vec<u8> {
    let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    let line = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(delimiter) + "\n";
    (COLUMNS.join(delimiter) + "\n" + &expected().iter().map(line).collect::<String>()).into_bytes()
}

fn json_lines() -> Vec<u8> {
    let text = r#"{"user": "u1", "item": 9007199254740993, "time": 1764590400, "price": 0.1, "tags": ["a", "b"], "extra": {"deep": [1]}}

{"tags": null, "time": 1764590401, "item": -3, "user": "\u00fc, \"2\""}
{"user": "u3", "item": 4.0, "time": "1764590402", "price": 2.50, "tags": "c"}
"#;
    text.as_bytes().to_vec()
}

fn tf_record() -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in &expected() {
        let number = |cell: &str| Feature::Integers(vec![cell.parse().unwrap()]);
        let tags = row[4].split('|').filter(|tag| !tag.is_empty()).collect();
        let features = [
            ("tags", Feature::Texts(tags)),
            ("user", Feature::Texts(vec![&row[0]])),
            ("item", number(&row[1])),
            ("time", number(&row[2])),
            ("price", Feature::Floats(row[3].parse().into_iter().collect())),
            ("vector", Feature::Floats(vec![0.5; 3])),
        ];
        push_example(features.into_iter(), &mut bytes);
    }
    bytes
}

fn parquet_bytes(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    compressed_parquet(columns, Codec::UNCOMPRESSED)
}

fn compressed_parquet(columns: Vec<(&str, ArrayRef)>, codec: Codec) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    let properties = WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn parquet_table() -> Vec<(&'static str, ArrayRef)> {
    let mut tags = ListBuilder::new(StringBuilder::new());
    tags.append_value([Some("a"), Some("b")]);
    tags.append_null();
    tags.append_value([Some("c")]);
    vec![
        ("tags", Arc::new(tags.finish())),
        ("user", Arc::new(StringArray::from(vec!["u1", "ü, \"2\"", "u3"]))),
        ("item", Arc::new(Int64Array::from(vec![9_007_199_254_740_993, -3, 4]))),
        ("time", Arc::new(UInt64Array::from(vec![1_764_590_400, 1_764_590_401, 1_764_590_402]))),
        ("price", Arc::new(Float64Array::from(vec![Some(0.1), None, Some(2.5)]))),
    ]
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_format_and_compression_gives_the_same_cells() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("a.csv", delimited(",")),
        ("a.tsv", delimited("\t")),
        ("a.jsonl", json_lines()),
        ("a.tfrecord", tf_record()),
        ("a.parquet", parquet_bytes(parquet_table())),
    ];
    for (name, bytes) in files {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&bytes).unwrap();
        let compressed = [
            (name.to_owned(), bytes.clone()),
            (format!("{name}.gz"), gzip.finish().unwrap()),
            (format!("{name}.zst"), zstd::encode_all(&bytes[..], 1).unwrap()),
        ];
        let as_is_only = if name.ends_with("parquet") { 1 } else { 3 };
        for (name, bytes) in compressed.into_iter().take(as_is_only) {
            let (rows, account) = read(&written(folder.path(), &name, &bytes), &form(), &COLUMNS);
            assert_eq!(rows, expected(), "{name}");
            assert_eq!((account.read, account.accepted), (3, 3), "{name}");
        }
    }
}

#[test]
fn json_that_is_no_row_costs_its_line() {
    let text = "\u{feff}{\"a\": 1}\n[1]\n{\"a\": 1\n{\"a\": 1, \"a\": 2}\n{\"a\": {\"b\": 1}}\n{\"a\": [1, 2]}\n\
        {\"tags\": [\"x|y\"], \"a\": 3}\n{\"tags\": [[\"x\", 2]]}\n{\"a\": 1e999}\n{\"a\": 4} {}\n\n{\"a\": true}";
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "a.jsonl", text.as_bytes());
    let (rows, account) = read(&path, &form(), &["a", "tags"]);
    assert_eq!(rows, [["1", ""], ["true", ""]]);
    let kinds: Vec<_> = account.rejected.iter().map(|(kind, &count)| (kind.as_str(), count)).collect();
    assert_eq!(kinds, [("BAD_JSON", 5), ("BAD_LIST", 4)]);
    let nested = account.examples.iter().find(|reject| reject.line == 5).unwrap();
    assert_eq!((nested.column.as_deref(), nested.row.as_str()), (Some("a"), "{\"a\": {\"b\": 1}}"));
    assert_eq!(nested.byte_offset, 3 + 9 + 4 + 8 + 17);
}

#[test]
fn weights_of_json_pairs_become_those_of_the_cell() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"likes\": [[\"x\", 0.1], [\"y\", 2]]}\n{\"likes\": [\"z\"]}\n{\"likes\": \"q:3\"}\n";
    let (rows, _) = read(&written(folder.path(), "a.json", text.as_bytes()), &form(), &["likes"]);
    assert_eq!(rows, [["x:0.1|y:2"], ["z:1"], ["q:3"]]);
}

#[test]
fn several_values_of_a_column_that_is_no_list_are_refused_only_where_they_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "a.tfrecord", &tf_record());
    let (rows, account) = read(&path, &form(), &["vector"]);
    assert_eq!((rows.len(), account.rejected["BAD_LIST"]), (0, 3));
    assert_eq!(account.examples[0].value, "0.5,0.5,0.5");
}

#[test]
fn columns_that_a_file_lacks_are_empty_when_they_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "a.jsonl", b"{\"a\": 1}\n");
    let (rows, _) = read(&path, &Form { columns: vec!["b".into()], ..form() }, &["a", "b"]);
    assert_eq!(rows, [["1", ""]]);
    let empty = written(folder.path(), "b.jsonl", b"\n");
    assert!(Table::open(&empty, &form()).unwrap().is_none());
    let broken = written(folder.path(), "c.jsonl", b"user,item\na,1\n");
    let error = Table::open(&broken, &form()).err().unwrap();
    assert!(error.to_string().contains("BAD_JSON"), "{error}");
}

#[test]
fn parquet_types_become_the_text_that_a_log_would_hold() {
    let zoned = TimestampMicrosecondArray::from(vec![1_764_590_400_000_001]).with_timezone("UTC");
    let decimal = Decimal128Array::from(vec![-5]).with_precision_and_scale(9, 2).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("truth", Arc::new(BooleanArray::from(vec![true]))),
        ("small", Arc::new(Int32Array::from(vec![-7]))),
        ("float", Arc::new(Float32Array::from(vec![0.1]))),
        ("whole", Arc::new(Float64Array::from(vec![3.0]))),
        ("day", Arc::new(Date32Array::from(vec![20_423]))),
        ("moment", Arc::new(zoned)),
        ("local", Arc::new(TimestampMicrosecondArray::from(vec![1_764_590_400_000_000]))),
        ("decimal", Arc::new(decimal)),
    ];
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "a.parquet", &parquet_bytes(columns));
    let (rows, _) = read(&path, &form(), &names);
    let moment = ["2025-12-01T12:00:00.000001Z", "2025-12-01T12:00:00"];
    assert_eq!(rows, [["true", "-7", "0.1", "3", "2025-12-01", moment[0], moment[1], "-0.05"]]);
}

#[test]
fn every_codec_of_parquet_gives_the_same_cells() {
    let folder = tempfile::tempdir().unwrap();
    let (gzip, zstd) = (Codec::GZIP(GzipLevel::default()), Codec::ZSTD(ZstdLevel::default()));
    for codec in [Codec::UNCOMPRESSED, Codec::SNAPPY, gzip, Codec::LZ4, Codec::LZ4_RAW, zstd] {
        let path = written(folder.path(), "a.parquet", &compressed_parquet(parquet_table(), codec));
        assert_eq!(read(&path, &form(), &COLUMNS).0, expected(), "{codec:?}");
    }
}

fn written_by_duckdb(codec: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../fixtures/parquet/golden-{codec}.parquet"))
}

#[test]
fn parquet_files_that_duckdb_wrote_are_read() {
    for codec in ["snappy", "gzip", "lz4_raw", "zstd"] {
        assert_eq!(read(&written_by_duckdb(codec), &form(), &COLUMNS).0, expected(), "{codec}");
    }
}

#[test]
fn a_codec_that_is_not_read_is_named_before_any_row_is() {
    let error = Table::open(&written_by_duckdb("brotli"), &form()).err().unwrap();
    assert!(error.to_string().contains("column \"user\" is compressed with BROTLI"), "{error}");
    assert!(error.hint().unwrap().contains("snappy, gzip, lz4 or zstd"));
}

#[test]
fn a_rejected_row_of_a_file_without_lines_is_shown_as_json() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("a.tfrecord", tf_record()), ("a.parquet", parquet_bytes(parquet_table()))] {
        let mut table = Table::open(&written(folder.path(), name, &bytes), &form()).unwrap().unwrap();
        let user = table.header().find("user", "key").unwrap();
        table.header().find("time", "key").unwrap();
        let mut accountant = Accountant::new(name.into());
        let refuse = |_: &Record<'_>, _| Ok(Verdict::Rejected(super::account::Kind::BadId, user));
        table.each(1, &mut accountant, refuse).unwrap();
        let reject = &accountant.finish().1[0];
        let row: serde_json::Value = serde_json::from_str(&reject.row).unwrap();
        assert_eq!(row, serde_json::json!({ "user": "u1", "time": "1764590400" }), "{name}");
        assert_eq!((reject.line, reject.value.as_str()), (1, "u1"));
    }
}
