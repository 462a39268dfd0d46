//! NumPy's `.npy` form (version 1.0, `<f4`, C order) of the matrix.

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

pub(super) fn write(table: &EmbeddingTable, vfs: &dyn Vfs, path: &Path) -> Result<()> {
    let at = |error| CoreError::io(path, error);
    let mut file = vfs.create(path).map_err(at)?;
    file.write_all(&header(table.ids.len(), table.dimension)).map_err(at)?;
    file.write_all(super::raw::little_endian(&table.values).as_ref()).map_err(at)?;
    file.sync().map_err(at)
}
