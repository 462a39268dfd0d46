//! How often each value stands in a window. In: values that enter and leave. Out: how many there are, and the most
//! frequent ones. Counts are whole numbers, so that no order of entering and leaving changes them.

use crate::ids::MISSING;
use rustc_hash::FxHashMap;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Counts of the values of a window.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Count, and the newest position, of each value.
    counts: FxHashMap<u32, (u32, usize)>,
    /// The same by rank: the most frequent first, then the newest, then the lowest value.
    ranked: BTreeSet<(Reverse<u32>, Reverse<usize>, u32)>,
}

impl Tally {
    /// A value enters at a position that is not below earlier ones. MISSING is no value.
    pub fn add(&mut self, value: u32, position: usize) {
        if value == MISSING {
            return;
        }
        let (count, newest) = self.counts.entry(value).or_default();
        if *count > 0 {
            self.ranked.remove(&(Reverse(*count), Reverse(*newest), value));
        }
        (*count, *newest) = (*count + 1, position);
        self.ranked.insert((Reverse(*count), Reverse(position), value));
    }

    /// The oldest occurrence of a value leaves.
    pub fn remove(&mut self, value: u32) {
        let Some((count, newest)) = self.counts.get_mut(&value) else { return };
        self.ranked.remove(&(Reverse(*count), Reverse(*newest), value));
        *count -= 1;
        if *count > 0 {
            self.ranked.insert((Reverse(*count), Reverse(*newest), value));
        } else {
            self.counts.remove(&value);
        }
    }

    /// Number of different values.
    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// The `n` most frequent values with their counts.
    pub fn top(&self, n: usize) -> Vec<(u32, f32)> {
        self.ranked.iter().take(n).map(|&(Reverse(count), _, value)| (value, count as f32)).collect()
    }
}
