//! The learning rate of a step, and what becomes of epochs that do not get better.
//!
//! Cosine: Loshchilov, Hutter: "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017, without restarts.

use crate::config::{ScheduleSection, TrainSection};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Where a run is, as a schedule sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Epochs that are over.
    pub(crate) epoch: u32,
    /// Steps that are done.
    pub(crate) step: u64,
    /// Steps of the whole run.
    pub(crate) steps: u64,
    /// What `plateau` has made of the learning rate so far, as a factor.
    pub(crate) reduced: f64,
}

/// The learning rate of the next step.
pub(crate) fn learning_rate(section: &TrainSection, moment: Moment) -> f64 {
    let fallen = match &section.schedule {
        ScheduleSection::Constant {} => 1.0,
        ScheduleSection::Exponential { rate, epochs } => rate.powf(f64::from(moment.epoch) / epochs),
        ScheduleSection::Cosine { floor } => {
            let way = moment.step as f64 / moment.steps.max(1) as f64;
            floor + (1.0 - floor) * (1.0 + (PI * way).cos()) / 2.0
        }
        ScheduleSection::Plateau { .. } => moment.reduced,
    };
    let risen = (moment.step + 1) as f64 / section.warm_up_steps.max(1) as f64;
    section.learning_rate * fallen * risen.min(1.0)
}

/// How long epochs have not got better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Patience {
    best: Option<f64>,
    /// Epochs since the best one.
    worse: u32,
}

impl Patience {
    /// Hears of another epoch, higher being better; returns how many have not been better since one was.
    pub(crate) fn hear(&mut self, rank: f64, min_delta: f64) -> u32 {
        if self.best.is_none_or(|best| rank > best + min_delta) {
            *self = Self { best: Some(rank), worse: 0 };
        } else {
            self.worse += 1;
        }
        self.worse
    }

    /// Counts from here again; what is best stays.
    pub(crate) fn restart(&mut self) {
        self.worse = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Reference {
        rate: f64,
        exponential: Vec<f64>,
        cosine: Vec<f64>,
        warm_up: Vec<f64>,
        metrics: Vec<f64>,
        plateau: Vec<f64>,
    }

    fn reference() -> Reference {
        serde_json::from_str(include_str!("../../../fixtures/model/optimizers.json")).unwrap()
    }

    fn assert_close(found: impl Iterator<Item = f64>, expected: &[f64]) {
        let found: Vec<f64> = found.collect();
        let far = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > 1e-12);
        assert!(!far && found.len() == expected.len(), "{found:?}, expected {expected:?}");
    }

    #[test]
    fn rates_of_steps_and_epochs_are_those_of_pytorch() {
        let reference = reference();
        let section = |schedule| TrainSection { learning_rate: reference.rate, schedule, ..TrainSection::default() };
        let at = |epoch, step| Moment { epoch, step, steps: 12, reduced: 1.0 };
        let exponential = section(ScheduleSection::Exponential { rate: 0.7f64.powi(2), epochs: 2.0 });
        assert_close((0..6).map(|epoch| learning_rate(&exponential, at(epoch, 9))), &reference.exponential);
        let cosine = section(ScheduleSection::Cosine { floor: 0.1 });
        assert_close((0..12).map(|step| learning_rate(&cosine, at(0, step))), &reference.cosine);
        let warm_up = TrainSection { warm_up_steps: 5, ..section(ScheduleSection::Constant {}) };
        assert_close((0..8).map(|step| learning_rate(&warm_up, at(0, step))), &reference.warm_up);
    }

    #[test]
    fn a_plateau_lets_the_rate_fall_when_pytorch_does() {
        let (reference, mut waiting, mut reduced) = (reference(), Patience::default(), 1.0);
        let mut rates = vec![reference.rate];
        for &metric in &reference.metrics {
            if waiting.hear(metric, 0.01) > 1 {
                waiting.restart();
                reduced *= 0.5;
            }
            rates.push(reference.rate * reduced);
        }
        assert_close(rates.into_iter(), &reference.plateau);
    }
}
