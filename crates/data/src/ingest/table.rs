//! A file as a table: named columns, and records that are judged one by one. In: a path. Out: every record once to the
//! judge, and every row once to the [`Accountant`]. What makes a record acceptable is not known here.

use super::account::{Accountant, Kind, Place};
use super::corrections::Judged;
use super::record::{Damaged, Found, Record};
use super::source::{Form, Rows};
use crate::error::{DataError, Result};
use crate::files::unreadable;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Names that are at least so similar (Jaro-Winkler, 0 to 1) are suggested.
const SIMILAR: f64 = 0.85;

/// What becomes of a record.
pub(crate) enum Verdict {
    /// It goes on.
    Accepted,
    /// It is right but left out, for this reason.
    Filtered(&'static str),
    /// It is wrong; the number of the cell at fault.
    Rejected(Kind, usize),
}

/// Column names of a file. It notes which were asked for, so that no other column is decoded.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    file: PathBuf,
    names: Vec<String>,
    asked: Arc<[AtomicBool]>,
}

impl Header {
    fn new(file: &Path, names: Vec<String>) -> Self {
        let asked = names.iter().map(|_| AtomicBool::new(false)).collect();
        Self { file: file.to_owned(), names, asked }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// For each column, whether it was asked for.
    pub fn asked(&self) -> Vec<bool> {
        self.asked.iter().map(|asked| asked.load(Ordering::Relaxed)).collect()
    }

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
        let number = self.names.iter().position(|name| name == column);
        if let Some(number) = number {
            self.asked[number].store(true, Ordering::Relaxed);
        }
        Ok(number)
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

impl Header {
    /// The cells of a record as a JSON object, for files whose rows are no text.
    fn object(&self, record: &Record<'_>) -> String {
        let cells = self.names.iter().enumerate().map(|(number, name)| (name.clone(), record.cell(number)));
        let object: Map<String, Value> =
            cells.filter(|(_, cell)| !cell.is_empty()).map(|(name, cell)| (name, cell.into())).collect();
        Value::Object(object).to_string()
    }
}

/// A file that is being read.
pub(crate) struct Table {
    rows: Rows,
    header: Header,
    form: Form,
    corrections: BTreeMap<u64, String>,
}

impl Table {
    /// Opens a file. `None` for a file without any row.
    ///
    /// # Errors
    /// The file cannot be opened, or its columns cannot be read.
    pub fn open(path: &Path, form: &Form) -> Result<Option<Self>> {
        let opened = Rows::open(path, form)?;
        let table = |(names, rows)| Self {
            rows,
            header: Header::new(path, names),
            form: form.clone(),
            corrections: BTreeMap::new(),
        };
        Ok(opened.map(table))
    }

    /// Rows, by line, that take the place of those that are rejected.
    pub fn correct(&mut self, corrections: BTreeMap<u64, String>) {
        self.corrections = corrections;
    }

    /// The columns.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Hands records to `judge` with their number, from 0, until `limit` rows are counted. They have the columns that the
    /// header was asked for. A record that is wrong gives back all lines but its first: if its quote was never meant,
    /// they are rows of their own. Where a rejected row was corrected, its correction is judged instead.
    ///
    /// # Errors
    /// The file is cut or damaged; a correction of a row that is not rejected; what `judge` returns.
    pub fn each(
        &mut self,
        limit: u64,
        accountant: &mut Accountant,
        mut judge: impl FnMut(&Record<'_>, u64) -> Result<Verdict>,
    ) -> Result<()> {
        let Self { rows, header, form, corrections } = self;
        let rows_are_text = rows.are_text();
        rows.keep(header.asked());
        let mut judged = Judged { waiting: corrections, header, form };
        while accountant.read() < limit {
            match rows.next().map_err(|error| unreadable(&header.file, &error))? {
                None => return judged.check_all_used(),
                Some(Found::Damaged(Damaged { place, kind, cell })) => {
                    if judged.settle(place, accountant, &mut judge)? {
                        continue;
                    }
                    let named = cell.as_ref().and_then(|(number, text)| Some((header.names.get(*number)?, text)));
                    accountant.reject(place, kind, named.map(|(name, text)| (name.as_str(), &**text)));
                }
                Some(Found::Record(record)) => match judge(&record, accountant.read())? {
                    Verdict::Accepted => accountant.accept(),
                    Verdict::Filtered(reason) => accountant.filter(reason),
                    Verdict::Rejected(kind, cell) => {
                        if judged.settle(record.place, accountant, &mut judge)? {
                            rows.reread_from_second_line();
                            continue;
                        }
                        let object = (!rows_are_text).then(|| header.object(&record));
                        let row = object.as_deref().map_or(record.place.row, str::as_bytes);
                        let place = Place { row, ..record.place };
                        accountant.reject(place, kind, Some((&header.names[cell], record.cell(cell))));
                        rows.reread_from_second_line();
                    }
                },
            }
        }
        Ok(())
    }
}
