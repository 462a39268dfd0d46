//! Which part a row belongs to: the split protocols. In: the rows of one user in the order (time, position), with the
//! part that ingest gave them. Out: the same rows with their final part.

use crate::bucket::{Bucket, Row};
use std::ops::Range;
use twinspire_core::hash::fingerprint64;
use twinspire_core::interaction::Part;
use twinspire_core::rng::Rng;

/// A split protocol, ready to be applied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum SplitRule {
    /// Ingest has decided, by a column.
    AsRead,
    /// By the time of the event, microseconds UTC.
    ByTime {
        /// Events from here on are validation.
        validation_from: i64,
        /// Events from here on are test.
        test_from: i64,
    },
    /// The user's last positive is test, the one before it validation; a user with fewer than 3 is train only.
    /// An event that is not a positive goes with the last positive before it.
    LeaveLastOneOut {
        /// Without a validation part, its events are train.
        validation: bool,
    },
    /// Test is given; a share of each user's train events is drawn for validation.
    Draw {
        /// Share of the train events, in `[0, 1)`.
        share: f64,
        /// Seed of the run.
        seed: u64,
    },
}

impl SplitRule {
    /// Sets the part of every row of a bucket.
    pub fn apply(&self, bucket: &mut Bucket) {
        let mut next = 0;
        while let Some(group) = bucket.group_from(next) {
            next = group.end;
            let stream = match self {
                Self::Draw { seed, .. } => Some(validation_stream(*seed, bucket, &group)),
                Self::AsRead | Self::ByTime { .. } | Self::LeaveLastOneOut { .. } => None,
            };
            let named = bucket.user_key(&bucket.rows[group.start]).is_some();
            let rows = &mut bucket.rows[group];
            match (self, stream) {
                (Self::ByTime { validation_from, test_from }, _) => by_time(rows, *validation_from, *test_from),
                (Self::LeaveLastOneOut { validation }, _) => leave_last_one_out(rows, *validation),
                (Self::Draw { share, .. }, Some(rng)) => draw(rows, *share, named, rng),
                (Self::AsRead | Self::Draw { .. }, _) => {}
            }
        }
    }
}

/// One stream a user; one a row where there is no user.
fn validation_stream(seed: u64, bucket: &Bucket, group: &Range<usize>) -> Rng {
    let first = &bucket.rows[group.start];
    let counter = bucket.user_key(first).map_or(first.position, |key| fingerprint64(key.as_bytes()));
    Rng::stream(seed, "validation", counter)
}

fn by_time(rows: &mut [Row], validation_from: i64, test_from: i64) {
    for row in rows {
        row.part = match row.time {
            time if time >= test_from => Part::Test,
            time if time >= validation_from => Part::Validation,
            _ => Part::Train,
        };
    }
}

fn leave_last_one_out(rows: &mut [Row], validated: bool) {
    let positives: Vec<usize> = (0..rows.len()).filter(|&at| rows[at].is_positive()).collect();
    let (validation, test) = match positives.as_slice() {
        [_, .., validation, test] => (*validation, *test),
        _ => (rows.len(), rows.len()),
    };
    for (at, row) in rows.iter_mut().enumerate() {
        row.part = if at >= test {
            Part::Test
        } else if at >= validation && validated {
            Part::Validation
        } else {
            Part::Train
        };
    }
}

/// Draws `share` of the train positives, then of the other train rows, each time rounded up or down at random so that
/// the expected number is exact. A named user keeps at least one train positive.
fn draw(rows: &mut [Row], share: f64, named: bool, mut rng: Rng) {
    for positive in [true, false] {
        let wanted = |row: &Row| row.part == Part::Train && row.is_positive() == positive;
        let mut train: Vec<usize> = (0..rows.len()).filter(|&at| wanted(&rows[at])).collect();
        let most = train.len().saturating_sub(usize::from(named && positive));
        let drawn = (train.len() as f64 * share + rng.unit()) as usize;
        rng.shuffle(&mut train);
        for &at in &train[..drawn.min(most)] {
            rows[at].part = Part::Validation;
        }
    }
}
