//! Embedding tables: ids and a row-major matrix. Text, `.npy` and raw forms; Parquet is made by the data crate.

mod npy;
mod raw;
mod text;

use crate::{vfs::Vfs, Result};
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
    pub fn new(_ids: Vec<String>, _dimension: usize, _values: Vec<f32>) -> Result<Self> { todo!() }
    /// One vector.
    pub fn row(&self, row: usize) -> &[f32] { &self.values[row * self.dimension..(row + 1) * self.dimension] }
    /// `id<TAB>v1,v2,…`, one line an id, shortest floats that read back equal.
    pub fn write_text(&self, vfs: &dyn Vfs, path: &Path) -> Result<()> { text::write(self, vfs, path) }
    /// Reads [`EmbeddingTable::write_text`].
    pub fn read_text(path: &Path) -> Result<Self> { text::read(path) }
    /// NumPy `.npy` of the matrix (`<f4`, C order); ids are not in it.
    pub fn write_npy(&self, vfs: &dyn Vfs, path: &Path) -> Result<()> { npy::write(self, vfs, path) }
    /// Raw row-major f32 with a small header (magic, format version, rows, dimension, flags); ids are not in it.
    pub fn write_raw(&self, vfs: &dyn Vfs, path: &Path) -> Result<()> { raw::write(self, vfs, path) }
    /// Reads [`EmbeddingTable::write_raw`] and gives the rows their ids.
    pub fn read_raw(path: &Path, ids: Vec<String>) -> Result<Self> { raw::read(path, ids) }
}
