//! The reader on damaged rows: what is lost is the damaged row alone, whatever the size of the reads.

use super::account::{Accountant, FileAccount, Kind};
use super::csv::RecordReader;
use super::record::{Damaged, Found, Record};
use super::source::Form;
use super::table::{Table, Verdict};
use super::window::MAX_RECORD;
use std::path::Path;
use twinspire_core::rng::Rng;

/// A row as it was read: its cells, or why it is damaged. With its line and its byte.
type Seen = (u64, u64, Result<Vec<String>, Kind>);

fn read(bytes: &[u8], columns: usize, block: usize) -> Vec<Seen> {
    let mut reader = RecordReader::new(bytes, b',', block);
    reader.expect_columns(columns);
    let mut seen = Vec::new();
    while let Some(found) = reader.next().unwrap() {
        seen.push(match found {
            Found::Record(record) => {
                let cells = (0..record.len()).map(|cell| record.cell(cell).to_owned()).collect();
                (record.place.line, record.place.byte_offset, Ok(cells))
            }
            Found::Damaged(Damaged { place, kind, .. }) => (place.line, place.byte_offset, Err(kind)),
        });
    }
    seen
}

/// What is read in blocks of any size; cells are joined with `·`, a damaged row is its kind.
fn rows(bytes: &[u8], columns: usize) -> Vec<String> {
    let whole = read(bytes, columns, 1 << 17);
    for block in 1..=64 {
        assert_eq!(read(bytes, columns, block), whole, "in blocks of {block}");
    }
    whole
        .into_iter()
        .map(|(_, _, row)| row.map_or_else(|kind| kind.name().to_owned(), |cells| cells.join("·")))
        .collect()
}

#[test]
fn line_ends_blank_lines_and_the_byte_order_mark_are_no_part_of_a_cell() {
    assert_eq!(rows(b"\xef\xbb\xbfa,b\r\n\r\nc,d\n\n\ne,\n,f", 2), ["a·b", "c·d", "e·", "·f"]);
    assert_eq!(rows(b"", 2), [""; 0]);
    assert_eq!(rows(b"\xef\xbb\xbf", 2), [""; 0]);
    assert_eq!(rows(b"a,b\r\nc,d\r", 2), ["a·b", "c·d"]);
}

#[test]
fn quotes_hold_delimiters_quotes_and_line_ends() {
    let text = b"\"a,\"\"x\"\"\",\"b\nb\"\r\n\"\",\"\"\nc\"d,e\"\n";
    assert_eq!(rows(text, 2), ["a,\"x\"·b\nb", "·", "c\"d·e\""]);
    let places: Vec<(u64, u64)> = read(text, 2, 7).into_iter().map(|(line, byte, _)| (line, byte)).collect();
    assert_eq!(places, [(1, 0), (3, 17), (4, 23)]);
}

#[test]
fn an_unclosed_quote_costs_its_own_line_only() {
    assert_eq!(rows(b"a,b\n\"c,d\ne,f\ng,h\n", 2), ["a·b", "UNTERMINATED_QUOTE", "e·f", "g·h"]);
    let meets_another = b"a,\"b\nc,d\ne,\"f\ng,h\n";
    assert_eq!(rows(meets_another, 2), ["UNTERMINATED_QUOTE", "c·d", "UNTERMINATED_QUOTE", "g·h"]);
    assert_eq!(rows(b"\"a\"b,c\nd,e\n", 2), ["BAD_QUOTE", "d·e"]);
}

#[test]
fn damaged_rows_are_told_apart() {
    let text = b"a,b\na\na,b,c\na\0,b\n\xff,b\n\"\xff\",b\n\"a\0\",b\nlast,row\n";
    let expected =
        ["a·b", "FEW_COLUMNS", "MANY_COLUMNS", "NUL_BYTE", "INVALID_UTF8", "INVALID_UTF8", "NUL_BYTE", "last·row"];
    assert_eq!(rows(text, 2), expected);
}

#[test]
fn a_record_above_the_limit_is_rejected_in_bounded_memory() {
    let long = "x".repeat(MAX_RECORD + 1);
    let text = format!("a,b\n{long}\nc,d\n\"{long}\ne,f\n");
    let kinds: Vec<String> = read(text.as_bytes(), 2, 1 << 17)
        .into_iter()
        .map(|(line, _, row)| format!("{line} {}", row.map_or_else(|kind| kind.name().into(), |cells| cells.join("·"))))
        .collect();
    assert_eq!(kinds, ["1 a·b", "2 TOO_LONG", "3 c·d", "4 TOO_LONG", "5 e·f"]);
    let just_fits = format!("{},b\n", "x".repeat(MAX_RECORD - 2));
    assert!(read(just_fits.as_bytes(), 2, 1 << 17)[0].2.is_ok());
}

/// A file of sound rows, some of which are damaged, each within its own line. Returns it with the sound rows.
fn damaged_file(rng: &mut Rng) -> (Vec<u8>, Vec<Vec<String>>, u64) {
    let (mut bytes, mut sound, mut damaged) = (Vec::new(), Vec::new(), 0);
    for number in 0..rng.below(40) {
        let cells = [number.to_string(), "é,\"x\"".repeat(rng.below(3) as usize), "plain".into()];
        let quoted = cells[1].replace('"', "\"\"");
        let good = format!("{},\"{quoted}\",{}", cells[0], cells[2]);
        let line: Vec<u8> = match rng.below(12) {
            0 => format!("{number},\"never closed,plain").into_bytes(),
            1 => format!("{number},\"closed\" early,plain").into_bytes(),
            2 => format!("{number},plain").into_bytes(),
            3 => format!("{number},a,b,c").into_bytes(),
            4 => [number.to_string().as_bytes(), b",\0,plain"].concat(),
            5 => [number.to_string().as_bytes(), b",\xc3(,plain"].concat(),
            _ => {
                sound.push(cells.to_vec());
                good.clone().into_bytes()
            }
        };
        damaged += u64::from(line != good.as_bytes());
        bytes.extend(line);
        bytes.extend(if rng.below(2) == 0 { &b"\n"[..] } else { &b"\r\n\n"[..] });
    }
    (bytes, sound, damaged)
}

fn account(path: &Path, columns: &[String]) -> (FileAccount, Vec<Vec<String>>) {
    let mut accountant = Accountant::new("x".into());
    let mut kept = Vec::new();
    let form = Form { has_no_header: true, columns: columns.to_vec(), ..Form::default() };
    if let Some(mut table) = Table::open(path, &form).unwrap() {
        let keep = |record: &Record<'_>, _| {
            kept.push((0..record.len()).map(|cell| record.cell(cell).to_owned()).collect());
            Ok(Verdict::Accepted)
        };
        table.each(u64::MAX, &mut accountant, keep).unwrap();
    }
    (accountant.finish().0, kept)
}

/// One file a seed: accepted are exactly the sound rows, every damaged one is rejected, in blocks of any size.
fn check_damaged_files(seeds: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let columns: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
    let mut all_damaged = 0;
    for seed in 0..seeds {
        let mut rng = Rng::stream(seed, "damage", 0);
        let (bytes, sound, damaged) = damaged_file(&mut rng);
        std::fs::write(&path, &bytes).unwrap();
        let (account, kept) = account(&path, &columns);
        assert_eq!(kept, sound, "seed {seed}:\n{}", String::from_utf8_lossy(&bytes));
        assert!(account.is_balanced());
        assert_eq!((account.accepted, account.rejects()), (sound.len() as u64, damaged), "seed {seed}");
        assert_eq!(read(&bytes, 3, 1 + seed as usize % 64), read(&bytes, 3, 1 << 17), "seed {seed}");
        all_damaged += damaged;
    }
    assert!(all_damaged > 5 * seeds);
}

#[test]
fn of_files_damaged_at_random_exactly_the_other_rows_come_back() {
    check_damaged_files(10_000);
}

#[test]
#[ignore = "long: a million files, about two minutes"]
fn of_a_million_files_damaged_at_random_exactly_the_other_rows_come_back() {
    check_damaged_files(1_000_000);
}
