//! Parquet files, written by anything. In: a file. Out: rows of named cells, a batch of rows in memory at a time.
//!
//! Types come from the Parquet schema alone, so that pandas, Spark, DuckDB and Polars files of one schema read alike. Columns
//! of structs, maps, times of day and other binary forms have no text and count as absent. Pages are plain or compressed with
//! snappy, gzip, lz4 or zstd. Every page is checked by the reader; a damaged file is an error, not a rejected row.

mod values;

use super::account::Place;
use super::named::{ListRules, NamedCells};
use super::record::Found;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use std::fs::File;
use std::io;
use values::Values;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 4_096;

/// Reads rows one after the other.
pub(crate) struct ParquetRows {
    source: Source,
    cells: NamedCells,
    /// Number in the file of every column.
    roots: Vec<usize>,
    /// Kept columns of the batch.
    batch: Vec<(usize, Values)>,
    rows: usize,
    row: usize,
    /// Rows that were read before the batch.
    before: u64,
    /// For every row group, the rows up to its end and the byte where its data begins.
    groups: Vec<(u64, u64)>,
}

enum Source {
    /// Nothing was read yet, so that columns may still be left out.
    Waiting(Box<ParquetRecordBatchReaderBuilder<File>>),
    Reading(ParquetRecordBatchReader),
    Ended,
}

/// Refuses a codec that would fail in the middle of the file.
fn check_codecs(metadata: &ParquetMetaData) -> io::Result<()> {
    let mut columns = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let refused = |codec| matches!(codec, Compression::BROTLI(_) | Compression::LZO);
    match columns.find(|column| refused(column.compression())) {
        None => Ok(()),
        Some(column) => {
            let (name, codec) = (column.column_path(), column.compression_codec());
            Err(io::Error::other(format!("column {name} is compressed with {codec}, which is not read here")))
        }
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::other(error)
}

impl ParquetRows {
    /// Reads the schema of a file.
    ///
    /// # Errors
    /// The file is no Parquet file, or has pages of a codec that is not read.
    pub fn open(file: File, lists: &ListRules) -> io::Result<Self> {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(failed)?;
        check_codecs(builder.metadata())?;
        let fields = builder.schema().fields().iter().enumerate();
        let readable = fields.filter(|(_, field)| Values::can_read(field.data_type()));
        let (roots, names): (Vec<usize>, Vec<String>) =
            readable.map(|(root, field)| (root, field.name().clone())).unzip();
        let mut rows = 0;
        let group = |group: &RowGroupMetaData| {
            rows += group.num_rows().cast_unsigned();
            (rows, group.columns().first().map_or(0, |column| column.byte_range().0))
        };
        let groups = builder.metadata().row_groups().iter().map(group).collect();
        Ok(Self {
            cells: NamedCells::new(&names, lists),
            source: Source::Waiting(Box::new(builder)),
            roots,
            batch: Vec::new(),
            rows: 0,
            row: 0,
            before: 0,
            groups,
        })
    }

    /// The cells, to say which are wanted before the first row is read.
    pub fn cells_mut(&mut self) -> &mut NamedCells {
        &mut self.cells
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// The file is cut or damaged.
    pub fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        while self.row == self.rows {
            if !self.next_batch()? {
                return Ok(None);
            }
        }
        self.cells.clear();
        for (number, values) in &self.batch {
            values.write(self.row, *number, &mut self.cells);
        }
        let number = self.before + self.row as u64;
        self.row += 1;
        let group = self.groups.partition_point(|&(end, _)| end <= number);
        let byte_offset = self.groups.get(group).map_or(0, |&(_, byte)| byte);
        Ok(Some(self.cells.found(Place { line: number + 1, byte_offset, row: &[] })))
    }

    fn next_batch(&mut self) -> io::Result<bool> {
        self.before += self.rows as u64;
        (self.rows, self.row) = (0, 0);
        let mut reader = match std::mem::replace(&mut self.source, Source::Ended) {
            Source::Waiting(builder) => self.start(*builder)?,
            Source::Reading(reader) => reader,
            Source::Ended => return Ok(false),
        };
        let Some(batch) = reader.next() else { return Ok(false) };
        let batch = batch.map_err(failed)?;
        self.source = Source::Reading(reader);
        self.rows = batch.num_rows();
        let kept = (0..self.roots.len()).filter(|&number| self.cells.keeps(number));
        self.batch = kept.zip(batch.columns()).map(|(number, column)| (number, Values::of(column))).collect();
        Ok(true)
    }

    fn start(&self, builder: ParquetRecordBatchReaderBuilder<File>) -> io::Result<ParquetRecordBatchReader> {
        let kept = self.roots.iter().enumerate().filter(|(number, _)| self.cells.keeps(*number));
        let mask = ProjectionMask::roots(builder.parquet_schema(), kept.map(|(_, &root)| root));
        builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(failed)
    }
}
