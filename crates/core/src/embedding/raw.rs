//! The raw form: a 32-byte header (magic, format version, rows, dimension, flags), then row-major little-endian f32.

use super::EmbeddingTable;
use crate::vfs::Vfs;
use crate::{CoreError, Result};
use std::borrow::Cow;
use std::io::Write;
use std::path::Path;

const MAGIC: &[u8; 8] = b"TWSPVEC\x01";
const HEADER: usize = 32;

pub(super) fn little_endian(values: &[f32]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(values))
    } else {
        Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }
}

pub(super) fn write(table: &EmbeddingTable, vfs: &dyn Vfs, path: &Path) -> Result<()> {
    let at = |error| CoreError::io(path, error);
    let mut header = MAGIC.to_vec();
    for number in [table.ids.len(), table.dimension, usize::from(table.unit_length)] {
        header.extend_from_slice(&(number as u64).to_le_bytes());
    }
    let mut file = vfs.create(path).map_err(at)?;
    file.write_all(&header).map_err(at)?;
    file.write_all(little_endian(&table.values).as_ref()).map_err(at)?;
    file.sync().map_err(at)
}

pub(super) fn read(path: &Path, ids: Vec<String>) -> Result<EmbeddingTable> {
    let bytes = std::fs::read(path).map_err(|error| CoreError::io(path, error))?;
    if bytes.len() < HEADER || &bytes[..8] != MAGIC {
        return Err(CoreError::damaged(path, "not a vector file of this version"));
    }
    let number = |start: usize| u64::from_le_bytes(bytes[start..start + 8].try_into().expect("eight bytes"));
    let (rows, dimension, unit_length) = (number(8), number(16), number(24));
    let expected = rows.checked_mul(dimension).and_then(|cells| cells.checked_mul(4));
    if expected != Some((bytes.len() - HEADER) as u64) || rows != ids.len() as u64 || dimension == 0 {
        let reason =
            format!("{rows} rows of {dimension} values do not fit {} bytes and {} ids", bytes.len(), ids.len());
        return Err(CoreError::damaged(path, reason));
    }
    let floats = bytes[HEADER..].chunks_exact(4);
    let values = floats.map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect();
    let table = EmbeddingTable::new(ids, dimension as usize, values)?;
    if u64::from(table.unit_length) != unit_length {
        return Err(CoreError::damaged(path, "the unit-length flag does not fit the vectors"));
    }
    Ok(table)
}
