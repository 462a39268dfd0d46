//! The history of one user, and how much of it each of her rows may see.
//!
//! With times: her positives of all parts, oldest first; a row sees those strictly before it. Without times a history
//! is a set: each item once, those of train first, then those new in validation, then those new in test, each by item
//! index; a train row sees the train items without its own, a validation row the train items, and a test row those of
//! train and validation.

use crate::bucket::Row;
use twinspire_core::behaviour::TimedItems;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::{NO_TIME, Part};

/// Positives of one user.
#[derive(Debug, Default, PartialEq)]
pub(super) struct UserHistory {
    /// Rows of the corpus.
    pub items: Vec<u32>,
    /// Microseconds UTC, one an item.
    pub times: Vec<i64>,
    /// Without times: number of items up to the end of train, of validation, of test.
    ends: Option<[usize; 3]>,
}

/// What a row sees: `items[..end]` without position `skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Length of the prefix.
    pub end: u32,
    /// Position that is left out, or MISSING.
    pub skip: u32,
}

impl UserHistory {
    /// `rows` of one user in the order (time, position), and the corpus row of each. Empty without a user.
    pub fn of(rows: &[Row], items: &[u32]) -> Self {
        match rows.first() {
            Some(first) if first.user != MISSING && first.time == NO_TIME => Self::as_set(rows, items),
            Some(first) if first.user != MISSING => Self::by_time(rows, items),
            _ => Self::default(),
        }
    }

    fn by_time(rows: &[Row], items: &[u32]) -> Self {
        let positives = rows.iter().zip(items).filter(|(row, _)| row.is_positive());
        let (items, times) = positives.map(|(row, &item)| (item, row.time)).unzip();
        Self { items, times, ends: None }
    }

    fn as_set(rows: &[Row], items: &[u32]) -> Self {
        let mut known: Vec<(u32, Part)> =
            rows.iter().zip(items).filter(|(row, _)| row.is_positive()).map(|(row, &item)| (item, row.part)).collect();
        known.sort_unstable();
        known.dedup_by_key(|(item, _)| *item);
        known.sort_unstable_by_key(|&(item, part)| (part, item));
        let ends = [Part::Train, Part::Validation, Part::Test].map(|part| known.partition_point(|&(_, of)| of <= part));
        let items: Vec<u32> = known.into_iter().map(|(item, _)| item).collect();
        Self { times: vec![NO_TIME; items.len()], items, ends: Some(ends) }
    }

    /// Its items with their times.
    pub fn timed(&self) -> TimedItems<'_> {
        TimedItems { items: &self.items, times: &self.times }
    }

    /// What `row`, whose item is `item`, sees of this history.
    pub fn seen_by(&self, row: &Row, item: u32) -> Seen {
        let Some([train, validation, _]) = self.ends else {
            let end = self.times.partition_point(|&time| time < row.time);
            return Seen { end: end as u32, skip: MISSING };
        };
        match row.part {
            Part::Train => {
                let own = self.items[..train].binary_search(&item);
                Seen { end: train as u32, skip: own.map_or(MISSING, |position| position as u32) }
            }
            Part::Validation => Seen { end: train as u32, skip: MISSING },
            Part::Test => Seen { end: validation as u32, skip: MISSING },
        }
    }
}
