//! Tables to and from Parquet, for everything that reads Parquet, compressed with zstd. An embedding table becomes one column
//! `id` (Utf8) and one column `embedding` (FixedSizeList of Float32). Text, `.npy` and raw forms are in the core crate.

use crate::error::Result;
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::CoreError;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::vfs::Vfs;

/// Rows that are turned into Arrow at a time; bounds the memory, and is the size of a row group.
const ROW_GROUP: usize = 65_536;

fn schema(dimension: usize) -> SchemaRef {
    let value = Arc::new(Field::new("item", DataType::Float32, false));
    let embedding = DataType::FixedSizeList(value, dimension as i32);
    Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, false), Field::new("embedding", embedding, false)]))
}

/// Rows `start..end` of the table.
fn batch(
    table: &EmbeddingTable,
    start: usize,
    end: usize,
    schema: &SchemaRef,
) -> std::result::Result<RecordBatch, arrow_schema::ArrowError> {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(&table.ids[start..end]));
    let values = &table.values[start * table.dimension..end * table.dimension];
    let value = Arc::new(Field::new("item", DataType::Float32, false));
    let values = Arc::new(Float32Array::from(values.to_vec()));
    let embeddings = FixedSizeListArray::try_new(value, table.dimension as i32, values, None)?;
    RecordBatch::try_new(schema.clone(), vec![ids, Arc::new(embeddings)])
}

/// Writes `table` to `path` and syncs it. Equal tables give equal bytes.
///
/// # Errors
/// [`CoreError::Io`] with the path.
pub fn embeddings_to_parquet(table: &EmbeddingTable, vfs: &dyn Vfs, path: &Path) -> Result<()> {
    let schema = schema(table.dimension);
    let starts = (0..table.ids.len()).step_by(ROW_GROUP);
    let batches = starts.map(|start| batch(table, start, (start + ROW_GROUP).min(table.ids.len()), &schema));
    write(batches, &schema, vfs, path)
}

/// Writes any table likewise, with its own columns.
///
/// # Errors
/// [`CoreError::Io`] with the path.
pub fn table_to_parquet(table: &RecordBatch, vfs: &dyn Vfs, path: &Path) -> Result<()> {
    write(std::iter::once(Ok(table.clone())), &table.schema(), vfs, path)
}

fn write(
    batches: impl Iterator<Item = std::result::Result<RecordBatch, arrow_schema::ArrowError>>,
    schema: &SchemaRef,
    vfs: &dyn Vfs,
    path: &Path,
) -> Result<()> {
    let failed = |reason: String| CoreError::io(path, std::io::Error::other(reason));
    let file = vfs.create(path).map_err(|source| CoreError::io(path, source))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build();
    let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
    let mut writer = writer.map_err(|error| failed(error.to_string()))?;
    for rows in batches {
        let rows = rows.map_err(|error| failed(error.to_string()))?;
        writer.write(&rows).map_err(|error| failed(error.to_string()))?;
    }
    let mut file = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    file.sync().map_err(|source| CoreError::io(path, source))?;
    Ok(())
}

/// Reads a table of ids and vectors: a text column `id` and a list column `embedding` of Float32, of one length.
///
/// # Errors
/// `Damaged` that says which column is not there or not so; as [`EmbeddingTable::new`]; I/O.
pub fn embeddings_from_parquet(path: &Path) -> Result<EmbeddingTable> {
    let file = std::fs::File::open(path).map_err(|source| CoreError::io(path, source))?;
    let damaged = |reason: String| CoreError::damaged(path, reason);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(ParquetRecordBatchReaderBuilder::build);
    let (mut ids, mut values, mut dimension) = (Vec::new(), Vec::new(), None);
    for rows in reader.map_err(|error| damaged(error.to_string()))? {
        let rows = rows.map_err(|error| damaged(error.to_string()))?;
        let column = |name: &str| {
            let found = rows.column_by_name(name).filter(|column| column.null_count() == 0);
            found.ok_or_else(|| damaged(format!("there is no column `{name}` without nulls")))
        };
        let (names, vectors) = (column("id")?, column("embedding")?);
        let names = names.as_string_opt::<i32>().ok_or_else(|| damaged("`id` is not text".into()))?;
        ids.extend(names.iter().flatten().map(str::to_owned));
        for row in 0..rows.num_rows() {
            let vector = match (vectors.as_fixed_size_list_opt(), vectors.as_list_opt::<i32>()) {
                (Some(lists), _) => lists.value(row),
                (None, Some(lists)) => lists.value(row),
                (None, None) => return Err(damaged("`embedding` is not a list".into()).into()),
            };
            let vector = vector.as_primitive_opt::<Float32Type>();
            let vector = vector.ok_or_else(|| damaged("`embedding` does not hold Float32".into()))?;
            if *dimension.get_or_insert(vector.len()) != vector.len() {
                return Err(damaged(format!("`{}` has a vector of another length", names.value(row))).into());
            }
            values.extend_from_slice(vector.values());
        }
    }
    Ok(EmbeddingTable::new(ids, dimension.unwrap_or_default(), values)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::vfs::RealVfs;

    fn table(rows: usize) -> EmbeddingTable {
        let values = (0..rows * 3).map(|value| value as f32 / 7.0).collect();
        EmbeddingTable::new((0..rows).map(|row| format!("id {row}")).collect(), 3, values).unwrap()
    }

    fn write(rows: usize) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("items.parquet");
        embeddings_to_parquet(&table(rows), &RealVfs, &path).unwrap();
        (folder, path)
    }

    #[test]
    fn a_table_of_several_row_groups_reads_back_equal() {
        let rows = ROW_GROUP + 5;
        let (_folder, path) = write(rows);
        let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 2);
        assert!(embeddings_from_parquet(&path).unwrap() == table(rows));
    }

    #[test]
    fn equal_tables_give_equal_bytes() {
        let (first, second) = (write(100), write(100));
        assert_eq!(std::fs::read(first.1).unwrap(), std::fs::read(second.1).unwrap());
    }

    #[test]
    fn an_empty_table_has_both_columns() {
        let (_folder, path) = write(0);
        let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
        let names: Vec<&str> = reader.schema().fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["id", "embedding"]);
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);
    }
}
