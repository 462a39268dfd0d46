//! Counts that cross users: the rows of an address or a device lie in many buckets, so they are counted before any bucket
//! is cleaned. In: all interaction tables. Out: the suspects of each rule. Held at a time: the tallies of one range of
//! keys; there are as many ranges, and readings of the key columns, as the memory budget asks for.

use super::tally::{Counting, Suspects, Tallies, Tally};
use super::traffic::fingerprint_of;
use crate::config::{KeyOf, TrafficRule};
use crate::error::Result;
use arrow_array::{Array, RecordBatch, StringArray};
use rayon::prelude::*;
use std::ops::Range;
use std::path::{Path, PathBuf};
use twinspire_core::hash::fingerprint64;
use twinspire_core::interaction::EventKind;
use twinspire_core::table::{MappedParts, integers_i64, integers_u8, text_column};

/// Memory of an entry of a hash table that has just grown.
const ENTRY_BYTES: u64 = 96;

/// The suspects of every rule that crosses users, in the order of the rules, from rows of these times. Runs in the thread pool it is called in and
/// holds about `budget` bytes.
///
/// # Errors
/// A table that cannot be read, or that lacks a column.
pub(crate) fn find_suspects(
    tables: &[PathBuf],
    rules: &[TrafficRule],
    times: Option<&Range<i64>>,
    budget: u64,
) -> Result<Vec<Suspects>> {
    let crossing: Vec<&TrafficRule> = rules.iter().filter(|rule| rule.crosses_users()).collect();
    if crossing.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = 0;
    for path in tables {
        rows += parts_of(path)?.iter().map(|part| part.num_rows() as u64).sum::<u64>();
    }
    let ranges = (rows * ENTRY_BYTES).div_ceil(budget).max(1);
    crossing.into_iter().map(|rule| suspects_of(tables, rule, times, ranges)).collect()
}

fn suspects_of(tables: &[PathBuf], rule: &TrafficRule, times: Option<&Range<i64>>, ranges: u64) -> Result<Suspects> {
    let mut suspects = Suspects::default();
    for range in 0..ranges {
        let mut tallies = Tallies::default();
        for group in tables.chunks(rayon::current_num_threads()) {
            let one = |path: &PathBuf| tally(path, rule, times, |key| key % ranges == range);
            let counted: Vec<Result<Vec<Tally>>> = group.par_iter().map(one).collect();
            for more in counted {
                tallies.merge(more?);
            }
        }
        suspects.join(Suspects::find(&rule.suspicion, tallies.take().into_iter()));
    }
    Ok(suspects)
}

fn parts_of(path: &Path) -> Result<Vec<RecordBatch>> {
    Ok(MappedParts::open(path)?.parts().collect::<twinspire_core::Result<_>>()?)
}

/// Tallies of one table, of the keys that are wanted.
fn tally(
    path: &Path,
    rule: &TrafficRule,
    window: Option<&Range<i64>>,
    wanted: impl Fn(u64) -> bool,
) -> Result<Vec<Tally>> {
    let mut tallies = Tallies::default();
    let is_wanted = |key: &u64, time: i64| wanted(*key) && window.is_none_or(|window| window.contains(&time));
    for part in parts_of(path)? {
        count(&part, rule, is_wanted, &mut tallies)?;
    }
    Ok(tallies.take())
}

fn count(
    batch: &RecordBatch,
    rule: &TrafficRule,
    is_wanted: impl Fn(&u64, i64) -> bool,
    tallies: &mut Tallies,
) -> Result<()> {
    let KeyOf::Columns(names) = &rule.key else { return Ok(()) };
    let columns: Vec<&StringArray> =
        names.iter().map(|name| text_column(batch, &format!("f:{name}"))).collect::<twinspire_core::Result<_>>()?;
    let (users, times, kinds) =
        (text_column(batch, "user")?, integers_i64(batch, "time")?, integers_u8(batch, "kind")?);
    let mut joined = String::new();
    for row in 0..batch.num_rows() {
        let cells = columns.iter().map(|column| column.is_valid(row).then(|| column.value(row)));
        let key = fingerprint_of(cells, &mut joined).filter(|key| is_wanted(key, times[row]));
        let Some(key) = key else { continue };
        let user = if users.is_valid(row) { fingerprint64(users.value(row).as_bytes()) } else { 0 };
        let positive = kinds[row] == EventKind::Positive as u8;
        tallies.count(&rule.suspicion, Counting { key, user, time: times[row], positive });
    }
    Ok(())
}
