//! Writing tables.

use crate::vfs::{Vfs, VfsFile};
use crate::{CoreError, Result};
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float32Type, UInt32Type};
use arrow_array::{Array, ArrayRef, FixedSizeListArray, ListArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::{OffsetBuffer, ScalarBuffer};
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Writes one batch as an Arrow IPC file (uncompressed, aligned to 64 bytes) and syncs it.
///
/// # Errors
/// I/O, with the path.
pub fn write_table(vfs: &dyn Vfs, path: &Path, batch: &RecordBatch) -> Result<()> {
    let mut file = write_parts(vfs, path, batch.schema_ref(), [Ok(batch.clone())])?;
    file.sync().map_err(|error| CoreError::io(path, error))
}

/// As [`write_table`], as several record batches of one form that can be mapped one by one (see [`super::MappedParts`]).
/// The caller syncs the file, perhaps while the next one is made.
///
/// # Errors
/// I/O, with the path; what a part that cannot be made says.
pub fn write_parts(
    vfs: &dyn Vfs,
    path: &Path,
    schema: &SchemaRef,
    parts: impl IntoIterator<Item = Result<RecordBatch>>,
) -> Result<Box<dyn VfsFile>> {
    let io = |error| CoreError::io(path, std::io::Error::other(error));
    let mut file: Box<dyn VfsFile> = vfs.create(path).map_err(|error| CoreError::io(path, error))?;
    let mut writer = writer(&mut file, schema).map_err(io)?;
    for part in parts {
        writer.write(&part?).map_err(io)?;
    }
    writer.finish().map_err(io)?;
    drop(writer);
    Ok(file)
}

/// The bytes of a file of [`write_table`].
///
/// # Errors
/// `Damaged` for a batch that has no form as a file.
pub fn encode_table(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut write = || {
        let mut writer = writer(&mut bytes, batch.schema_ref())?;
        writer.write(batch)?;
        writer.finish()
    };
    write().map_err(|error: ArrowError| CoreError::damaged("table", error.to_string()))?;
    Ok(bytes)
}

fn writer<W: Write>(target: W, schema: &SchemaRef) -> std::result::Result<FileWriter<W>, ArrowError> {
    let options = IpcWriteOptions::try_new(64, false, MetadataVersion::V5)?;
    FileWriter::try_new_with_options(target, schema, options)
}

/// A batch of named columns, none of which is nullable unless it holds nulls, with text metadata.
///
/// # Errors
/// `Damaged` when the columns have different lengths.
pub fn batch_of(columns: Vec<(String, ArrayRef)>, metadata: Vec<(&str, String)>) -> Result<RecordBatch> {
    let field = |(name, array): &(String, ArrayRef)| Field::new(name, array.data_type().clone(), array.is_nullable());
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let metadata: HashMap<String, String> = metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let schema = Schema::new_with_metadata(fields, metadata);
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(schema), arrays).map_err(|error| CoreError::damaged("table", error.to_string()))
}

/// The rows of several tables of one form, in their order.
///
/// # Errors
/// `Invalid` when a column would hold 2^31 list values or 2 GiB of text; `Damaged` when the forms differ or there is no
/// table.
pub fn concatenated(batches: &[RecordBatch]) -> Result<RecordBatch> {
    let damaged = |reason: String| CoreError::damaged("table", reason);
    let first = batches.first().ok_or_else(|| damaged("there are none to join".into()))?;
    let mut columns = Vec::with_capacity(first.num_columns());
    for field in first.schema_ref().fields() {
        let name = field.name();
        let parts: Option<Vec<&dyn Array>> =
            batches.iter().map(|batch| batch.column_by_name(name).map(AsRef::as_ref)).collect();
        let parts = parts.ok_or_else(|| damaged(format!("not every table has a column `{name}`")))?;
        let values: usize = parts.iter().copied().map(inner_values).sum();
        if i32::try_from(values).is_err() {
            let reason = format!("expected fewer than 2^31 list values or bytes of text in one table, found {values}");
            return Err(CoreError::Invalid { field: name.clone(), reason });
        }
        let joined = arrow_select::concat::concat(&parts).map_err(|error| damaged(error.to_string()))?;
        columns.push((name.clone(), joined));
    }
    let metadata = first.schema_ref().metadata().iter().map(|(key, value)| (key.as_str(), value.clone()));
    batch_of(columns, metadata.collect())
}

/// What the 32-bit offsets of a column count.
fn inner_values(column: &dyn Array) -> usize {
    if let Some(lists) = column.as_list_opt::<i32>() {
        return lists.values().len();
    }
    column.as_string_opt::<i32>().map_or(0, |texts| texts.values().len())
}

/// A `Utf8` column; `name` is for the error.
///
/// # Errors
/// `Invalid` for more text than the 32-bit offsets of one column can count.
pub(crate) fn texts<'a>(name: &str, values: impl Iterator<Item = Option<&'a str>> + Clone) -> Result<ArrayRef> {
    let bytes: usize = values.clone().flatten().map(str::len).sum();
    if i32::try_from(bytes).is_err() {
        let reason = format!("a column of a table holds less than 2 GiB of text, found {bytes} bytes");
        return Err(CoreError::Invalid { field: name.to_owned(), reason });
    }
    Ok(Arc::new(values.collect::<StringArray>()))
}

/// A `List` column from offsets (rising, from 0) and values.
pub fn list_column<T: ArrowPrimitiveType>(offsets: Vec<i32>, values: Vec<T::Native>) -> ArrayRef {
    let item = Arc::new(Field::new_list_field(T::DATA_TYPE, false));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let values = Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None));
    Arc::new(ListArray::new(item, offsets, values, None))
}

fn matrix<T: ArrowPrimitiveType>(width: usize, values: Vec<T::Native>) -> ArrayRef {
    let item = Arc::new(Field::new_list_field(T::DATA_TYPE, false));
    let values = Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), None));
    Arc::new(FixedSizeListArray::new(item, width as i32, values, None))
}

/// A `FixedSizeList<UInt32>` column from row-major values; `width` is above 0.
pub fn matrix_u32(width: usize, values: Vec<u32>) -> ArrayRef {
    matrix::<UInt32Type>(width, values)
}

/// A `FixedSizeList<Float32>` column from row-major values; `width` is above 0.
pub fn matrix_f32(width: usize, values: Vec<f32>) -> ArrayRef {
    matrix::<Float32Type>(width, values)
}
