//! Several ranked lists become one.
//!
//! In: one list a channel, in the order of priority. Out: which item stands at each place, and whose place it is. Scores
//! of different channels are not comparable, so scores decide only the order within a channel. Places are dealt out one
//! by one:
//!
//! 1. Each channel earns its share at every place, and the channel that is owed most gets the place (smooth weighted
//!    round robin): among the first `n` places of any list, a channel has `n · share / sum of shares`, within one place
//!    for two channels and never far from it for more. Equal claims go by priority.
//! 2. It gives its best item that nobody gave before. An item that several channels found takes one place, that of the
//!    channel that gives it first.
//! 3. A channel with nothing left passes its place to the first channel by priority that has something.
//!
//! So a longer list begins with the shorter one, and `k` items from each channel are enough to fill `k` places.

use crate::config::ChannelSpec;
use crate::error::Result;
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use std::path::Path;
use twinspire_core::attribute::Filter;
use twinspire_core::bundle::file;
use twinspire_core::query::Scored;
use twinspire_core::{CoreError, stage::write_json, vfs::Vfs};

/// `merge.json`: the channels of a bundle and how their lists become one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergePlan {
    leave_out_seen: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<Filter>,
    channels: Vec<ChannelSpec>,
}

impl MergePlan {
    /// `channels` in the order of the config; they are kept by priority.
    pub(crate) fn new(leave_out_seen: bool, filter: Option<Filter>, mut channels: Vec<ChannelSpec>) -> Self {
        channels.sort_by_key(|channel| channel.priority);
        Self { leave_out_seen, filter, channels }
    }

    /// Are the items of a user's history left out of the answer?
    pub fn leave_out_seen(&self) -> bool {
        self.leave_out_seen
    }

    /// What every candidate must be.
    pub fn filter(&self) -> Option<&Filter> {
        self.filter.as_ref()
    }

    /// The channels, by priority, then in the order of the config.
    pub fn channels(&self) -> &[ChannelSpec] {
        &self.channels
    }

    /// Writes `merge.json` into a draft.
    pub(crate) fn write(&self, vfs: &dyn Vfs, draft: &Path) -> Result<()> {
        Ok(write_json(vfs, &draft.join(file::MERGE), self)?)
    }

    /// Reads `merge.json` of a bundle or a draft.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(file::MERGE);
        let bytes = std::fs::read(&path).map_err(|error| CoreError::io(&path, error))?;
        Ok(serde_json::from_slice(&bytes).map_err(|error| CoreError::damaged(&path, error.to_string()))?)
    }
}

/// One list to be merged, best first, each item once.
#[derive(Debug, Clone, Copy)]
pub struct RankedList<'a> {
    /// Claim on places, relative to the sum of all shares; not negative.
    pub share: f64,
    /// The items.
    pub found: &'a [Scored],
}

/// A place in the merged list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Row of the corpus.
    pub item: u32,
    /// Position of the list that gave it.
    pub list: usize,
}

/// Shares are compared as whole millionths, so that no rounding decides a tie.
const MILLIONTHS: f64 = 1e6;

/// A list while places are dealt out.
struct Claim<'a> {
    share: i64,
    owed: i64,
    left: &'a [Scored],
}

impl Claim<'_> {
    /// Its best item that is not taken yet.
    fn next(&mut self, taken: &FxHashSet<u32>) -> Option<u32> {
        while let [first, rest @ ..] = self.left {
            if !taken.contains(&first.item) {
                return Some(first.item);
            }
            self.left = rest;
        }
        None
    }
}

/// Merges lists that stand in the order of priority into at most `k` places.
pub fn merge(lists: &[RankedList<'_>], k: usize) -> Vec<Place> {
    let share = |list: &RankedList<'_>| (list.share * MILLIONTHS).round() as i64;
    let mut claims: Vec<Claim<'_>> =
        lists.iter().map(|list| Claim { share: share(list), owed: 0, left: list.found }).collect();
    let total: i64 = claims.iter().map(|claim| claim.share).sum();
    let (mut taken, mut places) = (FxHashSet::default(), Vec::with_capacity(k.min(1024)));
    while places.len() < k {
        claims.iter_mut().for_each(|claim| claim.owed += claim.share);
        let Some(owner) = most_owed(&claims) else { break };
        claims[owner].owed -= total;
        let by_priority = std::iter::once(owner).chain(0..claims.len());
        let mut given = by_priority.map(|list| (list, claims[list].next(&taken)));
        let Some((list, item)) = given.find_map(|(list, item)| item.map(|item| (list, item))) else { break };
        taken.insert(item);
        places.push(Place { item, list });
    }
    places
}

/// The list with the largest claim; of equal ones the first.
fn most_owed(claims: &[Claim<'_>]) -> Option<usize> {
    (0..claims.len()).max_by_key(|&list| (claims[list].owed, std::cmp::Reverse(list)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(items: impl IntoIterator<Item = u32>) -> Vec<Scored> {
        items.into_iter().zip(0..).map(|(item, rank)| Scored { item, score: -f64::from(rank) }).collect()
    }

    fn merged(lists: &[(f64, &[Scored])], k: usize) -> Vec<(u32, usize)> {
        let lists: Vec<_> = lists.iter().map(|&(share, found)| RankedList { share, found }).collect();
        merge(&lists, k).into_iter().map(|place| (place.item, place.list)).collect()
    }

    #[test]
    fn places_are_dealt_out_by_share_at_every_length() {
        let (a, b, c) = (list(0..100), list(100..200), list(200..300));
        let places = merged(&[(6.0, &a), (3.0, &b), (1.0, &c)], 100);
        for length in 1..=100 {
            for (list, share) in [(0, 0.6), (1, 0.3), (2, 0.1)] {
                let given = places[..length].iter().filter(|(_, owner)| *owner == list).count();
                assert!((given as f64 - share * length as f64).abs() <= 1.0, "{given} of {length} for list {list}");
            }
        }
        assert_eq!(places[..4], [(0, 0), (100, 1), (1, 0), (2, 0)]);
    }

    #[test]
    fn an_item_that_two_channels_found_takes_one_place() {
        let (a, b) = (list([1, 2, 3]), list([2, 1, 4, 5]));
        assert_eq!(merged(&[(1.0, &a), (1.0, &b)], 9), [(1, 0), (2, 1), (3, 0), (4, 1), (5, 1)]);
    }

    #[test]
    fn a_channel_that_is_short_passes_its_places_on_by_priority() {
        let (short, a, b) = (list([1]), list(10..20), list(20..30));
        let places = merged(&[(8.0, &short), (1.0, &a), (1.0, &b)], 10);
        let owners: Vec<usize> = places.iter().map(|(_, owner)| *owner).collect();
        assert_eq!(owners.iter().filter(|&&owner| owner == 0).count(), 1);
        assert_eq!(owners.iter().filter(|&&owner| owner == 2).count(), 1, "its own share, no more");
        assert_eq!(merged(&[(1.0, &list([])), (0.0, &a)], 3), [(10, 1), (11, 1), (12, 1)], "share 0 only fills gaps");
    }

    #[test]
    fn a_longer_list_begins_with_the_shorter_one_and_the_longest_has_everything() {
        let lists = [list((0..60).rev()), list((0..60).step_by(2)), list(30..50)];
        let lists: Vec<(f64, &[Scored])> = [0.7, 0.2, 0.3].into_iter().zip(lists.iter().map(Vec::as_slice)).collect();
        let all = merged(&lists, 1000);
        let mut items: Vec<u32> = all.iter().map(|(item, _)| *item).collect();
        for k in 0..60 {
            assert_eq!(merged(&lists, k), all[..k]);
            let cut: Vec<(f64, &[Scored])> =
                lists.iter().map(|(share, found)| (*share, &found[..k.min(found.len())])).collect();
            assert_eq!(merged(&cut, k), all[..k], "k items of each list are enough");
        }
        items.sort_unstable();
        assert_eq!(items, (0..60).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_merges_to_nothing() {
        assert!(merged(&[], 5).is_empty() && merged(&[(1.0, &[])], 5).is_empty());
        assert!(merged(&[(1.0, &list([1]))], 0).is_empty());
    }
}
