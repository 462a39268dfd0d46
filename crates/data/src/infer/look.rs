//! The beginning of a file of any format. In: a path. Out: a [`Look`]: delimiter, header or not, and the first rows as text.
//! Damaged rows are passed over here; ingest counts them.

use crate::config::Format;
use crate::error::{DataError, Result};
use crate::files::{DataFiles, unreadable};
use crate::ingest::csv::RecordReader;
use crate::ingest::named::{ListRule, ListRules};
use crate::ingest::open::open;
use crate::ingest::record::Found;
use crate::ingest::source::{Form, Rows};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Decompressed bytes of a file that are looked at.
const LOOK_BYTES: usize = 1 << 20;
/// Rows that decide on the delimiter.
const DELIMITER_ROWS: usize = 200;
/// Delimiters that a list inside of a cell rarely has.
const DELIMITERS: [u8; 3] = [b'\t', b',', b';'];
/// Separates lists too, so it is the delimiter only when no other is.
const BAR: u8 = b'|';

/// The first rows of a file.
#[derive(Debug)]
pub(super) struct Look {
    /// The file.
    pub path: PathBuf,
    /// Between two cells; a comma where the format has no delimiter.
    pub delimiter: u8,
    /// The file names the columns.
    pub has_header: bool,
    /// Names of the columns; `column_1`, `column_2`, … without a header.
    pub names: Vec<String>,
    /// Cells of each row, as many as there are names.
    pub rows: Vec<Vec<String>>,
}

impl Look {
    /// Reads the beginning of a file.
    ///
    /// # Errors
    /// [`DataError::Unreadable`]; [`DataError::EmptyFile`] when there is no row.
    pub fn open(path: &Path) -> Result<Self> {
        let look = match Format::of_ending(&path.to_string_lossy()) {
            Format::Delimited => Self::delimited(path)?,
            Format::Jsonl | Format::Tfrecord | Format::Parquet => Self::named(path)?,
        };
        look.filter(|look| !look.rows.is_empty())
            .ok_or_else(|| DataError::EmptyFile { path: path.to_owned(), reason: "it has no rows".into() })
    }

    fn delimited(path: &Path) -> Result<Option<Self>> {
        let bytes = beginning(path)?;
        let delimiter = delimiter(&bytes);
        let mut rows = records(&bytes, delimiter, usize::MAX);
        let has_header = has_header(&rows);
        let first = if has_header { rows.remove(0) } else { rows.first().cloned().unwrap_or_default() };
        rows.retain(|row| row.len() == first.len());
        let names = match has_header {
            true => first,
            false => (1..=first.len()).map(|number| format!("column_{number}")).collect(),
        };
        Ok(Some(Self { path: path.to_owned(), delimiter, has_header, names, rows }))
    }

    /// The rows of a file whose format names the columns.
    fn named(path: &Path) -> Result<Option<Self>> {
        let others = Some(ListRule { separator: char::from(BAR), weighted: None });
        let form = Form { lists: ListRules { others, ..ListRules::default() }, ..Form::default() };
        let Some((names, mut file)) = Rows::open(path, &form)? else { return Ok(None) };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(found) = file.next().map_err(|error| unreadable(path, &error))? {
            if let Found::Record(record) = found {
                let row: Vec<String> = (0..record.len()).map(|number| record.cell(number).to_owned()).collect();
                bytes += row.iter().map(|cell| cell.len() + 1).sum::<usize>();
                rows.push(row);
            }
            if bytes >= LOOK_BYTES {
                break;
            }
        }
        Ok(Some(Self { path: path.to_owned(), delimiter: b',', has_header: true, names, rows }))
    }

    /// Cells of a column, first row first.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row[column].as_str())
    }
}

/// At most [`LOOK_BYTES`], in whole lines.
fn beginning(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open(&DataFiles::default(), path)?.take(LOOK_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(path, &error))?;
    if bytes.len() > LOOK_BYTES {
        let end = memchr::memrchr(b'\n', &bytes).map_or(LOOK_BYTES, |line_end| line_end + 1);
        bytes.truncate(end);
    }
    Ok(bytes)
}

fn records(bytes: &[u8], delimiter: u8, most: usize) -> Vec<Vec<String>> {
    let mut reader = RecordReader::new(bytes, delimiter, LOOK_BYTES);
    let mut rows = Vec::new();
    while let Ok(Some(found)) = reader.next() {
        if let Found::Record(record) = found {
            rows.push((0..record.len()).map(|number| record.cell(number).to_owned()).collect());
        }
        if rows.len() == most {
            break;
        }
    }
    rows
}

/// The delimiter that splits the first line into the most cells, and nearly all others into as many.
fn delimiter(bytes: &[u8]) -> u8 {
    let cells = |delimiter: u8| {
        let rows = records(bytes, delimiter, DELIMITER_ROWS);
        let first = rows.first().map_or(0, Vec::len);
        let alike = rows.iter().filter(|row| row.len() == first).count();
        (first > 1 && alike * 10 >= rows.len() * 9).then_some((first, delimiter))
    };
    // The last of several maxima is taken, so the earlier delimiters come last.
    let best = DELIMITERS.into_iter().rev().filter_map(cells).max_by_key(|&(cells, _)| cells);
    best.or_else(|| cells(BAR)).map_or(b',', |(_, delimiter)| delimiter)
}

/// A header has different names that are neither numbers nor times nor values of their own columns.
fn has_header(rows: &[Vec<String>]) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let is_name = |cell: &String| {
        let cell = cell.trim();
        cell.contains(|letter: char| letter.is_alphabetic())
            && cell.parse::<f64>().is_err()
            && !starts_like_a_date(cell)
    };
    let recurs = |column: usize| rest.iter().any(|row| row.get(column) == Some(&first[column]));
    let all_differ = first.iter().collect::<BTreeSet<_>>().len() == first.len();
    first.iter().all(is_name) && all_differ && !(0..first.len()).any(recurs)
}

fn starts_like_a_date(cell: &str) -> bool {
    cell.bytes().take_while(u8::is_ascii_digit).count() >= 4
}
