//! The frame of a TFRecord file, and the wire format of the messages in it.
//!
//! In: bytes. Out: records as TensorFlow writes them: length (8 bytes, little-endian), its checksum, the bytes, their
//! checksum (<https://www.tensorflow.org/tutorials/load_data/tfrecord>). Logs come in such files, and what TensorBoard shows
//! lies in them. What a message says is not known here, and damaged files are the business of those who read them.

mod crc;
mod message;

pub use crc::masked;
pub use message::{
    push_bytes, push_double, push_float, push_packed_doubles, push_varint, push_varint_field, split_varint,
};

/// Bytes of a length and its checksum, which stand before a record.
pub const HEAD: usize = 12;

/// Bytes of the checksum behind a record.
pub const TAIL: usize = 4;

/// Appends one record of any bytes.
pub fn push_record(record: &[u8], out: &mut Vec<u8>) {
    let length = (record.len() as u64).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&masked(&length).to_le_bytes());
    out.extend_from_slice(record);
    out.extend_from_slice(&masked(record).to_le_bytes());
}

/// The record at the front of `bytes`; nothing where it is damaged or cut.
pub fn front_record(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    if masked(length) != u32::from_le_bytes(*sum) {
        return None;
    }
    let record = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let sum = rest[record.len()..].first_chunk::<4>()?;
    (masked(record) == u32::from_le_bytes(*sum)).then_some(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_again_and_no_damaged_or_cut_one_is() {
        let mut bytes = Vec::new();
        push_record(b"first", &mut bytes);
        let end = bytes.len();
        push_record(b"", &mut bytes);
        assert_eq!(front_record(&bytes), Some(&b"first"[..]));
        assert_eq!(front_record(&bytes[end..]), Some(&b""[..]));
        assert_eq!(end, HEAD + 5 + TAIL);
        for cut in 0..end {
            assert_eq!(front_record(&bytes[..cut]), None, "cut after {cut} bytes");
            let mut damaged = bytes.clone();
            damaged[cut] ^= 0x10;
            assert_eq!(front_record(&damaged), None, "byte {cut}");
        }
    }
}
