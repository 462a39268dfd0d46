//! One input file: its rows judged, its events in buckets, its rejects beside them. A unit does not know of others, and
//! running it twice gives the same files.

use super::account::{Accountant, FileAccount, Reject};
use super::buckets::BucketWriter;
use super::csv::Record;
use super::plan::{Plan, Unit};
use super::rules::{Event, RowRules};
use super::table::{Header, Table, Verdict};
use crate::error::{DataError, Result};
use std::path::Path;
use twinspire_core::interaction::ROWS_OF_A_FILE;
use twinspire_core::vfs::Vfs;

/// What became of a file.
pub(crate) struct ReadFile {
    pub account: FileAccount,
    pub rejects: Vec<Reject>,
    /// Its columns; none for a file without any line.
    pub header: Option<Header>,
}

/// Reads up to `limit` rows of a unit and hands each event on, with its record, its raw cells and its position.
///
/// # Errors
/// The file cannot be read, a column is missing, or what `accept` returns.
pub(crate) fn read_unit(
    plan: &Plan<'_>,
    unit: &Unit,
    limit: u64,
    mut accept: impl FnMut(&Event<'_>, &Record<'_>, &[usize], u64) -> Result<()>,
) -> Result<ReadFile> {
    let input = plan.settings.input();
    let columns = (!input.header).then_some(input.columns.as_slice());
    let mut accountant = Accountant::new(unit.name.clone());
    let Some(mut table) = Table::open(&unit.path, input.delimiter, columns)? else {
        return Ok(ReadFile::new(accountant, None));
    };
    let mut rules = RowRules::new(plan, unit, table.header())?;
    let raw = rules.raw_cells();
    let first = unit.number as u64 * ROWS_OF_A_FILE;
    table.each(limit, &mut accountant, |record, row| match rules.judge(record) {
        Ok(event) => accept(&event, record, &raw, first + row).map(|()| Verdict::Accepted),
        Err(verdict) => Ok(verdict),
    })?;
    Ok(ReadFile::new(accountant, Some(table.header().clone())))
}

impl ReadFile {
    /// What the accountant saw.
    pub fn new(accountant: Accountant, header: Option<Header>) -> Self {
        let (account, rejects) = accountant.finish();
        Self { account, rejects, header }
    }
}

/// Reads a whole unit and writes its events below `staging`.
///
/// # Errors
/// As [`read_unit`]; I/O.
pub(super) fn write_unit(vfs: &dyn Vfs, plan: &Plan<'_>, unit: &Unit, staging: &Path) -> Result<ReadFile> {
    let folder = staging.join(format!("{:05}", unit.number));
    vfs.create_dir_all(&folder).map_err(|error| DataError::io(&folder, error))?;
    let mut writer = BucketWriter::new(vfs, &folder, &plan.wanted.log.raw, plan.buckets);
    let read =
        read_unit(plan, unit, u64::MAX, |event, record, raw, position| writer.append(event, record, raw, position))?;
    writer.write()?;
    Ok(read)
}
