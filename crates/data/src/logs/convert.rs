//! `twinspire logs convert`: the rows of one file in another format. In: a file of any format. Out: a delimited file, JSON
//! lines or TFRecord, plain or compressed, by its ending. No cell is judged; a row that cannot be read is counted.
//!
//! In TFRecord every column has one type: integers or floats where each of its cells is such a number and nothing is lost,
//! bytes otherwise. That takes a first pass over the file. A missing value is a feature that the example lacks.

use super::column::{Column, SEPARATOR};
use super::write::RowWriter;
use crate::config::Format;
use crate::error::{DataError, Result};
use crate::ingest::named::{ListRule, ListRules};
use crate::ingest::record::Record;
use crate::ingest::source::Form;
use crate::ingest::{Accountant, FileAccount, Reject, Table, Verdict};
use serde::Serialize;
use std::path::Path;
use twinspire_core::vfs::Vfs;

/// What was converted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Converted {
    /// The columns, in their order.
    pub columns: Vec<String>,
    /// What became of the rows.
    pub account: FileAccount,
    /// Rows that could not be read.
    pub rejects: Vec<Reject>,
}

/// Writes the rows of `from` to `to`, whose ending says the format. Cells of the columns `lists` hold several values with
/// `|` between them. Equal files give equal bytes.
///
/// # Errors
/// A file that cannot be read or written; [`DataError::Unsuitable`] for a format that is not written, and for a list
/// that is no column.
pub fn convert_log(vfs: &dyn Vfs, from: &Path, to: &Path, lists: &[String]) -> Result<Converted> {
    let unsuitable = |what: &str, reason: String| DataError::Unsuitable { what: what.into(), reason };
    let format = Format::of_ending(&to.to_string_lossy());
    if format == Format::Parquet {
        return Err(unsuitable("--to", "Parquet is read, not written; choose .csv, .tsv, .jsonl or .tfrecord".into()));
    }
    let Some((names, _)) = read(from, 0, |_| Ok(()))? else {
        return Err(DataError::EmptyFile { path: from.to_owned(), reason: "it has no row".into() });
    };
    if let Some(missing) = lists.iter().find(|list| !names.contains(list)) {
        return Err(unsuitable("--lists", format!("`{missing}` is no column; they are: {}", names.join(", "))));
    }
    let column = |name: &String| Column::new(name.clone(), lists.contains(name));
    let mut columns: Vec<Column> = names.iter().map(column).collect();
    if format == Format::Tfrecord {
        read(from, u64::MAX, |record| {
            columns.iter_mut().enumerate().for_each(|(number, column)| column.see(record.cell(number)));
            Ok(())
        })?;
    }
    let mut writer = RowWriter::create(vfs, to, columns)?;
    let read = read(from, u64::MAX, |record| writer.write((0..names.len()).map(|number| record.cell(number))))?;
    writer.finish()?;
    let (account, rejects) = read.map(|(_, accountant)| accountant.finish()).unwrap_or_default();
    Ok(Converted { columns: names, account, rejects })
}

/// Hands up to `limit` records with all their cells to `each`. Out: the columns, and what became of the rows.
fn read(
    path: &Path,
    limit: u64,
    mut each: impl FnMut(&Record<'_>) -> Result<()>,
) -> Result<Option<(Vec<String>, Accountant)>> {
    let others = Some(ListRule { separator: SEPARATOR, weighted: None });
    let form = Form { lists: ListRules { others, ..ListRules::default() }, ..Form::default() };
    let Some(mut table) = Table::open(path, &form)? else { return Ok(None) };
    let names = table.header().names().to_vec();
    names.iter().try_for_each(|name| table.header().find(name, "--from").map(drop))?;
    let mut accountant = Accountant::new(path.display().to_string());
    table.each(limit, &mut accountant, |record, _| each(record).map(|()| Verdict::Accepted))?;
    Ok(Some((names, accountant)))
}
