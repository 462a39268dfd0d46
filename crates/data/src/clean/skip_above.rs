//! Skip-above: a person reads a page from the top and stops somewhere. Impressions above the lowest positive of their
//! request were seen and passed over; those below it, and all of a request without a positive, were perhaps never seen,
//! so they are no evidence (Joachims et al., "Accurately Interpreting Clickthrough Data as Implicit Feedback", SIGIR 2005).

use crate::bucket::{Bucket, Row};
use rustc_hash::FxHashMap;
use twinspire_core::interaction::EventKind;

/// The reason under which such rows are counted.
pub(super) const NOT_SEEN: &str = "not_seen";

/// Numbers of the raw columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SkipAbove {
    pub request: usize,
    pub position: usize,
}

impl SkipAbove {
    /// Whether each row stays.
    pub fn kept(self, bucket: &Bucket) -> Vec<bool> {
        let mut lowest: FxHashMap<(u32, &str), f64> = FxHashMap::default();
        for row in bucket.rows.iter().filter(|row| row.is_positive()) {
            if let (Some(request), Some(position)) = (bucket.raw(row, self.request), self.position(bucket, row)) {
                let known = lowest.entry((row.user, request)).or_insert(position);
                *known = known.max(position);
            }
        }
        let stays = |row: &Row| match (row.kind, bucket.raw(row, self.request), self.position(bucket, row)) {
            (EventKind::Impression, Some(request), Some(position)) => {
                lowest.get(&(row.user, request)).is_some_and(|&lowest| position < lowest)
            }
            (EventKind::Impression, ..) | (EventKind::Positive | EventKind::Rejected, ..) => true,
        };
        bucket.rows.iter().map(stays).collect()
    }

    fn position(self, bucket: &Bucket, row: &Row) -> Option<f64> {
        bucket.raw(row, self.position)?.trim().parse().ok().filter(|position: &f64| position.is_finite())
    }
}
