//! Rows on their way to a file.

use super::history::{Seen, UserHistory};
use super::source::Sources;
use twinspire_core::encode::{EncodedRows, FeatureEncoder, MultiColumn};
use twinspire_core::history::HistoryRows;
use twinspire_core::sample::SampleRows;
use twinspire_core::{CoreError, Result};

/// The end of a list column as Arrow stores it.
///
/// # Errors
/// [`CoreError::Invalid`] when one table would hold 2^31 list values or more.
pub(super) fn list_end(values: usize) -> Result<i32> {
    let too_many = |_| CoreError::Invalid {
        field: "samples".to_owned(),
        reason: format!("expected fewer than 2^31 list values in one table, found {values}"),
    };
    i32::try_from(values).map_err(too_many)
}

/// No samples; with `own_items`, room for each row's own item features.
pub(super) fn empty_samples(encoder: &FeatureEncoder, own_items: bool) -> SampleRows {
    SampleRows {
        user_features: encoder.empty_user_rows(),
        item_features: own_items.then(|| encoder.empty_item_rows()),
        ..SampleRows::default()
    }
}

/// No queries.
pub(super) fn empty_queries(encoder: &FeatureEncoder) -> SampleRows {
    SampleRows { user_features: encoder.empty_user_rows(), truth: Some((vec![0], Vec::new())), ..SampleRows::default() }
}

/// One sample without its features.
pub(super) struct Plain {
    pub user: u32,
    pub item: u32,
    pub positive: bool,
    /// In the loss.
    pub weight: f32,
    pub time: i64,
    pub seen: Seen,
}

/// Appends everything but the features.
pub(super) fn push_plain(rows: &mut SampleRows, plain: &Plain) {
    rows.user.push(plain.user);
    rows.item.push(plain.item);
    rows.label.push(f32::from(u8::from(plain.positive)));
    rows.weight.push(plain.weight);
    rows.time.push(plain.time);
    rows.history_end.push(plain.seen.end);
    rows.history_skip.push(plain.seen.skip);
}

fn append_lists(offsets: &mut Vec<i32>, more: &[i32], values: usize) -> Result<()> {
    let before = offsets.last().copied().unwrap_or(0) as usize;
    list_end(before + values)?;
    offsets.extend(more.iter().skip(1).map(|&end| before as i32 + end));
    Ok(())
}

/// Appends encoded rows of the same tower.
///
/// # Errors
/// As [`list_end`].
pub(super) fn append_encoded(rows: &mut EncodedRows, more: EncodedRows) -> Result<()> {
    rows.rows += more.rows;
    rows.single.extend(more.single);
    rows.dense.extend(more.dense);
    for (column, added) in rows.multi.iter_mut().zip(more.multi) {
        let MultiColumn { offsets, ids, weights } = added;
        append_lists(&mut column.offsets, &offsets, ids.len())?;
        column.ids.extend(ids);
        column.weights.extend(weights);
    }
    Ok(())
}

/// No users; one raw column for each kept one.
pub(super) fn empty_histories(sources: &Sources) -> HistoryRows {
    let raw = sources.kept.iter().map(|column| (column.name.clone(), Vec::new())).collect();
    HistoryRows { offsets: vec![0], raw, ..HistoryRows::default() }
}

/// Appends a user; `raw` has one value a kept column.
///
/// # Errors
/// As [`list_end`].
pub(super) fn push_user<'a>(
    rows: &mut HistoryRows,
    user: &str,
    history: &UserHistory,
    raw: impl Iterator<Item = Option<&'a str>>,
) -> Result<()> {
    rows.users.push(user.to_owned());
    rows.items.extend(&history.items);
    rows.times.extend(&history.times);
    rows.offsets.push(list_end(rows.items.len())?);
    for ((_, column), value) in rows.raw.iter_mut().zip(raw) {
        column.push(value.map(str::to_owned));
    }
    Ok(())
}
