//! Duplicates: of rows with the same user, time, item and kind only the first stays. Rows without a user are never
//! duplicates of each other.

use crate::bucket::Bucket;
use rustc_hash::FxHashSet;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::EventKind;

/// The reason under which such rows are counted.
pub(super) const DUPLICATE: &str = "duplicate";

/// Whether each row stays.
pub(super) fn kept(bucket: &Bucket) -> Vec<bool> {
    let mut moment = None;
    let mut seen: FxHashSet<(&str, EventKind)> = FxHashSet::default();
    let mut stays = Vec::with_capacity(bucket.rows.len());
    for row in &bucket.rows {
        if moment != Some((row.user, row.time)) {
            moment = Some((row.user, row.time));
            seen.clear();
        }
        stays.push(row.user == MISSING || seen.insert((bucket.item(row), row.kind)));
    }
    stays
}
