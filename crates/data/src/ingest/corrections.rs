//! Rejected rows that were corrected by hand. In: lines of a `rejects.jsonl`, whose `row` was corrected. Out: the row that
//! takes the place of a rejected one, under the same rules. A row keeps its file, its line and so its day.

use super::account::{Accountant, Place};
use super::record::{Found, Record};
use super::source::{Form, Rows};
use super::table::{Header, Verdict};
use crate::context::{DataContext, plain_files};
use crate::error::{DataError, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why a row is left out whose correction is empty.
const REMOVED: &str = "removed_by_hand";

/// A line of a file of corrections; what else a reject says is not needed.
#[derive(Deserialize)]
struct Correction {
    file: String,
    line: u64,
    row: String,
}

/// All corrections, by file and line.
#[derive(Debug, Default)]
pub(crate) struct Corrections {
    /// Files that they stand in.
    pub files: Vec<PathBuf>,
    rows: BTreeMap<String, BTreeMap<u64, String>>,
}

impl Corrections {
    /// Reads the files of `input.corrections`.
    ///
    /// # Errors
    /// A file that is not there; a line that is no reject; two corrections of one row.
    pub fn read(context: &DataContext<'_>, path: Option<&str>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let files: Vec<PathBuf> = plain_files(context, path)?.into_iter().map(|file| file.path).collect();
        let mut read = Self { files, ..Self::default() };
        for file in &read.files {
            let text = context.files.read_text(file)?;
            for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let failed = |reason: String| unreadable_line(file, number, &reason);
                let correction: Correction = serde_json::from_str(line).map_err(|error| failed(error.to_string()))?;
                let rows = read.rows.entry(correction.file).or_default();
                if rows.insert(correction.line, correction.row).is_some() {
                    return Err(failed("an earlier line corrects the same row".into()));
                }
            }
        }
        Ok(read)
    }

    /// Those of one file, by its name in accounts.
    pub fn of(&self, file: &str) -> BTreeMap<u64, String> {
        self.rows.get(file).cloned().unwrap_or_default()
    }
}

fn unreadable_line(file: &Path, number: usize, reason: &str) -> DataError {
    DataError::Unreadable { path: file.to_owned(), reason: format!("line {}: {reason}", number + 1) }
}

/// What a correction of the file that is being read is judged with.
pub(super) struct Judged<'t> {
    /// By line; a correction is used once.
    pub waiting: &'t mut BTreeMap<u64, String>,
    pub header: &'t Header,
    pub form: &'t Form,
}

impl Judged<'_> {
    /// Judges the correction of the rejected row at `place`; false when there is none, or none that is one row.
    ///
    /// # Errors
    /// What `judge` returns.
    pub fn settle(
        &mut self,
        place: Place<'_>,
        accountant: &mut Accountant,
        judge: &mut impl FnMut(&Record<'_>, u64) -> Result<Verdict>,
    ) -> Result<bool> {
        let Some(row) = self.waiting.remove(&place.line) else { return Ok(false) };
        let length = row.trim_end_matches(['\r', '\n']).len();
        if length == 0 {
            accountant.filter(REMOVED);
            return Ok(true);
        }
        let mut rows = Rows::of_text(row, self.header, self.form);
        let Ok(Some(Found::Record(record))) = rows.next() else { return Ok(false) };
        if record.place.row.len() != length {
            return Ok(false);
        }
        match judge(&record, accountant.read())? {
            Verdict::Accepted => accountant.accept(),
            Verdict::Filtered(reason) => accountant.filter(reason),
            Verdict::Rejected(kind, cell) => {
                let name = &self.header.names()[cell];
                let place = Place { row: record.place.row, ..place };
                accountant.reject(place, kind, Some((name, record.cell(cell))));
            }
        }
        Ok(true)
    }

    /// At the end of a file: refuses corrections of rows that were not rejected, because the file is another one now.
    ///
    /// # Errors
    /// [`DataError::StaleCorrection`].
    pub fn check_all_used(&self) -> Result<()> {
        let Some((&line, _)) = self.waiting.first_key_value() else { return Ok(()) };
        Err(DataError::StaleCorrection { path: self.header.file().to_owned(), line })
    }
}
