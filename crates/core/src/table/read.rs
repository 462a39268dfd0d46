//! Memory-mapped tables and typed looks at their columns.
use crate::Result;
use arrow_array::{RecordBatch, StringArray};
use std::path::Path;

/// Maps a file of [`super::write_table`]; columns borrow from the map, nothing is copied.
///
/// # Errors
/// `Io`, or `Damaged` when it is not such a file.
pub fn read_mapped(_path: &Path) -> Result<RecordBatch> { todo!() }
/// A `UInt32` column without nulls; also the values of a `FixedSizeList<UInt32>` column, row-major.
pub fn integers_u32<'a>(_batch: &'a RecordBatch, _name: &str) -> Result<&'a [u32]> { todo!() }
/// An `Int64` column without nulls.
pub fn integers_i64<'a>(_batch: &'a RecordBatch, _name: &str) -> Result<&'a [i64]> { todo!() }
/// A `Float32` column without nulls; also the values of a `FixedSizeList<Float32>` column, row-major.
pub fn floats_f32<'a>(_batch: &'a RecordBatch, _name: &str) -> Result<&'a [f32]> { todo!() }
/// A `Utf8` column (nulls allowed).
pub fn text_column<'a>(_batch: &'a RecordBatch, _name: &str) -> Result<&'a StringArray> { todo!() }
/// A `List` column of a primitive type without nulls.
pub fn lists<'a, T: arrow_array::ArrowPrimitiveType>(_batch: &'a RecordBatch, _name: &str) -> Result<ListView<'a, T::Native>> { todo!() }

/// A list column: row `r` has `values[offsets[r]..offsets[r + 1]]`.
#[derive(Debug, Clone, Copy)]
pub struct ListView<'a, T> {
    /// `[rows + 1]`.
    pub offsets: &'a [i32],
    /// Values of all rows.
    pub values: &'a [T],
}

impl<'a, T> ListView<'a, T> {
    /// Number of rows.
    pub fn rows(&self) -> usize { self.offsets.len() - 1 }
    /// Values of one row.
    pub fn row(&self, row: usize) -> &'a [T] { &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize] }
}
