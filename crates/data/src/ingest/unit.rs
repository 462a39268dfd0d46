//! One input file: its rows judged, its events in tables ordered by slot, its rejects beside them. A unit does not know
//! of others, and running it twice gives the same files.

use super::account::{Accountant, FileAccount, Reject};
use super::plan::{Plan, SideFiles, Unit};
use super::record::Record;
use super::rejects::write_rejects;
use super::rules::{Event, RowRules};
use super::side::SideTable;
use super::slots::SlotWriter;
use super::table::{Header, Table, Verdict};
use super::wanted::Wanted;
use super::{REJECTS, SIDE_TABLE};
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::interaction::NO_TIME;
use twinspire_core::stage::write_json;
use twinspire_core::table::write_table;
use twinspire_core::vfs::Vfs;

/// What became of a file.
pub(crate) struct ReadFile {
    pub account: FileAccount,
    pub rejects: Vec<Reject>,
    /// Its columns; none for a file without any line.
    pub header: Option<Header>,
}

/// What a unit says of its files, in `summary.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Summary {
    pub accounts: Vec<FileAccount>,
    /// Latest time of an event.
    pub latest: Option<i64>,
}

/// Name of the file that holds the [`Summary`].
pub(super) const SUMMARY: &str = "summary.json";

/// Reads up to `limit` rows of a unit and hands each event on, with its record, its raw cells and its row number.
///
/// # Errors
/// The file cannot be read, a column is missing, or what `accept` returns.
pub(crate) fn read_unit(
    plan: &Plan<'_>,
    unit: &Unit,
    limit: u64,
    mut accept: impl FnMut(&Event<'_>, &Record<'_>, &[usize], u64) -> Result<()>,
) -> Result<ReadFile> {
    let mut accountant = Accountant::new(unit.name.clone());
    let Some(mut table) = Table::open(&unit.path, &plan.form)? else {
        return Ok(ReadFile::new(accountant, None));
    };
    table.correct(plan.corrections.of(&unit.name));
    let mut rules = RowRules::new(plan, unit, table.header())?;
    let raw = rules.raw_cells();
    table.each(limit, &mut accountant, |record, row| match rules.judge(record) {
        Ok(event) => accept(&event, record, &raw, row).map(|()| Verdict::Accepted),
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

/// Reads a whole log file and writes its events, its summary and its rejects into `staging`.
///
/// # Errors
/// As [`read_unit`]; I/O.
pub(super) fn write_log(vfs: &dyn Vfs, plan: &Plan<'_>, unit: &Unit, staging: &Path) -> Result<BTreeMap<String, u64>> {
    let (raw, derived) = (&plan.wanted.log.raw, plan.settings.derived());
    let mut writer = SlotWriter::new(vfs, staging, raw, derived, &unit.name);
    let mut latest = None;
    let read = read_unit(plan, unit, u64::MAX, |event, record, raw, row| {
        latest = latest.max(Some(event.time).filter(|&time| time != NO_TIME));
        writer.append(event, record, raw, row)
    })?;
    writer.finish()?;
    write_summary(vfs, staging, vec![read], latest)
}

/// Reads all files of a side table and writes it, its summary and its rejects into `staging`.
///
/// # Errors
/// As [`SideTable::read`]; I/O.
pub(super) fn write_side(
    vfs: &dyn Vfs,
    plan: &Plan<'_>,
    (side, wanted): (&SideFiles, &Wanted),
    staging: &Path,
) -> Result<BTreeMap<String, u64>> {
    let mut table = SideTable::read(plan, side, wanted, u64::MAX)?;
    write_table(vfs, &staging.join(SIDE_TABLE), &table.batch()?)?;
    write_summary(vfs, staging, table.files, None)
}

fn write_summary(
    vfs: &dyn Vfs,
    staging: &Path,
    files: Vec<ReadFile>,
    latest: Option<i64>,
) -> Result<BTreeMap<String, u64>> {
    let rejects: Vec<&Reject> = files.iter().flat_map(|file| &file.rejects).collect();
    write_rejects(vfs, &staging.join(REJECTS), &rejects)?;
    let accounts: Vec<FileAccount> = files.into_iter().map(|file| file.account).collect();
    let counts = super::report::counts(&accounts);
    write_json(vfs, &staging.join(SUMMARY), &Summary { accounts, latest })?;
    Ok(counts)
}
