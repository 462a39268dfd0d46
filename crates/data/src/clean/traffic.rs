//! Cheating traffic: the rows of keys that no person could have made, or that stand in a deny list. In: a bucket, and
//! the suspects among keys whose rows lie in many buckets. Out: which rows stay. Keys without text are never suspected.

use super::tally::{Counting, Suspects, Tallies};
use crate::bucket::Bucket;
use crate::config::Suspicion;
use twinspire_core::hash::fingerprint64;
use twinspire_core::ids::join_key_into;

/// Where a bucket has the key of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BucketKey {
    /// It is the user.
    User,
    /// Numbers of raw columns.
    Columns(Vec<usize>),
}

/// One rule, ready to be applied.
pub(super) struct Traffic {
    pub name: String,
    pub key: BucketKey,
    pub suspicion: Suspicion,
    /// Known from all buckets; without it, the bucket holds all rows of its keys and is asked.
    pub suspects: Option<Suspects>,
}

impl Traffic {
    /// Whether each row stays.
    pub fn kept(&self, bucket: &Bucket) -> Vec<bool> {
        let own;
        let suspects = match &self.suspects {
            Some(known) => known,
            None => {
                let mut tallies = Tallies::default();
                self.countings(bucket).flatten().for_each(|row| tallies.count(&self.suspicion, row));
                own = Suspects::find(&self.suspicion, tallies.take().into_iter());
                &own
            }
        };
        let is_suspected = |row: Option<Counting>| row.is_some_and(|row| suspects.have(&self.suspicion, &row));
        self.countings(bucket).map(|row| !is_suspected(row)).collect()
    }

    /// What counts of each row; nothing where it has no key.
    fn countings<'b>(&'b self, bucket: &'b Bucket) -> impl Iterator<Item = Option<Counting>> + 'b {
        let mut joined = String::new();
        let users: Vec<u64> = bucket.users().iter().flatten().map(|user| fingerprint64(user.as_bytes())).collect();
        bucket.rows.iter().map(move |row| {
            let named = users.get(row.user as usize).copied();
            let user = named.unwrap_or(0);
            let key = match &self.key {
                BucketKey::User => named?,
                BucketKey::Columns(columns) => {
                    fingerprint_of(columns.iter().map(|&column| bucket.raw(row, column)), &mut joined)?
                }
            };
            Some(Counting { key, user, time: row.time, positive: row.is_positive() })
        })
    }
}

/// Fingerprint of a key; `None` when all of its cells are empty.
pub(super) fn fingerprint_of<'a>(
    cells: impl ExactSizeIterator<Item = Option<&'a str>> + Clone,
    joined: &mut String,
) -> Option<u64> {
    if cells.clone().all(|cell| cell.is_none()) {
        return None;
    }
    join_key_into(cells.map(Option::unwrap_or_default), joined);
    Some(fingerprint64(joined.as_bytes()))
}
