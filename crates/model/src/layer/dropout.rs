//! Dropout (Srivastava et al.: "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 2014) without a
//! stored mask: whether a number is dropped follows from its place and a key, so that the backward pass finds the same.

use crate::kernel::for_every_level;

/// Which numbers are replaced by 0; the others are divided by their share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Dropout {
    /// A number whose hash is below is dropped; 0 drops nothing.
    threshold: u32,
    key: u32,
}

impl Dropout {
    /// Drops a share of `rate`, from 0 to below 1.
    pub(crate) fn new(rate: f64, key: u32) -> Self {
        Self { threshold: (rate * f64::from(u32::MAX)) as u32, key }
    }

    /// Independent of all others with another number.
    pub(crate) fn at(self, number: usize) -> Self {
        Self { key: mixed(self.key ^ mixed(number as u32 + 1)), ..self }
    }

    /// Does it drop anything?
    pub(crate) fn drops(self) -> bool {
        self.threshold > 0
    }

    /// Drops from `values`, the first of which has the place `first`.
    pub(crate) fn apply(self, values: &mut [f32], first: usize) {
        if self.drops() {
            let kept = 1.0 - f64::from(self.threshold) / f64::from(u32::MAX);
            drop_hashed(values, first as u32, self.threshold, self.key, (1.0 / kept) as f32);
        }
    }
}

/// A bijection of 32 bits in which every bit of the result depends on every bit of the number (C. Wellons: "Prospecting
/// for Hash Functions", 2018).
#[inline(always)]
fn mixed(number: u32) -> u32 {
    let folded = (number ^ (number >> 16)).wrapping_mul(0x7feb_352d);
    let folded = (folded ^ (folded >> 15)).wrapping_mul(0x846c_a68b);
    folded ^ (folded >> 16)
}

for_every_level! {
    pub(crate) fn drop_hashed(values: &mut [f32], first: u32, threshold: u32, key: u32, factor: f32) {
        for (place, value) in (first..=u32::MAX).zip(values) {
            let hash = mixed(place.wrapping_mul(0x9e37_79b9) ^ key);
            *value = if hash < threshold { 0.0 } else { *value * factor };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(dropout: Dropout, count: usize, first: usize) -> Vec<f32> {
        let mut values = vec![1.0; count];
        dropout.apply(&mut values, first);
        values
    }

    #[test]
    fn the_share_is_dropped_and_the_mean_is_kept() {
        for rate in [0.0, 0.1, 0.5, 0.9] {
            let values = dropped(Dropout::new(rate, 7).at(3), 100_000, 0);
            let zeros = values.iter().filter(|value| **value == 0.0).count() as f64 / 1e5;
            let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / 1e5;
            assert!((zeros - rate).abs() < 0.01 && (mean - 1.0).abs() < 0.05, "{rate}: {zeros} dropped, mean {mean}");
        }
    }

    #[test]
    fn a_place_is_dropped_in_any_slice_and_sites_are_independent() {
        let site = Dropout::new(0.5, 1).at(0);
        assert_eq!(dropped(site, 500, 0)[123..], dropped(site, 377, 123)[..]);
        for other in [Dropout::new(0.5, 2).at(0), Dropout::new(0.5, 1).at(1)] {
            let pairs = dropped(site, 10_000, 0).into_iter().zip(dropped(other, 10_000, 0));
            let equal = pairs.filter(|(a, b)| a == b).count();
            assert!((4_700..5_300).contains(&equal), "{equal} of 10000 agree");
        }
    }
}
