//! The learning rate of an epoch.

use crate::config::TrainSection;

/// `learning_rate · decay_rate^(epoch / decay_epochs)`; `epoch` counts from 0.
pub(crate) fn learning_rate(section: &TrainSection, epoch: u32) -> f64 {
    section.learning_rate * section.decay_rate.powf(f64::from(epoch) / section.decay_epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_by_the_factor_every_decay_epochs() {
        let section =
            TrainSection { learning_rate: 0.8, decay_rate: 0.25, decay_epochs: 2.0, ..TrainSection::default() };
        let rates: Vec<f64> = (0..5).map(|epoch| learning_rate(&section, epoch)).collect();
        for (rate, expected) in rates.iter().zip([0.8, 0.4, 0.2, 0.1, 0.05]) {
            assert!((rate - expected).abs() < 1e-12, "{rates:?}");
        }
        let constant = TrainSection { learning_rate: 0.5, ..TrainSection::default() };
        assert_eq!(learning_rate(&constant, 40), 0.5);
    }
}
