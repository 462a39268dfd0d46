//! The one seam between formats and everything else: a file of any format is a list of column names and a stream of
//! rows. In: a path and how it is read. Out: [`Rows`]. What a row means is not known here.

use super::csv::RecordReader;
use super::jsonl::JsonReader;
use super::named::{ListRules, NamedCells};
use super::open::{BLOCK, open};
use super::parquet::ParquetRows;
use super::record::Found;
use super::table::Header;
use super::tfrecord::ExampleReader;
use crate::config::Format;
use crate::error::{DataError, Result};
use crate::files::{Bytes, DataFiles, unreadable};
use std::io::{self, Read};
use std::path::Path;

/// Bytes at the beginning of a file in whose rows names of columns are looked for.
const NAMED_WITHIN: u64 = 1 << 20;

/// How files are read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form {
    /// The format; by the ending of the file if absent.
    pub format: Option<Format>,
    /// Between two cells; by the ending of the file if absent.
    pub delimiter: Option<char>,
    /// The first line of a delimited file does not name the columns: these are their names.
    pub has_no_header: bool,
    /// Names that are known. To TFRecord and JSON lines they are those that the beginning of a file may lack.
    pub columns: Vec<String>,
    /// Columns that may hold several values.
    pub lists: ListRules,
    /// Where files lie.
    pub files: DataFiles,
}

impl Form {
    /// The format of a file.
    pub fn format_of(&self, path: &Path) -> Format {
        self.format.unwrap_or_else(|| Format::of_ending(&path.to_string_lossy()))
    }

    fn delimiter_of(&self, path: &Path) -> u8 {
        let by_ending = || if Format::is_tab_separated(&path.to_string_lossy()) { '\t' } else { ',' };
        u8::try_from(self.delimiter.unwrap_or_else(by_ending)).expect("settings allow one ASCII character")
    }
}

/// The rows of a file.
pub(crate) enum Rows {
    Delimited(Box<RecordReader<Bytes>>),
    Jsonl(Box<JsonReader<Bytes>>),
    TfRecord(Box<ExampleReader<Bytes>>),
    Parquet(Box<ParquetRows>),
}

impl Rows {
    /// Opens a file. Out: names of its columns, and its rows. `None` for a file without any row.
    ///
    /// # Errors
    /// The file cannot be opened, or its columns cannot be read.
    pub fn open(path: &Path, form: &Form) -> Result<Option<(Vec<String>, Self)>> {
        match form.format_of(path) {
            Format::Delimited => open_delimited(path, form),
            format @ (Format::Jsonl | Format::Tfrecord) => open_named(path, format, form),
            Format::Parquet => open_parquet(path, form),
        }
    }

    /// The rows of a text that stands for rows of a file: those of a file without lines are JSON objects.
    pub fn of_text(text: String, header: &Header, form: &Form) -> Self {
        let (names, bytes): (_, Bytes) = (header.names(), Box::new(io::Cursor::new(text.into_bytes())));
        let mut rows = match form.format_of(header.file()) {
            Format::Delimited => {
                let mut reader = RecordReader::new(bytes, form.delimiter_of(header.file()), BLOCK);
                reader.expect_columns(names.len());
                Self::Delimited(Box::new(reader))
            }
            Format::Jsonl | Format::Tfrecord | Format::Parquet => {
                Self::Jsonl(Box::new(JsonReader::new(bytes, NamedCells::new(names, &form.lists), BLOCK)))
            }
        };
        rows.keep(header.asked());
        rows
    }

    /// True when a row stands in the file as text.
    pub fn are_text(&self) -> bool {
        matches!(self, Self::Delimited(_) | Self::Jsonl(_))
    }

    /// Values of other columns need not be decoded.
    pub fn keep(&mut self, kept: Vec<bool>) {
        if let Some(cells) = self.cells_mut() {
            cells.keep(kept);
        }
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// The file is cut or damaged.
    pub fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        match self {
            Self::Delimited(reader) => reader.next(),
            Self::Jsonl(reader) => reader.next(),
            Self::TfRecord(reader) => reader.next(),
            Self::Parquet(reader) => reader.next(),
        }
    }

    /// Gives the lines behind the first of the last row back, where rows may have several.
    pub fn reread_from_second_line(&mut self) {
        if let Self::Delimited(reader) = self {
            reader.reread_from_second_line();
        }
    }

    fn cells_mut(&mut self) -> Option<&mut NamedCells> {
        match self {
            Self::Delimited(_) => None,
            Self::Jsonl(reader) => Some(reader.cells_mut()),
            Self::TfRecord(reader) => Some(reader.cells_mut()),
            Self::Parquet(reader) => Some(reader.cells_mut()),
        }
    }
}

fn open_delimited(path: &Path, form: &Form) -> Result<Option<(Vec<String>, Rows)>> {
    let mut reader = RecordReader::new(open(&form.files, path)?, form.delimiter_of(path), BLOCK);
    let names: Vec<String> = if form.has_no_header {
        form.columns.clone()
    } else {
        match reader.next().map_err(|error| unreadable(path, &error))? {
            None => return Ok(None),
            Some(Found::Record(record)) => (0..record.len()).map(|cell| record.cell(cell).to_owned()).collect(),
            Some(Found::Damaged(damaged)) => {
                let reason = format!("its header line is damaged ({}): {}", damaged.kind.name(), damaged.kind.hint());
                return Err(DataError::Unreadable { path: path.to_owned(), reason });
            }
        }
    };
    reader.expect_columns(names.len());
    Ok(Some((names, Rows::Delimited(Box::new(reader)))))
}

/// JSON lines or TFRecord, whose rows name their values. The names are those that are known, then those of the rows at the
/// beginning of the file.
fn open_named(path: &Path, format: Format, form: &Form) -> Result<Option<(Vec<String>, Rows)>> {
    let of_bytes = |bytes: Bytes, cells: NamedCells| match format {
        Format::Jsonl => Rows::Jsonl(Box::new(JsonReader::new(bytes, cells, BLOCK))),
        Format::Delimited | Format::Tfrecord | Format::Parquet => {
            Rows::TfRecord(Box::new(ExampleReader::new(bytes, cells, BLOCK)))
        }
    };
    let beginning: Bytes = Box::new(open(&form.files, path)?.take(NAMED_WITHIN));
    let mut first = of_bytes(beginning, NamedCells::learning(&form.columns));
    let mut damage = None;
    while let Some(found) = first.next().map_err(|error| unreadable(path, &error))? {
        if let Found::Damaged(damaged) = found {
            damage.get_or_insert(damaged.kind);
        }
    }
    let names = first.cells_mut().map(|cells| cells.names().to_vec()).unwrap_or_default();
    if names.is_empty() {
        let Some(kind) = damage else { return Ok(None) };
        let reason = format!("none of its first rows can be read ({}): {}", kind.name(), kind.hint());
        return Err(DataError::Unreadable { path: path.to_owned(), reason });
    }
    let rows = of_bytes(open(&form.files, path)?, NamedCells::new(&names, &form.lists));
    Ok(Some((names, rows)))
}

fn open_parquet(path: &Path, form: &Form) -> Result<Option<(Vec<String>, Rows)>> {
    let failed = |error| unreadable(path, &error);
    let file = form.files.open_anywhere(path)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        return Ok(None);
    }
    let mut rows = ParquetRows::open(file, &form.lists).map_err(failed)?;
    let names = rows.cells_mut().names().to_vec();
    Ok(Some((names, Rows::Parquet(Box::new(rows)))))
}
