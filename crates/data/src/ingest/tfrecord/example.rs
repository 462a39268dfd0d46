//! One `tf.train.Example` to named cells. In: the bytes of a record. Out: cells. It reads the wire form of protocol
//! buffers (<https://protobuf.dev/programming-guides/encoding>) as far as this message needs it:
//!
//! ```text
//! Example   { Features features = 1; }
//! Features  { map<string, Feature> feature = 1; }      entry: key = 1, value = 2
//! Feature   { BytesList = 1 | FloatList = 2 | Int64List = 3 }   each: repeated value = 1, numbers packed or not
//! ```

use crate::ingest::account::Kind;
use crate::ingest::named::{Claim, ListCell, NamedCells};
use std::fmt::Write as _;
use twinspire_core::tfrecord::split_varint;

type Read<T> = Result<T, Kind>;

/// A field of a message.
enum Field<'a> {
    Varint(u64),
    Fixed32([u8; 4]),
    Fixed64,
    Bytes(&'a [u8]),
}

/// Fields that are not read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Read<u64> {
        let (number, rest) = split_varint(self.0).ok_or(Kind::BadExample)?;
        self.0 = rest;
        Ok(number)
    }

    fn bytes(&mut self, length: u64) -> Read<&'a [u8]> {
        let length = usize::try_from(length).map_err(|_| Kind::BadExample)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Kind::BadExample)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Number and content of the next field; `None` at the end of the message.
    fn next(&mut self) -> Read<Option<(u64, Field<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = match tag & 7 {
            0 => Field::Varint(self.varint()?),
            1 => self.bytes(8).map(|_| Field::Fixed64)?,
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.bytes(length)?)
            }
            5 => Field::Fixed32(self.bytes(4)?.try_into().expect("four bytes")),
            _ => return Err(Kind::BadExample),
        };
        Ok(Some((tag >> 3, field)))
    }

    /// Hands every message in field `wanted` to `read`; other fields are passed over.
    fn each(mut self, wanted: u64, mut read: impl FnMut(Fields<'a>) -> Read<()>) -> Read<()> {
        while let Some((number, field)) = self.next()? {
            if let (true, Field::Bytes(bytes)) = (number == wanted, field) {
                read(Fields(bytes))?;
            }
        }
        Ok(())
    }
}

/// Reads one example.
///
/// # Errors
/// [`Kind::BadExample`]; a wanted value that is not UTF-8 is a fault of the cells.
pub(super) fn read_example(record: &[u8], cells: &mut NamedCells) -> Read<()> {
    cells.clear();
    Fields(record).each(1, |features| features.each(1, |entry| read_entry(entry, cells)))
}

fn read_entry(mut entry: Fields<'_>, cells: &mut NamedCells) -> Read<()> {
    let (mut name, mut feature) = (&[][..], &[][..]);
    while let Some((number, field)) = entry.next()? {
        match (number, field) {
            (1, Field::Bytes(bytes)) => name = bytes,
            (2, Field::Bytes(bytes)) => feature = bytes,
            (_, Field::Varint(_) | Field::Fixed32(_) | Field::Fixed64 | Field::Bytes(_)) => {}
        }
    }
    let name = std::str::from_utf8(name).map_err(|_| Kind::BadExample)?;
    match cells.claim(name) {
        Claim::Kept(number) => read_feature(Fields(feature), number, cells),
        Claim::Passed => Ok(()),
        Claim::Repeated => Err(Kind::BadExample),
    }
}

fn read_feature(mut feature: Fields<'_>, number: usize, cells: &mut NamedCells) -> Read<()> {
    while let Some((kind, field)) = feature.next()? {
        let Field::Bytes(list) = field else { continue };
        let mut cell = cells.list(number);
        let is_text = match kind {
            1 => read_texts(Fields(list), &mut cell)?,
            2 => read_floats(Fields(list), &mut cell).map(|()| true)?,
            3 => read_integers(Fields(list), &mut cell).map(|()| true)?,
            _ => true,
        };
        cell.close();
        if !is_text {
            cells.blame(Kind::InvalidUtf8, number);
        }
    }
    Ok(())
}

/// False when a value is not UTF-8.
fn read_texts(mut list: Fields<'_>, cell: &mut ListCell<'_>) -> Read<bool> {
    let mut is_text = true;
    while let Some((number, field)) = list.next()? {
        if let (1, Field::Bytes(bytes)) = (number, field) {
            let text = String::from_utf8_lossy(bytes);
            is_text &= matches!(text, std::borrow::Cow::Borrowed(_));
            cell.element(|cell| cell.push_str(&text));
        }
    }
    Ok(is_text)
}

fn read_floats(mut list: Fields<'_>, cell: &mut ListCell<'_>) -> Read<()> {
    let mut append = |bytes: [u8; 4]| push(f32::from_le_bytes(bytes), cell);
    while let Some((number, field)) = list.next()? {
        match (number, field) {
            (1, Field::Fixed32(bytes)) => append(bytes),
            (1, Field::Bytes(packed)) => {
                let (values, rest) = packed.as_chunks::<4>();
                values.iter().copied().for_each(&mut append);
                if !rest.is_empty() {
                    return Err(Kind::BadExample);
                }
            }
            (_, Field::Varint(_) | Field::Fixed32(_) | Field::Fixed64 | Field::Bytes(_)) => {}
        }
    }
    Ok(())
}

fn read_integers(mut list: Fields<'_>, cell: &mut ListCell<'_>) -> Read<()> {
    while let Some((number, field)) = list.next()? {
        match (number, field) {
            (1, Field::Varint(value)) => push(value.cast_signed(), cell),
            (1, Field::Bytes(packed)) => {
                let mut packed = Fields(packed);
                while !packed.0.is_empty() {
                    push(packed.varint()?.cast_signed(), cell);
                }
            }
            (_, Field::Varint(_) | Field::Fixed32(_) | Field::Fixed64 | Field::Bytes(_)) => {}
        }
    }
    Ok(())
}

/// Appends a number with the fewest digits that give it back.
fn push(number: impl std::fmt::Display, cell: &mut ListCell<'_>) {
    cell.element(|text| write!(text, "{number}").expect("writing to a string does not fail"));
}
