//! Bad files with known answers: every kind of damage at every place of a file, plain and compressed, delimited and
//! TFRecord. Exactly the damaged rows are rejected, with the kind that is known beforehand.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::vfs::RealVfs;
use twinspire_data::ingest::{FileAccount, Reject};
use twinspire_data::logs::convert_log;
use workplace::{FEATURES, Told, Workplace, gzip_bytes};

/// Sound rows of a file.
const SOUND: usize = 30;

fn config(file: &str) -> String {
    format!(
        r#"
[input]
path = "{file}"
user = "user"
max_reject_ratio = 1.0
max_corrupt_records = 1000
time = {{ column = "t", format = "seconds" }}
label = {{ column = "label" }}
[samples]
split = {{ kind = "by_column", column = "item", test = ["none"] }}
[[features]]
name = "price"
side = "context"
kind = "numeric"
[[features]]
name = "tags"
side = "context"
kind = "hash"
buckets = 10
list = {{ separator = "|", weighted = true }}
{FEATURES}"#
    )
}

const HEADER: &str = "user,item,t,label,price,tags\n";

fn sound(number: usize) -> String {
    format!("u{number},\"i,{number}\",{},{},{number}.5,a:1|b:{number}\n", 1_764_590_400 + number, number % 2)
}

/// A cell that is wrong in any format: column, text, kind.
fn bad_cells() -> Vec<(usize, String, &'static str)> {
    let cells: [(usize, &str, &str); 25] = [
        (0, "", "BAD_ID"),
        (0, "a\u{7}b", "BAD_ID"),
        (0, "tab\there", "BAD_ID"),
        (1, "", "BAD_ID"),
        (1, "\u{1b}[31m", "BAD_ID"),
        (2, "", "BAD_TIME"),
        (2, "noon", "BAD_TIME"),
        (2, "2026-11-01", "BAD_TIME"),
        (2, "1e300", "BAD_TIME"),
        (2, "99999999999999999999", "BAD_TIME"),
        (3, "", "CAST"),
        (3, "yes", "CAST"),
        (3, "2", "LABEL"),
        (3, "-1", "LABEL"),
        (3, "NaN", "NON_FINITE"),
        (3, "-inf", "NON_FINITE"),
        (4, "dear", "CAST"),
        (4, "1,5", "CAST"),
        (4, "0x10", "CAST"),
        (4, "NaN", "NON_FINITE"),
        (4, "infinity", "NON_FINITE"),
        (4, "1e400", "NON_FINITE"),
        (5, "a", "WEIGHT"),
        (5, "a:-1", "WEIGHT"),
        (5, "a:1|b:inf", "WEIGHT"),
    ];
    let long = [(0, "x".repeat(257), "BAD_ID"), (1, "é".repeat(129), "BAD_ID")];
    cells.into_iter().map(|(column, cell, kind)| (column, cell.to_owned(), kind)).chain(long).collect()
}

fn row_with(column: usize, cell: &str) -> String {
    let mut cells = ["u", "i", "1764590400", "1", "2.5", "a:1"];
    cells[column] = cell;
    cells.map(|cell| format!("\"{cell}\"")).join(",") + "\n"
}

/// Lines that are wrong as text: what is written, and the kinds of the rows that are lost by it.
fn bad_lines() -> Vec<(Vec<u8>, Vec<&'static str>)> {
    let text = |line: &str, kinds: &[&'static str]| (line.as_bytes().to_vec(), kinds.to_vec());
    let long = "x".repeat((1 << 20) + 1);
    vec![
        text("u,i,1,1,2\n", &["FEW_COLUMNS"]),
        text("u\n", &["FEW_COLUMNS"]),
        text("u;i;1;1;2;a:1\n", &["FEW_COLUMNS"]),
        text("u,i,1,1,2,a:1,\n", &["MANY_COLUMNS"]),
        text("u,i,1,1,2,5,a:1\n", &["MANY_COLUMNS"]),
        text("\"u,i,1,1,2,a:1\n", &["UNTERMINATED_QUOTE"]),
        text("u,i,1,1,2,\"a:1\n", &["UNTERMINATED_QUOTE"]),
        text("u,\"i,1,1,2,a:1\n", &["UNTERMINATED_QUOTE"]),
        text("u,\"\"\"i,1,1,2,a:1\n", &["UNTERMINATED_QUOTE"]),
        text("\"\n", &["UNTERMINATED_QUOTE"]),
        text("\"u\"x,i,1,1,2,a:1\n", &["BAD_QUOTE"]),
        text("u,\"i\" ,1,1,2,a:1\n", &["BAD_QUOTE"]),
        text("u,\"i\"\"\" x,1,1,2,a:1\n", &["BAD_QUOTE"]),
        text("u,\"two\nlines\",1,1\n", &["UNTERMINATED_QUOTE", "FEW_COLUMNS"]),
        text("u,i\0,1,1,2,a:1\n", &["NUL_BYTE"]),
        text("\0\0\0\0\0\0\n", &["NUL_BYTE"]),
        text("u,\"i\0\",1,1,2,a:1\n", &["NUL_BYTE"]),
        (b"u,\xff\xfe,1,1,2,a:1\n".to_vec(), vec!["INVALID_UTF8"]),
        (b"u,\xc3\x28,1,1,2,a:1\n".to_vec(), vec!["INVALID_UTF8"]),
        (b"u,\"\xed\xa0\x80\",1,1,2,a:1\n".to_vec(), vec!["INVALID_UTF8"]),
        text(&format!("{long}\n"), &["TOO_LONG"]),
        text(&format!("u,\"{long}\",1,1,2,a:1\n"), &["TOO_LONG"]),
    ]
}

/// What becomes of the rows of a file. Every reject that is shown has all its fields.
fn judged(place: &Workplace, file: &str, bytes: &[u8]) -> FileAccount {
    place.write(file, bytes);
    let report = place.check_logs(&config(file)).unwrap();
    assert!(report.files[0].is_balanced(), "{report:?}");
    let examples: Vec<Reject> = report.kinds.into_iter().flat_map(|kind| kind.examples).collect();
    let is_told = |reject: &Reject| reject.value.len() <= 4_096 && reject.row.len() <= 4_096 && !reject.hint.is_empty();
    assert!(examples.iter().all(|reject| is_told(reject) && reject.file == file && reject.line > 0), "{examples:?}");
    FileAccount { examples, ..report.files[0].clone() }
}

fn counted(kinds: &[&str]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    kinds.iter().for_each(|kind| *counts.entry((*kind).to_owned()).or_default() += 1);
    counts
}

/// Damage before, between and behind the sound rows, each time; plain and compressed.
fn check_everywhere(place: &Workplace, line: &[u8], kinds: &[&str]) {
    for at in [0, SOUND / 2, SOUND] {
        let rows = |range: std::ops::Range<usize>| range.map(sound).collect::<String>().into_bytes();
        let bytes = [HEADER.as_bytes(), &rows(0..at), line, &rows(at..SOUND)].concat();
        for (file, bytes) in [("a.csv", bytes.clone()), ("a.csv.gz", gzip_bytes(&bytes))] {
            let account = judged(place, file, &bytes);
            let shown = String::from_utf8_lossy(&line[..line.len().min(100)]);
            assert_eq!(account.accepted, SOUND as u64, "{file}, {at} rows before {shown:?}: {account:?}");
            assert_eq!(account.rejected, counted(kinds), "{file}, {at} rows before {shown:?}");
            assert!(!account.examples.is_empty());
        }
    }
}

#[test]
fn a_damaged_line_costs_itself_wherever_it_stands() {
    let place = Workplace::new();
    let lines = bad_lines();
    let cells = bad_cells().into_iter().map(|(column, cell, kind)| (row_with(column, &cell).into_bytes(), vec![kind]));
    let cases: Vec<_> = lines.into_iter().chain(cells).collect();
    assert!(cases.len() >= 40);
    for (line, kinds) in &cases {
        check_everywhere(&place, line, kinds);
    }
    let all: Vec<u8> = cases.iter().flat_map(|(line, _)| line.clone()).collect();
    let kinds: Vec<&str> = cases.iter().flat_map(|(_, kinds)| kinds.clone()).collect();
    check_everywhere(&place, &all, &kinds);
}

/// A TFRecord file of the rows of a CSV text.
fn tf_record(place: &Workplace, csv: &str) -> Vec<u8> {
    let from = place.write("rows.csv", csv);
    let to = place.data().join("rows.tfrecord");
    let _ = std::fs::remove_file(&to);
    let converted = convert_log(&RealVfs, &from, &to, &["tags".into()]).unwrap();
    assert!(converted.rejects.is_empty(), "{:?}", converted.rejects);
    std::fs::read(to).unwrap()
}

#[test]
fn a_cell_that_is_wrong_costs_its_record() {
    let place = Workplace::new();
    for (column, cell, kind) in bad_cells() {
        let rows: String = (0..SOUND).map(sound).collect();
        let bytes = tf_record(&place, &format!("{HEADER}{}{rows}", row_with(column, &cell)));
        for (file, bytes) in [("a.tfrecord", bytes.clone()), ("a.tfrecord.gz", gzip_bytes(&bytes))] {
            let account = judged(&place, file, &bytes);
            assert_eq!((account.accepted, account.read), (SOUND as u64, SOUND as u64 + 1), "{file} {cell:?}");
            assert_eq!(account.rejected, counted(&[kind]), "{file} {cell:?}");
            assert_eq!((account.examples[0].line, account.examples[0].byte_offset), (1, 0));
        }
    }
}

/// Where the records of a sound file begin, and its end.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![0];
    while let Some(length) = bytes[starts[starts.len() - 1]..].first_chunk::<8>() {
        starts.push(starts[starts.len() - 1] + u64::from_le_bytes(*length) as usize + 16);
    }
    starts
}

#[test]
fn damaged_records_are_told_from_a_lost_rest() {
    let place = Workplace::new();
    let rows: String = (0..SOUND).map(sound).collect();
    let sound = tf_record(&place, &format!("{HEADER}{rows}"));
    let starts = starts(&sound);
    assert_eq!(starts.len(), SOUND + 1);
    let (tenth, eleventh) = (starts[10], starts[11]);
    let flipped = |at: usize| {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        bytes
    };
    let cut = |at: usize| sound[..at].to_vec();
    let without = |range: std::ops::Range<usize>| [&sound[..range.start], &sound[range.end..]].concat();
    let cases: Vec<(&str, Vec<u8>, u64, Option<&str>)> = vec![
        ("length", flipped(tenth), 10, Some("BAD_LENGTH")),
        ("high byte of the length", flipped(tenth + 7), 10, Some("BAD_LENGTH")),
        ("checksum of the length", flipped(tenth + 8), 10, Some("BAD_LENGTH")),
        ("first byte", flipped(tenth + 12), 29, Some("BAD_CRC")),
        ("last byte", flipped(eleventh - 5), 29, Some("BAD_CRC")),
        ("checksum", flipped(eleventh - 1), 29, Some("BAD_CRC")),
        ("cut in a length", cut(tenth + 3), 10, Some("TRUNCATED")),
        ("cut behind a length", cut(tenth + 12), 10, Some("TRUNCATED")),
        ("cut in a record", cut(tenth + 20), 10, Some("TRUNCATED")),
        ("cut in a checksum", cut(eleventh - 1), 10, Some("TRUNCATED")),
        ("cut between records", cut(tenth), 10, None),
        ("a byte less", without(tenth + 15..tenth + 16), 10, None),
        ("a record less", without(tenth..eleventh), 29, None),
        ("zeros behind", [&sound[..], &[0; 40]].concat(), 30, Some("BAD_LENGTH")),
        ("text behind", [&sound[..], b"hello"].concat(), 30, Some("TRUNCATED")),
        ("twice", [&sound[..], &sound[..]].concat(), 60, None),
    ];
    for (name, bytes, accepted, kind) in cases {
        for (file, bytes) in [("a.tfrecord", bytes.clone()), ("a.tfrecord.gz", gzip_bytes(&bytes))] {
            let account = judged(&place, file, &bytes);
            assert_eq!(account.accepted, accepted, "{name} in {file}: {account:?}");
            if name == "a byte less" {
                assert!(account.rejects() >= 1);
            } else {
                assert_eq!(account.rejected, counted(kind.as_slice()), "{name} in {file}");
            }
        }
    }
}

#[test]
fn one_corrupt_record_stops_the_run_and_names_the_limit() {
    let place = Workplace::new();
    let rows: String = (0..SOUND).map(sound).collect();
    let mut bytes = tf_record(&place, &format!("{HEADER}{rows}"));
    *bytes.last_mut().unwrap() ^= 1;
    place.write("a.tfrecord", &bytes);
    let strict = config("a.tfrecord").replace("max_corrupt_records = 1000", "");
    let error = place.ingest(&strict).unwrap_err();
    assert_eq!(error.to_string(), "a.tfrecord: 1 of 30 rows corrupt, more than max_corrupt_records = 0 allows");
    assert!(error.hint().unwrap().contains("input.max_corrupt_records"));
    assert_eq!(place.check_logs(&strict).unwrap().too_many, ["a.tfrecord"]);
    assert_eq!(place.ingest(&config("a.tfrecord")).unwrap().accounts[0].accepted, 29);
}

fn error_of(place: &Workplace, file: &str, bytes: &[u8]) -> String {
    place.write(file, bytes);
    let error = place.check_logs(&config(file)).unwrap_err();
    assert!(error.to_string().contains(file), "{error}");
    error.code().to_owned()
}

#[test]
fn a_compressed_file_is_read_to_its_end_or_not_at_all() {
    let place = Workplace::new();
    let rows: Vec<String> = (0..200).map(sound).collect();
    let whole = HEADER.to_owned() + &rows.concat();
    let single = gzip_bytes(whole.as_bytes());
    let hundred: Vec<u8> = std::iter::once(HEADER.to_owned())
        .chain(rows.chunks(2).map(<[String]>::concat))
        .flat_map(|part| gzip_bytes(part.as_bytes()))
        .collect();
    let two = [gzip_bytes(&whole.as_bytes()[..1_001]), gzip_bytes(&whole.as_bytes()[1_001..])].concat();
    let with_empty_member = [gzip_bytes(b""), single.clone(), gzip_bytes(b"")].concat();
    for bytes in [&single, &two, &hundred, &with_empty_member] {
        assert_eq!(judged(&place, "a.csv.gz", bytes).accepted, 200);
    }
    let zst = zstd::encode_all(whole.as_bytes(), 1).unwrap();
    assert_eq!(
        judged(&place, "a.csv.zst", &[zst.clone(), zstd::encode_all(&b""[..], 1).unwrap()].concat()).accepted,
        200
    );
    let mut flipped = single.clone();
    let at = flipped.len() - 6;
    flipped[at] ^= 1;
    for bytes in
        [&single[..single.len() - 1], &hundred[..hundred.len() - 4], &[&two[..], b"garbage"].concat(), &flipped]
    {
        assert_eq!(error_of(&place, "b.csv.gz", bytes), "unreadable-file");
    }
    assert_eq!(error_of(&place, "b.csv.zst", &zst[..zst.len() - 3]), "unreadable-file");
    assert_eq!(error_of(&place, "c.csv.gz", whole.as_bytes()), "unreadable-file");
    assert_eq!(error_of(&place, "c.parquet", whole.as_bytes()), "unreadable-file");
    assert_eq!(error_of(&place, "d.csv", &[0xff, 0xfe, b'u', 0, b'\n', 0]), "unreadable-file");
    assert_eq!(error_of(&place, "e.csv", HEADER.as_bytes()), "empty-file");
}

#[test]
fn the_report_of_bad_logs_reads_like_this() {
    let place = Workplace::new();
    let bad = row_with(4, "dear") + &row_with(4, "NaN") + "u\n" + &row_with(4, &"9".repeat(200));
    let rows: String = (0..SOUND).map(sound).collect();
    place.write("logs/2026-11-01/a.csv", format!("{HEADER}{rows}{bad}"));
    place.write("logs/2026-11-02/a.csv", format!("{HEADER}{rows}{rows}"));
    let config = config("logs/{date}/*.csv").replace("max_reject_ratio = 1.0", "max_reject_ratio = 0.1");
    let report = place.check_logs(&config).unwrap();
    let long = "9".repeat(100);
    let expected = format!(
        "2 files
rows read              94
accepted               90
rejected: CAST          1
rejected: FEW_COLUMNS   1
rejected: NON_FINITE    2

day         rows  rejected    share  filtered
2026-11-01    34         4  11.76 %         0
2026-11-02    60         0   0.00 %         0

CAST: 1 rows; write a number, or leave the cell empty
  logs/2026-11-01/a.csv:32 CAST in price: \"dear\"

FEW_COLUMNS: 1 rows; add the missing cells, or check input.delimiter
  logs/2026-11-01/a.csv:34 FEW_COLUMNS: \"u\"

NON_FINITE: 2 rows; write a finite number, or leave the cell empty
  logs/2026-11-01/a.csv:33 NON_FINITE in price: \"NaN\"
  logs/2026-11-01/a.csv:35 NON_FINITE in price: \"{long}\"…"
    );
    assert_eq!(report.lines().join("\n"), expected);
    assert_eq!(report.too_many, ["logs/2026-11-01/a.csv"]);
    for threads in 1..=4 {
        assert_eq!(place.check_logs_told(&config, Told { threads, ..Told::default() }).unwrap(), report);
    }
    assert!(!place.run_dir().exists() && Path::new(&place.data()).exists());
}
