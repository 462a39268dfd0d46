//! Every item of the corpus is equally likely.

use super::{Draw, NegativeSampler};
use twinspire_core::rng::Rng;

/// Draws uniformly from the corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uniform {
    /// Items of the corpus; above 0.
    pub corpus: u32,
}

impl NegativeSampler for Uniform {
    fn draw(&self, rng: &mut Rng) -> Draw {
        Draw { item: rng.below(self.corpus), weight: 1.0 }
    }

    fn probability(&self, _item: u32) -> f64 {
        1.0 / f64::from(self.corpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_keeps_the_contract() {
        for corpus in [2, 50] {
            crate::negative::check_contract(&Uniform { corpus }, corpus);
        }
        let mut rng = Rng::stream(1, "test", 0);
        assert_eq!(Uniform { corpus: 1 }.draw(&mut rng), Draw { item: 0, weight: 1.0 });
    }
}
