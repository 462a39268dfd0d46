//! Damaged TFRecord files, exhaustively: every byte flipped, every length cut.

use super::frame::ExampleReader;
use super::write::{Feature, push_example};
use crate::ingest::account::Kind;
use crate::ingest::named::{ListRules, NamedCells};
use crate::ingest::record::{Damaged, Found};

const RECORDS: usize = 200;

fn user(number: usize) -> String {
    format!("user {number}")
}

/// A file of sound records, and where each begins.
fn sound() -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut starts) = (Vec::new(), Vec::new());
    for number in 0..RECORDS {
        starts.push(bytes.len());
        let user = user(number);
        let features = [
            ("user", Feature::Texts(vec![&user])),
            ("item", Feature::Integers(vec![number as i64 * 1_000_003])),
            ("price", Feature::Floats(vec![number as f32 / 7.0])),
        ];
        push_example(features.into_iter(), &mut bytes);
    }
    (bytes, starts)
}

/// For each record its number and cells, or its number, place and fault.
type Seen = Result<(u64, String), (u64, u64, Kind)>;

fn read(bytes: &[u8], block: usize) -> Vec<Seen> {
    let names = ["user", "item", "price"].map(String::from);
    let mut reader = ExampleReader::new(bytes, NamedCells::new(&names, &ListRules::default()), block);
    let mut seen = Vec::new();
    while let Some(found) = reader.next().unwrap() {
        seen.push(match found {
            Found::Record(record) => {
                let cells: Vec<&str> = (0..record.len()).map(|cell| record.cell(cell)).collect();
                Ok((record.place.line, cells.join("·")))
            }
            Found::Damaged(Damaged { place, kind, .. }) => Err((place.line, place.byte_offset, kind)),
        });
    }
    seen
}

#[test]
fn a_flipped_byte_is_always_found_and_costs_one_record_or_the_rest() {
    let (mut bytes, starts) = sound();
    let whole = read(&bytes, 1 << 17);
    assert!(whole.len() == RECORDS && whole.iter().all(Result::is_ok));
    for at in 0..bytes.len() {
        bytes[at] ^= 1 << (at % 8);
        let record = starts.partition_point(|&start| start <= at) - 1;
        let (line, place) = (record as u64 + 1, starts[record] as u64);
        let seen = read(&bytes, 1 << 17);
        let is_length = at - starts[record] < 12;
        let kind = if is_length { Kind::BadLength } else { Kind::BadCrc };
        assert_eq!(seen[..record], whole[..record], "byte {at}");
        assert_eq!(seen[record], Err((line, place, kind)), "byte {at}");
        let rest = if is_length { &[][..] } else { &whole[record + 1..] };
        assert_eq!(seen[record + 1..], *rest, "byte {at}");
        bytes[at] ^= 1 << (at % 8);
    }
}

#[test]
fn a_cut_file_gives_its_whole_records_and_says_that_it_is_cut() {
    let (bytes, starts) = sound();
    let whole = read(&bytes, 1 << 17);
    for length in 0..bytes.len() {
        let seen = read(&bytes[..length], 1 << 17);
        let before = starts.partition_point(|&start| start < length).saturating_sub(1);
        if starts.contains(&length) {
            let records = starts.iter().filter(|&&start| start < length).count();
            assert_eq!(seen, whole[..records], "{length} bytes");
        } else {
            assert_eq!(seen[..before], whole[..before], "{length} bytes");
            assert_eq!(seen[before..], [Err((before as u64 + 1, starts[before] as u64, Kind::Truncated))]);
        }
    }
}

#[test]
fn what_is_found_does_not_depend_on_the_size_of_the_reads() {
    let (mut bytes, starts) = sound();
    bytes[starts[3] + 20] ^= 1;
    bytes[starts[150] + 1] ^= 1;
    let whole = read(&bytes, 1 << 17);
    assert_eq!(whole.len(), 151);
    for block in 1..=64 {
        assert_eq!(read(&bytes, block), whole, "in blocks of {block}");
    }
}

#[test]
fn a_record_above_the_limit_is_passed_over() {
    let (mut bytes, user) = (Vec::new(), "x".repeat(1 << 20));
    push_example([("user", Feature::Texts(vec![&user]))].into_iter(), &mut bytes);
    let long = bytes.len() as u64;
    push_example([("user", Feature::Texts(vec!["next"]))].into_iter(), &mut bytes);
    let next = || Ok((2, "next··".to_owned()));
    assert_eq!(read(&bytes, 1 << 17), [Err((1, 0, Kind::TooLong)), next()]);
    let cut = read(&bytes[..long as usize - 1], 1 << 17);
    assert_eq!(cut, [Err((1, 0, Kind::Truncated))]);
}

#[test]
fn bytes_that_are_no_example_cost_their_record() {
    let messages: [&[u8]; 5] = [b"\x0a\x05", b"\xff", b"\x0a\x02\x0a\x07", b"\x07", b"\x0a\x04\x0a\x02\x0a\x01"];
    for message in messages {
        let mut bytes = Vec::new();
        twinspire_core::tfrecord::push_record(message, &mut bytes);
        assert_eq!(read(&bytes, 7), [Err((1, 0, Kind::BadExample))], "{message:?}");
    }
    let mut empty = Vec::new();
    twinspire_core::tfrecord::push_record(b"", &mut empty);
    assert_eq!(read(&empty, 7), [Ok((1, "··".to_owned()))], "an example may be empty");
}
