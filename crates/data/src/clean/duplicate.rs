//! Duplicates: of rows with the same user, time, item and kind only the first stays.

use crate::bucket::Bucket;
use rustc_hash::FxHashSet;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::EventKind;

/// Leaves duplicates out of a bucket and counts them there. Rows without a user are never duplicates of each other.
pub(crate) fn drop_duplicates(bucket: &mut Bucket) {
    let mut rows = std::mem::take(&mut bucket.rows);
    let before = rows.len();
    let mut moment = None;
    let mut seen: FxHashSet<(&str, EventKind)> = FxHashSet::default();
    rows.retain(|row| {
        if moment != Some((row.user, row.time)) {
            moment = Some((row.user, row.time));
            seen.clear();
        }
        row.user == MISSING || seen.insert((bucket.item(row), row.kind))
    });
    drop(seen);
    bucket.duplicates = (before - rows.len()) as u64;
    bucket.rows = rows;
}
