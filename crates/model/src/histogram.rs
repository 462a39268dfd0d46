//! How the numbers of a tensor are spread.
//!
//! In: a tensor in pieces. Out: [`Histogram`], buckets of equal width from the least number to the largest. What is not a
//! finite number is not counted. A very large tensor is looked at in part: the cost of a look is bounded.

/// Buckets of a histogram.
const BUCKETS: usize = 64;

/// Most numbers of a tensor that are counted; of more, every second, third, … one is.
const MOST_NUMBERS: usize = 1 << 20;

/// Buckets and sums over the numbers of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Numbers that were counted.
    pub(crate) count: f64,
    pub(crate) sum: f64,
    pub(crate) squares: f64,
    /// Upper ends of the buckets, ascending; the last one is `max`.
    pub(crate) limits: Vec<f64>,
    /// Numbers of each bucket.
    pub(crate) counts: Vec<f64>,
}

impl Histogram {
    /// Counts the numbers of all pieces, each times `scale`; `None` where no number is finite.
    pub(crate) fn of(pieces: &[&[f32]], scale: f64) -> Option<Self> {
        let numbers: usize = pieces.iter().map(|piece| piece.len()).sum();
        let every = numbers.div_ceil(MOST_NUMBERS).max(1);
        let scaled = || {
            let finite = pieces.iter().copied().flatten().step_by(every).filter(|number| number.is_finite());
            finite.map(move |number| f64::from(*number) * scale)
        };
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for number in scaled() {
            (min, max) = (f64::min(min, number), f64::max(max, number));
            (count, sum, squares) = (count + 1.0, sum + number, squares + number * number);
        }
        if count == 0.0 {
            return None;
        }
        let width = (max - min) / BUCKETS as f64;
        let buckets = if width > 0.0 { BUCKETS } else { 1 };
        let mut counts = vec![0.0; buckets];
        for number in scaled() {
            // The division of 0 by 0 casts to 0, where all numbers are equal.
            counts[(((number - min) / width) as usize).min(buckets - 1)] += 1.0;
        }
        let limit = |bucket: usize| if bucket + 1 == buckets { max } else { min + width * (bucket + 1) as f64 };
        Some(Self { min, max, count, sum, squares, limits: (0..buckets).map(limit).collect(), counts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fall_into_buckets_of_equal_width() {
        let numbers: Vec<f32> = (0..=128).map(|number| number as f32 - 64.0).collect();
        let found = Histogram::of(&[&numbers[..50], &numbers[50..], &[f32::NAN, f32::INFINITY]], 0.5).unwrap();
        assert_eq!((found.min, found.max, found.count, found.sum), (-32.0, 32.0, 129.0, 0.0));
        assert_eq!(found.squares, numbers.iter().map(|number| f64::from(number * number) / 4.0).sum::<f64>());
        assert_eq!((found.limits.len(), found.limits[0], found.limits[63]), (64, -31.0, 32.0));
        // The largest number belongs to the last bucket, which has three then.
        assert!(found.counts[..63].iter().all(|&count| count == 2.0) && found.counts[63] == 3.0);
    }

    #[test]
    fn equal_numbers_share_one_bucket_and_nothing_has_none() {
        let found = Histogram::of(&[&[0.25; 7]], 2.0).unwrap();
        assert_eq!((found.limits, found.counts, found.sum), (vec![0.5], vec![7.0], 3.5));
        assert_eq!(Histogram::of(&[&[], &[f32::NAN]], 1.0), None);
    }

    #[test]
    fn of_a_very_large_tensor_a_part_is_counted() {
        let numbers = vec![1.0; MOST_NUMBERS * 2 + 1];
        let found = Histogram::of(&[&numbers], 1.0).unwrap();
        assert_eq!(found.count, (MOST_NUMBERS * 2 + 1).div_ceil(3) as f64);
    }
}
