//! Segments: figures for a part of the items or of the queries, so that a mean over all does not hide who pays for it.
//!
//! In: training positives of each item; the length of the history of each query. Out: the segment of each. The rules
//! depend on the data only, so two models on the same samples are compared within the same segments.

use serde::{Deserialize, Serialize};

/// Share of the training positives that the head gathers.
const HEAD_SHARE: f64 = 0.5;
/// Share that head and torso gather together.
const TORSO_SHARE: f64 = 0.9;

/// How popular an item was in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemSegment {
    /// The most popular items that together have the first half of the training positives.
    Head,
    /// The next ones, up to nine tenths of the positives.
    Torso,
    /// All others with a positive.
    Tail,
    /// Items without a positive.
    Cold,
}

impl ItemSegment {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Head, Self::Torso, Self::Tail, Self::Cold];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Torso => "torso",
            Self::Tail => "tail",
            Self::Cold => "cold",
        }
    }

    /// The segment of every item; `counts` are the training positives, one an item. An item belongs where the positives
    /// of all items that are strictly more popular end, so items of one count are in one segment.
    pub fn of_items(counts: &[u64]) -> Vec<Self> {
        let total = counts.iter().sum::<u64>() as f64;
        let mut falling = counts.to_vec();
        falling.sort_unstable_by(|left, right| right.cmp(left));
        let (mut before, mut head, mut torso) = (0, u64::MAX, u64::MAX);
        for equal in falling.chunk_by(|left, right| left == right) {
            let share = before as f64 / total;
            head = if share < HEAD_SHARE { equal[0] } else { head };
            torso = if share < TORSO_SHARE { equal[0] } else { torso };
            before += equal.iter().sum::<u64>();
        }
        let segment = |&count: &u64| match count {
            0 => Self::Cold,
            count if count >= head => Self::Head,
            count if count >= torso => Self::Torso,
            _ => Self::Tail,
        };
        counts.iter().map(segment).collect()
    }
}

/// How much is known of the user of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserSegment {
    /// No history; also every query of nobody in particular.
    New,
    /// A history no longer than the median of all histories that are not empty.
    Light,
    /// A longer one.
    Heavy,
}

impl UserSegment {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::New, Self::Light, Self::Heavy];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Light => "light",
            Self::Heavy => "heavy",
        }
    }

    /// The segment of every query; `lengths` are those of the histories as of the queries.
    pub fn of_queries(lengths: &[usize]) -> Vec<Self> {
        let mut known: Vec<usize> = lengths.iter().copied().filter(|&length| length > 0).collect();
        known.sort_unstable();
        // The lower of the two middle ones, where there are two.
        let median = known.get(known.len().saturating_sub(1) / 2).copied().unwrap_or(0);
        let segment = |&length: &usize| match length {
            0 => Self::New,
            length if length <= median => Self::Light,
            _ => Self::Heavy,
        };
        lengths.iter().map(segment).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ItemSegment::{Cold, Head, Tail, Torso};
    use UserSegment::{Heavy, Light, New};

    #[test]
    fn items_are_cut_at_half_and_nine_tenths_of_the_positives() {
        let counts = [0, 40, 5, 30, 3, 20, 2, 0];
        assert_eq!(ItemSegment::of_items(&counts), [Cold, Head, Tail, Head, Tail, Torso, Tail, Cold]);
    }

    #[test]
    fn items_of_one_count_are_in_one_segment() {
        assert_eq!(ItemSegment::of_items(&[3; 5]), [Head; 5]);
        assert_eq!(ItemSegment::of_items(&[10, 1, 1, 1, 1]), [Head, Torso, Torso, Torso, Torso]);
        assert_eq!(ItemSegment::of_items(&[0, 0]), [Cold; 2]);
        assert_eq!(ItemSegment::of_items(&[]), []);
    }

    #[test]
    fn segments_follow_the_items_wherever_they_stand() {
        let counts: Vec<u64> = (0..200).map(|item| (item * 7919 % 101) * (item % 3)).collect();
        let segments = ItemSegment::of_items(&counts);
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&item| std::cmp::Reverse(counts[item]));
        assert!(order.windows(2).all(|pair| segments[pair[0]] <= segments[pair[1]]), "more popular, earlier segment");
        let total: u64 = counts.iter().sum();
        let of = |wanted| (0..200).filter(|&item| segments[item] == wanted).map(|item| counts[item]).sum::<u64>();
        assert!(2 * of(Head) >= total && 10 * (of(Head) + of(Torso)) >= 9 * total && of(Cold) == 0);
    }

    #[test]
    fn users_are_cut_at_the_median_of_those_who_have_a_history() {
        assert_eq!(UserSegment::of_queries(&[0, 1, 2, 3, 4, 0]), [New, Light, Light, Heavy, Heavy, New]);
        assert_eq!(UserSegment::of_queries(&[7, 7, 7]), [Light; 3]);
        assert_eq!(UserSegment::of_queries(&[0, 0]), [New; 2]);
    }
}
