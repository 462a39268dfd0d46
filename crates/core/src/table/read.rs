//! Memory-mapped tables and typed looks at their columns.

use crate::{CoreError, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float32Type, Int64Type, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, ListArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::{ArrowNativeType, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::{Block, MetadataVersion, root_as_footer};
use arrow_schema::SchemaRef;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Maps a file of [`super::write_table`]; columns borrow from the map, nothing is copied.
///
/// # Errors
/// `Io`, or `Damaged` when it is not such a file.
pub fn read_mapped(path: &Path) -> Result<RecordBatch> {
    MappedParts::open(path)?.only()
}

/// A file of [`super::write_parts`]. What is not asked for is neither read nor checked.
pub struct MappedParts {
    path: PathBuf,
    buffer: Buffer,
    schema: SchemaRef,
    version: MetadataVersion,
    blocks: Vec<Block>,
}

impl MappedParts {
    /// Maps the file and reads what it says of its parts.
    ///
    /// # Errors
    /// `Io`, or `Damaged` when it is not such a file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(|error| CoreError::io(path, error))?;
        // SAFETY: tables are written once under a temporary name and never changed after the rename.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(|error| CoreError::io(path, error))?;
        let map = Arc::new(map);
        let start = std::ptr::NonNull::new(map.as_ptr().cast_mut()).expect("a map is never null");
        // SAFETY: the buffer owns the map, so the bytes live as long as it does, and nobody writes to them.
        let buffer = unsafe { Buffer::from_custom_allocation(start, map.len(), map.clone()) };
        Self::of_buffer(path, buffer).map_err(|reason| CoreError::damaged(path, reason))
    }

    fn of_buffer(path: &Path, buffer: Buffer) -> std::result::Result<Self, String> {
        let text = |error: arrow_schema::ArrowError| error.to_string();
        let length = buffer.len();
        if length < TRAILER {
            return Err("shorter than the trailer of an Arrow file".into());
        }
        let trailer: [u8; TRAILER] = buffer[length - TRAILER..].try_into().map_err(|_| "no trailer")?;
        let footer_length = read_footer_length(trailer).map_err(text)?;
        let footer_start = (length - TRAILER).checked_sub(footer_length).ok_or("the footer is longer than the file")?;
        let footer = root_as_footer(&buffer[footer_start..length - TRAILER]).map_err(|error| error.to_string())?;
        let schema = Arc::new(try_fb_to_schema(footer.schema().ok_or("no schema")?).map_err(text)?);
        let blocks = footer.recordBatches().ok_or("no record batches")?.iter().copied().collect();
        let version = footer.version();
        Ok(Self { path: path.to_owned(), schema, version, blocks, buffer: buffer.clone() })
    }

    /// The rows of a file that has one part.
    fn only(&self) -> Result<RecordBatch> {
        if self.len() != 1 {
            return Err(CoreError::damaged(&self.path, format!("{} record batches, expected 1", self.len())));
        }
        self.part(0)
    }

    /// Number of parts.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// True without parts.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The rows of every part, in order.
    pub fn parts(&self) -> impl Iterator<Item = Result<RecordBatch>> + '_ {
        (0..self.len()).map(|number| self.part(number))
    }

    /// Columns and metadata, which all parts share.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows of a part; they keep the file mapped.
    ///
    /// # Errors
    /// `Damaged`.
    ///
    /// # Panics
    /// When there is no such part.
    pub fn part(&self, number: usize) -> Result<RecordBatch> {
        self.decode(&self.blocks[number]).map_err(|reason| CoreError::damaged(&self.path, reason))
    }

    fn decode(&self, block: &Block) -> std::result::Result<RecordBatch, String> {
        let text = |error: arrow_schema::ArrowError| error.to_string();
        let block_length = (block.metaDataLength() as i64).checked_add(block.bodyLength()).ok_or("a forged block")?;
        let block_end = block.offset().checked_add(block_length).ok_or("a forged block")?;
        if block.offset() < 0 || block.metaDataLength() < 0 || block_length < 0 || block_end > self.buffer.len() as i64
        {
            return Err("a block lies outside the file".into());
        }
        let decoder = FileDecoder::new(self.schema.clone(), self.version).with_require_alignment(true);
        let data = self.buffer.slice_with_length(block.offset() as usize, block_length as usize);
        decoder.read_record_batch(block, &data).map_err(text)?.ok_or_else(|| "no record batch".into())
    }
}

/// The table in the bytes of such a file, which are copied.
///
/// # Errors
/// `Damaged`.
pub fn decode_table(bytes: &[u8]) -> Result<RecordBatch> {
    let path = Path::new("table");
    let parts = MappedParts::of_buffer(path, Buffer::from(bytes));
    parts.map_err(|reason| CoreError::damaged(path, reason))?.only()
}

const TRAILER: usize = 10;

/// Number of values in each row of a list column.
///
/// # Errors
/// `Damaged` when there is no such column.
pub fn list_lengths(batch: &RecordBatch, name: &str) -> Result<Vec<u64>> {
    let lists = column(batch, name)?.as_list_opt::<i32>();
    let lists = lists.ok_or_else(|| CoreError::damaged("table", format!("the column `{name}` holds no lists")))?;
    Ok(lists.offsets().lengths().map(|length| length as u64).collect())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    let found = batch.column_by_name(name);
    found.ok_or_else(|| CoreError::damaged("table", format!("there is no column `{name}`")))
}

fn wrong_type(name: &str, array: &ArrayRef, expected: &str) -> CoreError {
    let reason = format!(
        "column `{name}` has type {} with {} nulls, expected {expected}",
        array.data_type(),
        array.null_count()
    );
    CoreError::damaged("table", reason)
}

/// The values of a primitive column without nulls, or of a fixed-size list of such values, row-major.
fn primitive<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<&'a ScalarBuffer<T::Native>> {
    let array = column(batch, name)?;
    let values = array.as_fixed_size_list_opt().map_or(array, FixedSizeListArray::values);
    let typed = values.as_primitive_opt::<T>().filter(|typed| typed.null_count() == 0 && array.null_count() == 0);
    typed.map(PrimitiveArray::values).ok_or_else(|| wrong_type(name, array, &T::DATA_TYPE.to_string()))
}

/// A list column without nulls, and its values.
fn list_parts<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<(&'a ListArray, &'a PrimitiveArray<T>)> {
    let array = column(batch, name)?;
    let list = array.as_list_opt::<i32>().filter(|list| list.null_count() == 0);
    let values = list.and_then(|list| list.values().as_primitive_opt::<T>());
    let whole = list.zip(values.filter(|values| values.null_count() == 0));
    whole.ok_or_else(|| wrong_type(name, array, &format!("List<{}>", T::DATA_TYPE)))
}

/// Paths of the `*.arrow` files of a folder, by name; none of a folder that is not there.
///
/// # Errors
/// I/O, with the path.
pub fn tables_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                paths.push(entry.map_err(|error| CoreError::io(folder, error))?.path());
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(CoreError::io(folder, error)),
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "arrow"));
    paths.sort();
    Ok(paths)
}

/// As [`integers_u32`] and its kin, but shared: it keeps the table mapped.
///
/// # Errors
/// As [`integers_u32`].
pub(crate) fn shared<T: ArrowPrimitiveType>(batch: &RecordBatch, name: &str) -> Result<ScalarBuffer<T::Native>> {
    primitive::<T>(batch, name).cloned()
}

/// As [`lists`], but shared: it keeps the table mapped.
///
/// # Errors
/// As [`lists`].
pub(crate) fn shared_lists<T: ArrowPrimitiveType>(batch: &RecordBatch, name: &str) -> Result<SharedLists<T::Native>> {
    let (list, values) = list_parts::<T>(batch, name)?;
    Ok(SharedLists { offsets: list.offsets().clone(), values: values.values().clone() })
}

/// A list column that keeps its table mapped.
#[derive(Debug, Clone)]
pub(crate) struct SharedLists<T: ArrowNativeType> {
    pub(crate) offsets: OffsetBuffer<i32>,
    pub(crate) values: ScalarBuffer<T>,
}

impl<T: ArrowNativeType> SharedLists<T> {
    pub(crate) fn view(&self) -> ListView<'_, T> {
        ListView { offsets: &self.offsets, values: &self.values }
    }
}

/// A `UInt8` column without nulls.
///
/// # Errors
/// `Damaged` when the column is not there or has another type; so for every function below.
pub fn integers_u8<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [u8]> {
    primitive::<UInt8Type>(batch, name).map(AsRef::as_ref)
}

/// A `UInt32` column without nulls; also the values of a `FixedSizeList<UInt32>` column, row-major.
pub fn integers_u32<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [u32]> {
    primitive::<UInt32Type>(batch, name).map(AsRef::as_ref)
}

/// A `UInt64` column without nulls.
pub fn integers_u64<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [u64]> {
    primitive::<UInt64Type>(batch, name).map(AsRef::as_ref)
}

/// An `Int64` column without nulls.
pub fn integers_i64<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [i64]> {
    primitive::<Int64Type>(batch, name).map(AsRef::as_ref)
}

/// A `Float32` column without nulls; also the values of a `FixedSizeList<Float32>` column, row-major.
pub fn floats_f32<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a [f32]> {
    primitive::<Float32Type>(batch, name).map(AsRef::as_ref)
}

/// A `Utf8` column; nulls are allowed.
pub fn text_column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    let array = column(batch, name)?;
    array.as_string_opt::<i32>().ok_or_else(|| wrong_type(name, array, "Utf8"))
}

/// A `List` column of a primitive type without nulls.
pub fn lists<'a, T: ArrowPrimitiveType>(batch: &'a RecordBatch, name: &str) -> Result<ListView<'a, T::Native>> {
    let (list, values) = list_parts::<T>(batch, name)?;
    Ok(ListView { offsets: list.value_offsets(), values: values.values() })
}

/// A list column: row `r` has `values[offsets[r]..offsets[r + 1]]`.
#[derive(Debug, Clone, Copy)]
pub struct ListView<'a, T> {
    /// `[rows + 1]`, rising.
    pub offsets: &'a [i32],
    /// Values of all rows.
    pub values: &'a [T],
}

impl<'a, T> ListView<'a, T> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Values of one row.
    pub fn row(&self, row: usize) -> &'a [T] {
        &self.values[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }
}
