//! Keeps what may be among the best `k` of a stream of f32 scores whose items ascend. In: scores that are above the
//! threshold. Out: the best by f64 score, in order.
//!
//! A candidate is one number: its score, mapped so that a better one is smaller, above its item. It keeps more than `k` for
//! a while and cuts back by selection, never by sorting all. Where cutting does not help, because most scores are nearly
//! equal, f64 scores decide which `k` stay.

use super::kernel::PANEL;
use crate::rows::{Rows, best};
use twinspire_core::query::Scored;

/// Fewest candidates that are collected between two cuts.
const FEWEST: usize = 64;

/// The best of one query so far.
pub(super) struct Best<'a> {
    rows: Rows<'a>,
    query: &'a [f32],
    k: usize,
    /// How far below the k-th best f32 score one of the best may be.
    margin: f64,
    /// Excluded items that no candidate was compared with yet, ascending.
    excluded: &'a [u32],
    /// `chosen` candidates of earlier cuts, then new ones, whose items ascend.
    candidates: Vec<u64>,
    chosen: usize,
    threshold: f32,
}

/// Sign and magnitude as one ascending number, the best score smallest.
fn key(score: f32, item: u32) -> u64 {
    let bits = score.to_bits();
    let falling = if bits >> 31 == 0 { !(bits | 1 << 31) } else { bits };
    u64::from(falling) << 32 | u64::from(item)
}

fn score(key: u64) -> f32 {
    let falling = (key >> 32) as u32;
    f32::from_bits(if falling >> 31 == 0 { !(falling | 1 << 31) } else { falling })
}

impl<'a> Best<'a> {
    /// Nothing offered yet. `excluded` ascends.
    pub fn new((rows, query): (Rows<'a>, &'a [f32]), (k, excluded): (usize, &'a [u32]), margin: f64) -> Self {
        let threshold = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        let candidates = Vec::with_capacity(k + k.max(FEWEST) + PANEL);
        Self { rows, query, k, margin, excluded, candidates, chosen: 0, threshold }
    }

    /// Lower scores, and equal ones, are of no use any more.
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Takes the scores whose bit is set; the items `first..` are above all those seen before.
    pub fn take(&mut self, first: u32, scores: &[f32; PANEL], mut above: u64) {
        while above != 0 {
            let lane = above.trailing_zeros();
            above &= above - 1;
            self.candidates.push(key(scores[lane as usize], first + lane));
        }
        if self.candidates.len() - self.chosen >= self.k.max(FEWEST) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.leave_out_excluded();
        if self.candidates.len() > self.k {
            self.drop_worse();
            if self.candidates.len() > 2 * self.k.max(FEWEST) {
                self.keep_best();
            }
        }
        self.chosen = self.candidates.len();
    }

    /// Drops what the k-th best f32 score rules out.
    fn drop_worse(&mut self) {
        let (_, &mut worst, _) = self.candidates.select_nth_unstable(self.k - 1);
        let threshold = ((f64::from(score(worst)) - self.margin) as f32).next_down().next_down();
        self.threshold = self.threshold.max(threshold);
        self.candidates.retain(|&candidate| score(candidate) > self.threshold);
    }

    /// Keeps the best `k` by f64 score.
    fn keep_best(&mut self) {
        let best = self.best();
        self.candidates.sort_unstable_by_key(|&candidate| candidate as u32);
        let place = |item: u32| self.candidates.binary_search_by_key(&item, |&candidate| candidate as u32);
        self.candidates = best.iter().filter_map(|scored| Some(self.candidates[place(scored.item).ok()?])).collect();
    }

    fn best(&self) -> Vec<Scored> {
        let items: Vec<u32> = self.candidates.iter().map(|&candidate| candidate as u32).collect();
        let mut scored = Vec::with_capacity(items.len());
        self.rows.score(&items, self.query, &mut scored);
        best(scored, self.k)
    }

    fn leave_out_excluded(&mut self) {
        let mut end = self.chosen;
        for at in self.chosen..self.candidates.len() {
            let (candidate, item) = (self.candidates[at], self.candidates[at] as u32);
            while let [excluded, rest @ ..] = self.excluded
                && *excluded < item
            {
                self.excluded = rest;
            }
            if self.excluded.first() != Some(&item) {
                self.candidates[end] = candidate;
                end += 1;
            }
        }
        self.candidates.truncate(end);
    }

    /// The best, in order.
    pub fn finish(mut self) -> Vec<Scored> {
        self.cut();
        self.best()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ascend_as_scores_fall_and_give_them_back() {
        let scores = [f32::MIN, -1.5, -f32::MIN_POSITIVE, 0.0, 1e-40, 0.25, 0.250_000_03, f32::MAX];
        for left in scores {
            for item in [0, 7, u32::MAX] {
                assert_eq!((score(key(left, item)), key(left, item) as u32), (left, item));
                for right in scores.into_iter().filter(|right| *right != left) {
                    assert_eq!(key(left, item) < key(right, 3), left > right);
                }
            }
        }
    }
}
