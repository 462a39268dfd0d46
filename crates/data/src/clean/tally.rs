//! Tallies: how many rows and positives a key has, in all or by window or by user. In: rows, or the tallies of
//! several tables. Out: the keys that a rule suspects. Keys are fingerprints of their text (64 bits), which makes one
//! entry 32 bytes; with 10^8 keys the chance that any two of them are taken for one is below 0.03 %.

use crate::config::{Counted, Suspicion};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeSet;

/// What is counted for one key and one part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tally {
    /// Fingerprint of the key.
    pub key: u64,
    /// Number of the window, or fingerprint of the user; 0 for rules that know neither.
    pub part: u64,
    pub rows: u64,
    pub positives: u64,
}

/// What a tally needs to know of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting {
    /// Fingerprint of the key.
    pub key: u64,
    /// Fingerprint of the user; 0 without one.
    pub user: u64,
    /// Microseconds UTC.
    pub time: i64,
    pub positive: bool,
}

/// Rows by key and part.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    found: FxHashMap<(u64, u64), (u64, u64)>,
    /// What was counted last and is not in `found` yet: rows of a user mostly follow each other.
    last: ((u64, u64), (u64, u64)),
}

impl Tallies {
    /// Counts a row.
    pub fn count(&mut self, suspicion: &Suspicion, row: Counting) {
        let counted = (row.key, part_of(suspicion, &row));
        if self.last.0 != counted {
            self.settle();
            self.last.0 = counted;
        }
        self.last.1.0 += 1;
        self.last.1.1 += u64::from(row.positive);
    }

    fn settle(&mut self) {
        let (rows, positives) = std::mem::take(&mut self.last.1);
        if rows > 0 {
            let entry = self.found.entry(self.last.0).or_default();
            *entry = (entry.0 + rows, entry.1 + positives);
        }
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, more: Vec<Tally>) {
        for Tally { key, part, rows, positives } in more {
            let entry = self.found.entry((key, part)).or_default();
            *entry = (entry.0 + rows, entry.1 + positives);
        }
    }

    /// All entries by key and part; none stay.
    pub fn take(&mut self) -> Vec<Tally> {
        self.settle();
        let all = std::mem::take(&mut self.found).into_iter();
        let mut tallies: Vec<Tally> =
            all.map(|((key, part), (rows, positives))| Tally { key, part, rows, positives }).collect();
        tallies.sort_unstable();
        tallies
    }
}

/// The part of its key that a row counts for.
fn part_of(suspicion: &Suspicion, row: &Counting) -> u64 {
    match suspicion {
        Suspicion::Rate { window, .. } => row.time.div_euclid(*window).cast_unsigned(),
        Suspicion::Users { .. } => row.user,
        Suspicion::ClickRate { .. } | Suspicion::Denied { .. } => 0,
    }
}

/// Keys, or windows of keys, whose rows are left out.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Suspects {
    #[serde(serialize_with = "sorted")]
    keys: FxHashSet<u64>,
    #[serde(serialize_with = "sorted")]
    windows: FxHashSet<(u64, u64)>,
}

fn sorted<T: Ord + Serialize, S: Serializer>(set: &FxHashSet<T>, serializer: S) -> Result<S::Ok, S::Error> {
    set.iter().collect::<BTreeSet<_>>().serialize(serializer)
}

impl Suspects {
    /// Suspects these keys.
    pub fn of_keys(keys: FxHashSet<u64>) -> Self {
        Self { keys, windows: FxHashSet::default() }
    }

    /// Those that the rule suspects among tallies that come by key and part, each pair once.
    pub fn find(suspicion: &Suspicion, tallies: impl Iterator<Item = Tally>) -> Self {
        let mut suspects = Self::default();
        // Of the key that is being read: rows, positives, parts.
        let (mut current, mut sums) = (None, (0, 0, 0));
        for tally in tallies {
            if current != Some(tally.key) {
                suspects.judge(suspicion, current, sums);
                (current, sums) = (Some(tally.key), (0, 0, 0));
            }
            sums = (sums.0 + tally.rows, sums.1 + tally.positives, sums.2 + 1);
            if let Suspicion::Rate { count, at_most, .. } = suspicion
                && counted(*count, &tally) > *at_most
            {
                suspects.windows.insert((tally.key, tally.part));
            }
        }
        suspects.judge(suspicion, current, sums);
        suspects
    }

    /// Adds other suspects.
    pub fn join(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.windows.extend(other.windows);
    }

    fn judge(&mut self, suspicion: &Suspicion, key: Option<u64>, (rows, positives, parts): (u64, u64, u64)) {
        let Some(key) = key else { return };
        let suspected = match suspicion {
            Suspicion::Users { at_most } => parts > *at_most,
            Suspicion::ClickRate { at_most, least_rows } => {
                rows >= *least_rows && positives as f64 > *at_most * rows as f64
            }
            Suspicion::Rate { .. } | Suspicion::Denied { .. } => false,
        };
        if suspected {
            self.keys.insert(key);
        }
    }

    /// True when the row is one of theirs.
    pub fn have(&self, suspicion: &Suspicion, row: &Counting) -> bool {
        self.keys.contains(&row.key)
            || (!self.windows.is_empty() && self.windows.contains(&(row.key, part_of(suspicion, row))))
    }
}

fn counted(count: Counted, tally: &Tally) -> u64 {
    match count {
        Counted::Rows => tally.rows,
        Counted::Positives => tally.positives,
    }
}
