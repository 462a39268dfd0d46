//! How often each item of the corpus would be shown, whoever likes it. In: lists, in any order, from any thread. Out: at
//! each length coverage, Gini coefficient, mean popularity and novelty, defined in `docs/reference/metrics.md`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// Lists in which each item stood, by the shortest length that reaches its place: `[lengths, items]`.
#[derive(Debug)]
pub(super) struct Impressions {
    lengths: Vec<usize>,
    items: usize,
    counts: Vec<AtomicU32>,
}

impl Impressions {
    /// No lists yet; `lengths` ascend.
    pub fn new(lengths: &[usize], items: usize) -> Self {
        let counts = (0..lengths.len() * items).map(|_| AtomicU32::new(0)).collect();
        Self { lengths: lengths.to_vec(), items, counts }
    }

    /// Sees a list, best first. Items outside the corpus take a place and are not counted.
    pub fn see(&self, list: &[u32]) {
        let mut start = 0;
        for (number, &length) in self.lengths.iter().enumerate() {
            let end = length.min(list.len());
            let counts = &self.counts[number * self.items..(number + 1) * self.items];
            for &item in &list[start..end] {
                if let Some(count) = counts.get(item as usize) {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
            start = end;
        }
    }

    /// The figures at every length; `positives` are those of the training part, one an item.
    pub fn figures(&self, positives: &[u64]) -> BTreeMap<String, f64> {
        let (mut shown, mut figures) = (vec![0u64; self.items], BTreeMap::new());
        for (number, length) in self.lengths.iter().enumerate() {
            let more = &self.counts[number * self.items..(number + 1) * self.items];
            shown.iter_mut().zip(more).for_each(|(shown, more)| *shown += u64::from(more.load(Ordering::Relaxed)));
            figures.insert(format!("coverage@{length}"), coverage(&shown));
            figures.insert(format!("gini@{length}"), gini(&shown));
            figures.insert(format!("popularity@{length}"), mean(&shown, positives, |count| count as f64));
            figures.insert(format!("novelty@{length}"), novelty(&shown, positives));
        }
        figures
    }
}

/// Share of the corpus that was shown.
fn coverage(shown: &[u64]) -> f64 {
    shown.iter().filter(|&&times| times > 0).count() as f64 / shown.len().max(1) as f64
}

/// Gini coefficient of the times an item was shown, over all items of the corpus: 0 when all are shown equally often,
/// near 1 when few items have every place; 0 when nothing was shown.
fn gini(shown: &[u64]) -> f64 {
    let mut rising = shown.to_vec();
    rising.sort_unstable();
    let (items, total) = (rising.len() as f64, rising.iter().sum::<u64>() as f64);
    if total == 0.0 {
        return 0.0;
    }
    let weighted: f64 = rising.iter().zip(1..).map(|(&times, rank)| times as f64 * f64::from(rank)).sum();
    2.0 * weighted / (items * total) - (items + 1.0) / items
}

/// Mean of `value(positives)` over all shown places; 0 when nothing was shown.
fn mean(shown: &[u64], positives: &[u64], value: impl Fn(u64) -> f64) -> f64 {
    let total = shown.iter().sum::<u64>().max(1) as f64;
    shown.iter().zip(positives).map(|(&times, &positives)| times as f64 * value(positives)).sum::<f64>() / total
}

/// Mean self-information in bits (Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems",
/// PNAS 2010). One positive is added to each item, so that an item without any has a finite one.
fn novelty(shown: &[u64], positives: &[u64]) -> f64 {
    let total = (positives.iter().sum::<u64>() + positives.len() as u64) as f64;
    mean(shown, positives, |positives| -((positives + 1) as f64 / total).log2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_two_lists_are_those_of_pen_and_paper() {
        let impressions = Impressions::new(&[1, 3], 4);
        impressions.see(&[0, 1, 2, 3]);
        impressions.see(&[0, 2]);
        let figures = impressions.figures(&[6, 0, 1, 5]);
        let close = |name: &str, expected: f64| assert!((figures[name] - expected).abs() < 1e-12, "{name} {figures:?}");
        close("coverage@1", 0.25);
        close("coverage@3", 0.75);
        close("gini@1", 0.75);
        // Items were shown 0, 1, 2 and 2 times; half the mean absolute difference over the mean is 14/16 / 2 / (5/4).
        close("gini@3", 0.35);
        close("popularity@1", 6.0);
        close("popularity@3", (2.0 * 6.0 + 2.0 * 1.0) / 5.0);
        let bits = |positives: f64| -((positives + 1.0) / 16.0).log2();
        close("novelty@1", bits(6.0));
        close("novelty@3", (2.0 * bits(6.0) + bits(0.0) + 2.0 * bits(1.0)) / 5.0);
    }

    #[test]
    fn equal_shares_have_no_gini_and_no_list_has_no_figure_but_zero() {
        let impressions = Impressions::new(&[2], 4);
        assert!(impressions.figures(&[1, 1, 1, 1]).values().all(|&value| value == 0.0));
        impressions.see(&[0, 1]);
        impressions.see(&[2, 3]);
        impressions.see(&[u32::MAX]);
        let figures = impressions.figures(&[1, 1, 1, 1]);
        assert_eq!((figures["gini@2"], figures["coverage@2"], figures["novelty@2"]), (0.0, 1.0, 2.0));
    }
}
