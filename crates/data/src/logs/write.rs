//! Rows to a file of one format. In: columns and cells. Out: bytes, plain, `.gz` or `.zst` by the ending of the path. Until
//! it is finished the file has another name.

use super::column::Column;
use crate::config::Format;
use crate::error::{DataError, Result};
use crate::ingest::push_example;
use flate2::{Compression, GzBuilder, write::GzEncoder};
use serde_json::{Map, Value};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::vfs::{Vfs, VfsFile};

/// Bytes that wait before they are compressed and written.
const BLOCK: usize = 1 << 17;

/// Level of `.zst` files, the default of the format.
const ZSTD_LEVEL: i32 = 3;

type File = Box<dyn VfsFile>;

enum Sink {
    Plain(File),
    Gzip(GzEncoder<File>),
    Zstd(zstd::Encoder<'static, File>),
}

impl Sink {
    fn new(path: &Path, file: File) -> io::Result<Self> {
        Ok(match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Self::Gzip(GzBuilder::new().mtime(0).write(file, Compression::default())),
            Some("zst") => Self::Zstd(zstd::Encoder::new(file, ZSTD_LEVEL)?),
            _ => Self::Plain(file),
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<()> {
        let mut file = match self {
            Self::Plain(file) => file,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        file.sync()
    }
}

/// Writes rows to one file.
pub(super) struct RowWriter<'a> {
    vfs: &'a dyn Vfs,
    path: PathBuf,
    unfinished: PathBuf,
    columns: Vec<Column>,
    format: Format,
    delimiter: char,
    sink: Sink,
    block: Vec<u8>,
}

impl<'a> RowWriter<'a> {
    /// Starts a file that is not there yet.
    ///
    /// # Errors
    /// `Core(Exists)`; I/O.
    pub fn create(vfs: &'a dyn Vfs, path: &Path, columns: Vec<Column>) -> Result<Self> {
        if vfs.exists(path).map_err(|error| DataError::io(path, error))? {
            return Err(CoreError::Exists { path: path.to_owned() }.into());
        }
        let shown = path.to_string_lossy();
        let unfinished = PathBuf::from(format!("{shown}.part"));
        let sink = vfs.create(&unfinished).and_then(|file| Sink::new(path, file));
        let mut writer = Self {
            vfs,
            path: path.to_owned(),
            sink: sink.map_err(|error| DataError::io(&unfinished, error))?,
            unfinished,
            columns,
            format: Format::of_ending(&shown),
            delimiter: if Format::is_tab_separated(&shown) { '\t' } else { ',' },
            block: Vec::with_capacity(BLOCK),
        };
        if writer.format == Format::Delimited {
            let names: Vec<String> = writer.columns.iter().map(|column| column.name.clone()).collect();
            push_line(names.iter().map(String::as_str), writer.delimiter, &mut writer.block);
        }
        Ok(writer)
    }

    /// Writes a row, a cell for each column.
    ///
    /// # Errors
    /// I/O.
    pub fn write<'c>(&mut self, cells: impl Iterator<Item = &'c str>) -> Result<()> {
        let columns = self.columns.iter();
        match self.format {
            Format::Delimited => push_line(cells, self.delimiter, &mut self.block),
            Format::Jsonl => {
                let cells = columns.zip(cells).filter(|(_, cell)| !cell.is_empty());
                let object: Map<String, Value> =
                    cells.map(|(column, cell)| (column.name.clone(), column.json(cell))).collect();
                self.block.extend_from_slice(Value::Object(object).to_string().as_bytes());
                self.block.push(b'\n');
            }
            Format::Tfrecord | Format::Parquet => {
                let features = columns.zip(cells).map(|(column, cell)| (column.name.as_str(), column.feature(cell)));
                push_example(features, &mut self.block);
            }
        }
        if self.block.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.sink.write(&self.block).map_err(|error| DataError::io(&self.unfinished, error))?;
        self.block.clear();
        Ok(())
    }

    /// Makes the file durable and gives it its name.
    ///
    /// # Errors
    /// I/O.
    pub fn finish(mut self) -> Result<()> {
        self.flush()?;
        self.sink.finish().map_err(|error| DataError::io(&self.unfinished, error))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let named = self.vfs.rename(&self.unfinished, &self.path).and_then(|()| self.vfs.sync_dir(folder));
        named.map_err(|error| DataError::io(&self.path, error))
    }
}

/// Cells that hold a delimiter, a quote or a line end are quoted, and so is a row of one empty cell.
fn push_line<'c>(cells: impl Iterator<Item = &'c str>, delimiter: char, block: &mut Vec<u8>) {
    let start = block.len();
    for (number, cell) in cells.enumerate() {
        if number > 0 {
            block.push(delimiter as u8);
        }
        if cell.contains([delimiter, '"', '\n', '\r']) {
            block.extend_from_slice(format!("\"{}\"", cell.replace('"', "\"\"")).as_bytes());
        } else {
            block.extend_from_slice(cell.as_bytes());
        }
    }
    if block.len() == start {
        block.extend_from_slice(b"\"\"");
    }
    block.push(b'\n');
}
