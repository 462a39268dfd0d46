//! A file as a table: named columns, and records that are judged one by one. In: a path. Out: every record once to the
//! judge, and every row once to the [`Accountant`]. What makes a record acceptable is not known here.

use super::account::{Accountant, Kind};
use super::csv::{Found, Record, RecordReader};
use super::open::{BLOCK, open, unreadable};
use crate::error::{DataError, Result};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Names that are at least so similar (Jaro-Winkler, 0 to 1) are suggested.
const SIMILAR: f64 = 0.85;

/// What becomes of a record.
pub(super) enum Verdict {
    /// It goes on.
    Accepted,
    /// It is right but left out, for this reason.
    Filtered(&'static str),
    /// It is wrong; the number of the cell at fault.
    Rejected(Kind, usize),
}

/// Column names of a file.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    file: PathBuf,
    names: Vec<String>,
}

impl Header {
    /// Names, in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of a column, if it is there.
    ///
    /// # Errors
    /// [`DataError::RepeatedColumn`].
    pub fn position(&self, column: &str) -> Result<Option<usize>> {
        let times = self.names.iter().filter(|name| *name == column).count();
        if times > 1 {
            return Err(DataError::RepeatedColumn { column: column.to_owned(), times, file: self.file.clone() });
        }
        Ok(self.names.iter().position(|name| name == column))
    }

    /// Number of a column that must be there; `key` is the key of the config that names it.
    ///
    /// # Errors
    /// [`DataError::RepeatedColumn`], [`DataError::MissingColumn`].
    pub fn find(&self, column: &str, key: &str) -> Result<usize> {
        self.position(column)?.ok_or_else(|| self.missing(column, key, &[]))
    }

    /// The error for a column that is not there; the closest name is looked for in `elsewhere` too.
    pub fn missing(&self, column: &str, key: &str, elsewhere: &[String]) -> DataError {
        let similarity = |name: &String| strsim::jaro_winkler(&name.to_lowercase(), &column.to_lowercase());
        let scored = self.names.iter().chain(elsewhere).map(|name| (similarity(name), name));
        let closest = scored.filter(|(score, _)| *score >= SIMILAR).max_by(|left, right| left.0.total_cmp(&right.0));
        DataError::MissingColumn {
            key: key.to_owned(),
            column: column.to_owned(),
            file: self.file.clone(),
            found: self.names.clone(),
            suggestion: closest.map(|(_, name)| name.clone()),
        }
    }
}

/// A file that is being read.
pub(super) struct Table {
    reader: RecordReader<Box<dyn Read + Send>>,
    delimiter: u8,
    header: Header,
}

impl Table {
    /// Opens a file whose first line names its columns, unless `columns` does. `None` for a file without any record.
    ///
    /// # Errors
    /// The file cannot be opened, or its header cannot be read.
    pub fn open(path: &Path, delimiter: char, columns: Option<&[String]>) -> Result<Option<Self>> {
        let delimiter = u8::try_from(delimiter).expect("settings allow one ASCII character");
        let mut reader = RecordReader::new(open(path)?, delimiter, BLOCK);
        let names = match columns {
            Some(names) => names.to_vec(),
            None => match reader.next().map_err(|error| unreadable(path, &error))? {
                None => return Ok(None),
                Some(Found::Record(record)) => (0..record.len()).map(|cell| record.cell(cell).to_owned()).collect(),
                Some(Found::Damaged { kind, .. }) => {
                    let reason = format!("its header line is damaged ({}): {}", kind.name(), kind.hint());
                    return Err(DataError::Unreadable { path: path.to_owned(), reason });
                }
            },
        };
        reader.expect_columns(names.len());
        Ok(Some(Self { reader, delimiter, header: Header { file: path.to_owned(), names } }))
    }

    /// The columns.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Hands records to `judge` with their number, from 0, until `limit` rows are counted. A record that is wrong gives
    /// back all lines but its first: if its quote was never meant, they are rows of their own.
    ///
    /// # Errors
    /// The file is cut or damaged; what `judge` returns.
    pub fn each(
        &mut self,
        limit: u64,
        accountant: &mut Accountant,
        mut judge: impl FnMut(&Record<'_>, u64) -> Result<Verdict>,
    ) -> Result<()> {
        while accountant.read() < limit {
            let found = self.reader.next().map_err(|error| unreadable(&self.header.file, &error))?;
            let Some(found) = found else { break };
            match found {
                Found::Damaged { place, kind, cell } => {
                    let column = cell.and_then(|number| self.header.names.get(number).map(|name| (number, name)));
                    let bytes =
                        column.and_then(|(number, _)| place.row.split(|&byte| byte == self.delimiter).nth(number));
                    let value = bytes.map(String::from_utf8_lossy);
                    let at_fault = column.zip(value.as_deref()).map(|((_, name), value)| (name.as_str(), value));
                    accountant.reject(place, kind, at_fault);
                }
                Found::Record(record) => match judge(&record, accountant.read())? {
                    Verdict::Accepted => accountant.accept(),
                    Verdict::Filtered(reason) => accountant.filter(reason),
                    Verdict::Rejected(kind, cell) => {
                        accountant.reject(record.place, kind, Some((&self.header.names[cell], record.cell(cell))));
                        self.reader.reread_from_second_line();
                    }
                },
            }
        }
        Ok(())
    }
}
