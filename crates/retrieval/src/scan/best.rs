//! Keeps the best `k` of a stream of scores whose items ascend. In: scores that are above the threshold. Out: the best,
//! in order.
//!
//! A candidate is one number: its score, mapped so that a better one is smaller, above its item. So the order of
//! candidates is the order of numbers. It keeps more than `k` for a while and cuts back by selection, never by sorting
//! all. Since items ascend, a later item with the score of the k-th best loses to it, so only scores strictly above the
//! threshold are looked at.

use super::kernel::PANEL;
use twinspire_core::query::Scored;

/// Fewest candidates that are collected between two cuts.
const FEWEST: usize = 64;

/// The best of one query so far.
pub(super) struct Best<'a> {
    k: usize,
    /// Excluded items that no candidate was compared with yet, ascending.
    excluded: &'a [u32],
    /// `chosen` candidates of earlier cuts, then new ones, whose items ascend.
    candidates: Vec<u64>,
    chosen: usize,
    threshold: f32,
}

/// Sign and magnitude as one ascending number, the best score smallest.
fn key(score: f32, item: u32) -> u64 {
    // Adding 0 turns -0.0 into 0.0: the two are equal scores.
    let bits = (score + 0.0).to_bits();
    let falling = if bits >> 31 == 0 { !(bits | 1 << 31) } else { bits };
    u64::from(falling) << 32 | u64::from(item)
}

fn scored(key: u64) -> Scored {
    let falling = (key >> 32) as u32;
    let bits = if falling >> 31 == 0 { !(falling | 1 << 31) } else { falling };
    Scored { item: key as u32, score: f32::from_bits(bits) }
}

impl<'a> Best<'a> {
    /// Nothing offered yet. `excluded` ascends.
    pub fn new(k: usize, excluded: &'a [u32]) -> Self {
        let threshold = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { k, excluded, candidates: Vec::with_capacity(k + k.max(FEWEST) + PANEL), chosen: 0, threshold }
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
            let (_, &mut worst, _) = self.candidates.select_nth_unstable(self.k - 1);
            self.candidates.truncate(self.k);
            self.threshold = scored(worst).score;
        }
        self.chosen = self.candidates.len();
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
        self.candidates.sort_unstable();
        self.candidates.into_iter().map(scored).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_is_the_order_of_candidates() {
        let scores = [f32::MIN, -1.5, -f32::MIN_POSITIVE, -0.0, 0.0, 1e-40, 0.25, 0.250_000_03, f32::MAX];
        let all: Vec<Scored> =
            scores.iter().flat_map(|&score| [0, 7, u32::MAX].map(|item| Scored { item, score: score + 0.0 })).collect();
        for left in &all {
            assert_eq!(scored(key(left.score, left.item)), *left);
            for right in &all {
                assert_eq!(key(left.score, left.item).cmp(&key(right.score, right.item)), left.order(right));
            }
        }
    }
}
