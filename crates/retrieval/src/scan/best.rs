//! Keeps the best `k` of a stream of scores whose items ascend. In: blocks of scores. Out: the best, in order.
//!
//! It keeps more than `k` for a while and cuts back by selection, never by sorting all. Since items ascend, a later item
//! with the score of the k-th best loses to it, so only scores strictly above the threshold are looked at.

use twinspire_core::query::Scored;

/// Scores that are compared with the threshold at once.
const LANES: usize = 32;

/// The best of one query so far.
pub(super) struct Best<'a> {
    k: usize,
    /// Excluded items that lie in blocks to come, ascending.
    excluded: &'a [u32],
    kept: Vec<Scored>,
    threshold: f32,
}

impl<'a> Best<'a> {
    /// Nothing offered yet. `excluded` ascends.
    pub fn new(k: usize, excluded: &'a [u32]) -> Self {
        let threshold = if k == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
        Self { k, excluded, kept: Vec::with_capacity(2 * k), threshold }
    }

    /// Sees the scores of items `first..first + scores.len()`, all above the items seen before. Scores of excluded items
    /// are overwritten.
    pub fn offer(&mut self, first: u32, scores: &mut [f32]) {
        let end = first + scores.len() as u32;
        while let [item, rest @ ..] = self.excluded
            && *item < end
        {
            if let Some(position) = item.checked_sub(first) {
                scores[position as usize] = f32::NEG_INFINITY;
            }
            self.excluded = rest;
        }
        for (lanes, position) in scores.chunks(LANES).zip((first..).step_by(LANES)) {
            let threshold = self.threshold;
            if lanes.iter().fold(false, |any, &score| any | (score > threshold)) {
                self.keep(position, lanes);
            }
        }
        if self.kept.len() >= 2 * self.k {
            self.cut();
        }
    }

    fn keep(&mut self, first: u32, scores: &[f32]) {
        for (&score, item) in scores.iter().zip(first..) {
            if score > self.threshold && score.is_finite() {
                // Adding 0 turns -0.0 into 0.0: the two are equal scores.
                self.kept.push(Scored { item, score: score + 0.0 });
            }
        }
    }

    fn cut(&mut self) {
        if self.kept.len() > self.k && self.k > 0 {
            self.kept.select_nth_unstable_by(self.k - 1, Scored::order);
            self.kept.truncate(self.k);
            self.threshold = self.kept[self.k - 1].score;
        }
    }

    /// The best, in order.
    pub fn finish(mut self) -> Vec<Scored> {
        self.cut();
        self.kept.sort_unstable_by(Scored::order);
        self.kept
    }
}
