//! Embedding tables: ids and a row-major matrix. Text, `.npy` and raw forms; Parquet is made by the data crate.

mod npy;
mod raw;
mod text;

use crate::vfs::Vfs;
use crate::{CoreError, Result};
use std::path::Path;

/// Ids and a row-major `[rows, dimension]` matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddingTable {
    /// One id a row, unique.
    pub ids: Vec<String>,
    /// Length of a vector.
    pub dimension: usize,
    /// `[rows, dimension]`, row-major.
    pub values: Vec<f32>,
    /// All rows have length 1 (within 1e-4).
    pub unit_length: bool,
}

impl EmbeddingTable {
    /// Checks: unique ids, finite values, matching sizes.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] that says which id or vector is at fault.
    pub fn new(ids: Vec<String>, dimension: usize, values: Vec<f32>) -> Result<Self> {
        let invalid = |reason: String| CoreError::Invalid { field: "embeddings".into(), reason };
        if values.len() != ids.len() * dimension {
            return Err(invalid(format!(
                "{} ids need {} values, found {}",
                ids.len(),
                ids.len() * dimension,
                values.len()
            )));
        }
        if let Some(position) = values.iter().position(|value| !value.is_finite()) {
            return Err(invalid(format!("the vector of `{}` is not finite", ids[position / dimension])));
        }
        let mut sorted: Vec<&String> = ids.iter().collect();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(invalid(format!("`{}` occurs twice", twice[0])));
        }
        let is_unit = |row: &[f32]| (row.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 2e-4;
        let unit_length = dimension > 0 && values.chunks_exact(dimension).all(is_unit);
        Ok(Self { ids, dimension, values, unit_length })
    }

    /// One vector.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dimension..(row + 1) * self.dimension]
    }

    /// `id<TAB>v1,v2,…`, one line an id, shortest floats that read back equal.
    ///
    /// # Errors
    /// I/O, with the path.
    pub fn write_text(&self, vfs: &dyn Vfs, path: &Path) -> Result<()> {
        text::write(self, vfs, path)
    }

    /// Reads [`EmbeddingTable::write_text`].
    ///
    /// # Errors
    /// `Damaged` with the line at fault; as [`EmbeddingTable::new`]; I/O.
    pub fn read_text(path: &Path) -> Result<Self> {
        text::read(path)
    }

    /// NumPy `.npy` of the matrix (`<f4`, C order); ids are not in it.
    ///
    /// # Errors
    /// I/O, with the path.
    pub fn write_npy(&self, vfs: &dyn Vfs, path: &Path) -> Result<()> {
        npy::write(self, vfs, path)
    }

    /// Reads a `.npy` matrix (`<f4`, C order) and gives the rows their ids; without any, row numbers are the ids.
    ///
    /// # Errors
    /// `Damaged` when it is not such a file; as [`EmbeddingTable::new`]; I/O.
    pub fn read_npy(path: &Path, ids: Option<Vec<String>>) -> Result<Self> {
        let (rows, dimension, values) = npy::read(path)?;
        let ids = ids.unwrap_or_else(|| (0..rows).map(|row| row.to_string()).collect());
        Self::new(ids, dimension, values)
    }

    /// Raw row-major f32 with a small header (magic, format version, rows, dimension, flags); ids are not in it.
    ///
    /// # Errors
    /// I/O, with the path.
    pub fn write_raw(&self, vfs: &dyn Vfs, path: &Path) -> Result<()> {
        raw::write(self, vfs, path)
    }

    /// Reads [`EmbeddingTable::write_raw`] and gives the rows their ids.
    ///
    /// # Errors
    /// `Damaged` when it is not such a file of as many rows as ids; as [`EmbeddingTable::new`]; I/O.
    pub fn read_raw(path: &Path, ids: Vec<String>) -> Result<Self> {
        raw::read(path, ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::RealVfs;

    fn table() -> EmbeddingTable {
        let ids = ["a", "二", "c d"].map(String::from).to_vec();
        EmbeddingTable::new(ids, 2, vec![0.1, -1.0 / 3.0, 1e-30, 3.0e38, 0.0, -0.0]).unwrap()
    }

    #[test]
    fn text_and_raw_forms_read_back_equal() {
        let folder = tempfile::tempdir().unwrap();
        let (text, raw) = (folder.path().join("e.txt"), folder.path().join("e.f32"));
        table().write_text(&RealVfs, &text).unwrap();
        table().write_raw(&RealVfs, &raw).unwrap();
        assert_eq!(EmbeddingTable::read_text(&text).unwrap(), table());
        assert_eq!(EmbeddingTable::read_raw(&raw, table().ids).unwrap(), table());
        assert_eq!(std::fs::read_to_string(&text).unwrap().lines().next(), Some("a\t0.1,-0.33333334"));
        table().write_text(&RealVfs, &text).unwrap();
        assert_eq!(std::fs::read_to_string(&text).unwrap().lines().count(), 3, "rewritten, not appended");
    }

    #[test]
    fn npy_has_a_padded_header_and_the_matrix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.npy");
        table().write_npy(&RealVfs, &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 128 + 6 * 4);
        assert!(bytes.starts_with(b"\x93NUMPY\x01\x00") && bytes[127] == b'\n');
        assert_eq!(bytes[128..132], 0.1f32.to_le_bytes());
        assert_eq!(EmbeddingTable::read_npy(&path, Some(table().ids)).unwrap(), table());
        assert_eq!(EmbeddingTable::read_npy(&path, None).unwrap().ids, ["0", "1", "2"]);
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(EmbeddingTable::read_npy(&path, None).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_damaged_raw_file_is_refused_at_every_byte_of_its_header_and_every_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.f32");
        table().write_raw(&RealVfs, &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(EmbeddingTable::read_raw(&path, table().ids).is_err(), "cut at {length}");
        }
        for position in 0..HEADER_BYTES {
            let mut damaged = whole.clone();
            damaged[position] ^= 0xff;
            std::fs::write(&path, &damaged).unwrap();
            assert!(EmbeddingTable::read_raw(&path, table().ids).is_err(), "byte {position}");
        }
    }

    const HEADER_BYTES: usize = 32;

    #[test]
    fn double_ids_and_numbers_that_are_not_finite_are_refused() {
        let ids = |names: [&str; 2]| names.map(String::from).to_vec();
        assert!(EmbeddingTable::new(ids(["a", "a"]), 1, vec![1.0, 2.0]).is_err());
        assert!(EmbeddingTable::new(ids(["a", "b"]), 1, vec![1.0, f32::NAN]).is_err());
        assert!(EmbeddingTable::new(ids(["a", "b"]), 2, vec![1.0]).is_err());
        assert!(EmbeddingTable::new(ids(["a", "b"]), 1, vec![1.0, -1.0]).unwrap().unit_length);
    }
}
