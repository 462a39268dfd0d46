//! NumPy's `.npy` form (`<f4`, C order) of the matrix; it is written as version 1.0.

use super::EmbeddingTable;
use crate::vfs::Vfs;
use crate::{CoreError, Result};
use std::io::Write;
use std::path::Path;

/// Header of a `[rows, dimension]` matrix, padded so that the data starts at a multiple of 64.
fn header(rows: usize, dimension: usize) -> Vec<u8> {
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    let unpadded = 10 + text.len() + 1;
    text.push_str(&" ".repeat(unpadded.next_multiple_of(64) - unpadded));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&u16::try_from(text.len()).expect("a short header").to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// Rows and columns in a header such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`.
fn shape(header: &str) -> Option<(usize, usize)> {
    let inside = header.split_once("'shape':")?.1.split_once('(')?.1.split_once(')')?.0;
    let (rows, columns) = inside.split_once(',')?;
    Some((rows.trim().parse().ok()?, columns.trim().trim_end_matches(',').parse().ok()?))
}

/// Rows, columns and values of a file of `<f4` in C order, of any version.
pub(super) fn read(path: &Path) -> Result<(usize, usize, Vec<f32>)> {
    let bytes = std::fs::read(path).map_err(|error| CoreError::io(path, error))?;
    let damaged = |reason: &str| CoreError::damaged(path, reason);
    let version = bytes.get(6).filter(|_| bytes.starts_with(b"\x93NUMPY")).ok_or_else(|| damaged("not a .npy file"))?;
    let width = if *version == 1 { 2 } else { 4 };
    let length = bytes.get(8..8 + width).ok_or_else(|| damaged("cut in its header"))?;
    let length = length.iter().rev().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
    let header = bytes.get(8 + width..8 + width + length).ok_or_else(|| damaged("cut in its header"))?;
    let header = String::from_utf8_lossy(header);
    if !header.contains("'<f4'") || header.contains("'fortran_order': True") {
        return Err(damaged("its numbers are not little-endian float32 in C order; write `x.astype('<f4')`"));
    }
    let (rows, columns) = shape(&header).ok_or_else(|| damaged("it is not a matrix"))?;
    let data = &bytes[8 + width + length..];
    if rows.checked_mul(columns).and_then(|cells| cells.checked_mul(4)) != Some(data.len()) {
        return Err(damaged("its shape does not fit its length"));
    }
    let values = data.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes")));
    Ok((rows, columns, values.collect()))
}

pub(super) fn write(table: &EmbeddingTable, vfs: &dyn Vfs, path: &Path) -> Result<()> {
    let at = |error| CoreError::io(path, error);
    let mut file = vfs.create(path).map_err(at)?;
    file.write_all(&header(table.ids.len(), table.dimension)).map_err(at)?;
    file.write_all(super::raw::little_endian(&table.values).as_ref()).map_err(at)?;
    file.sync().map_err(at)
}
