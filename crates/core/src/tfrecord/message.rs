//! Fields of Protocol Buffers messages, appended one by one, and the number that each begins with, read again
//! (<https://protobuf.dev/programming-guides/encoding>). A field that has its default value is left out by the caller.

/// Appends a number in groups of seven bits, the lowest first.
pub fn push_varint(mut number: u64, message: &mut Vec<u8>) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

/// The number at the front of `bytes`, and what follows it; nothing where it has no end.
pub fn split_varint(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((number, bytes));
        }
    }
    None
}

/// Appends a field of wire type 0: an integer, a boolean, an enum.
pub fn push_varint_field(field: u64, number: u64, message: &mut Vec<u8>) {
    push_varint(field << 3, message);
    push_varint(number, message);
}

/// Appends a field of wire type 1: a double.
pub fn push_double(field: u64, number: f64, message: &mut Vec<u8>) {
    push_varint(field << 3 | 1, message);
    message.extend_from_slice(&number.to_le_bytes());
}

/// Appends a field of wire type 2: bytes, a text, or a message.
pub fn push_bytes(field: u64, bytes: &[u8], message: &mut Vec<u8>) {
    push_varint(field << 3 | 2, message);
    push_varint(bytes.len() as u64, message);
    message.extend_from_slice(bytes);
}

/// Appends a repeated field of doubles, packed.
pub fn push_packed_doubles(field: u64, numbers: &[f64], message: &mut Vec<u8>) {
    push_varint(field << 3 | 2, message);
    push_varint(numbers.len() as u64 * 8, message);
    numbers.iter().for_each(|number| message.extend_from_slice(&number.to_le_bytes()));
}

/// Appends a field of wire type 5: a float.
pub fn push_float(field: u64, number: f32, message: &mut Vec<u8>) {
    push_varint(field << 3 | 5, message);
    message.extend_from_slice(&number.to_le_bytes());
}
