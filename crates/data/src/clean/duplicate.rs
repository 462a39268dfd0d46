//! Duplicates: of rows with the same user and kind that are also the same in what the config names (item and time, unless
//! it says otherwise), only the first stays. Rows without a user are never duplicates of each other. What rows have in
//! common is compared by its fingerprint: among n rows of a user, some row is taken for a duplicate that is none with a
//! probability below n²/2^65.

use crate::bucket::{Bucket, Row};
use crate::config::SameIn;
use twinspire_core::hash::fingerprint64;
use twinspire_core::ids::MISSING;

/// The reason under which such rows are counted.
pub(super) const DUPLICATE: &str = "duplicate";

/// A part of what duplicates have in common.
enum Part {
    Item,
    Time,
    /// Number of a raw column.
    Raw(usize),
}

/// Which rows are duplicates.
pub(super) struct Duplicates {
    same_in: Vec<Part>,
}

/// Ends a text; no byte of UTF-8 has this value.
const END: u8 = 0xff;

impl Duplicates {
    /// Rows that are the same in these; `column` numbers a raw column of the buckets.
    pub fn new(same_in: Vec<SameIn>, mut column: impl FnMut(&str) -> usize) -> Self {
        let part = |same: SameIn| match same {
            SameIn::Item => Part::Item,
            SameIn::Time => Part::Time,
            SameIn::Column(name) => Part::Raw(column(&name)),
        };
        Self { same_in: same_in.into_iter().map(part).collect() }
    }

    /// Whether each row stays.
    pub fn kept(&self, bucket: &Bucket) -> Vec<bool> {
        let mut stays = vec![true; bucket.rows.len()];
        let (mut keys, mut bytes) = (Vec::new(), Vec::new());
        for group in bucket.groups() {
            if bucket.rows[group.start].user == MISSING {
                continue;
            }
            keys.clear();
            keys.extend(group.map(|at| (self.key(bucket, &bucket.rows[at], &mut bytes), at)));
            keys.sort_unstable();
            for pair in keys.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
                stays[pair[1].1] = false;
            }
        }
        stays
    }

    /// Fingerprint of the kind and of all parts; `bytes` is used again for every row.
    fn key(&self, bucket: &Bucket, row: &Row, bytes: &mut Vec<u8>) -> u64 {
        bytes.clear();
        bytes.push(row.kind as u8);
        for part in &self.same_in {
            match part {
                Part::Item => bytes.extend_from_slice(&row.item.to_le_bytes()),
                Part::Time => bytes.extend_from_slice(&row.time.to_le_bytes()),
                Part::Raw(column) => {
                    bytes.extend_from_slice(bucket.raw(row, *column).unwrap_or_default().as_bytes());
                    bytes.push(END);
                }
            }
        }
        fingerprint64(bytes)
    }
}
