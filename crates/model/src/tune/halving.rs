//! Successive halving: all trials begin, the best of each rung go on with more steps.
//!
//! Jamieson, Talwalkar: "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016; the sizes of
//! rungs are those of the inner loop of Hyperband (Li et al., JMLR 2018): after rung `i`, `n / reduction^i` trials are left
//! with `steps / reduction^(last - i)` steps each.

use super::TuneSettings;
use serde::Serialize;

/// One round of judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// Steps since the start that its trials have made when they are judged.
    pub steps: u64,
    /// How many trials reach it, if none ends before.
    pub trials: usize,
}

/// Number of the last rung, from 0: the one that a single trial reaches, or fewer than `reduction`.
pub(super) fn last_rung(trials: usize, reduction: u32) -> u32 {
    trials.checked_ilog(reduction.max(2) as usize).unwrap_or(0)
}

impl TuneSettings {
    /// The rungs of so many trials, first to last.
    pub fn rungs(&self, trials: usize) -> Vec<Rung> {
        let section = self.section();
        let last = last_rung(trials, section.reduction);
        let by = |power: u32| u64::from(section.reduction).pow(power);
        let rung = |number| Rung {
            steps: (section.steps / by(last - number)).max(1),
            trials: (trials as u64 / by(number)) as usize,
        };
        (0..=last).map(rung).collect()
    }
}

/// Runs the rungs. `judge(trial, rung)` takes a trial to the steps of a rung and gives its figure, higher being better;
/// `None` where it ended without one, and it does not go on then. `retire` hears of each trial that does not go on.
/// Equal figures rank by number.
///
/// # Errors
/// Those of `judge` and `retire`.
pub fn halve<E>(
    rungs: &[Rung],
    mut judge: impl FnMut(usize, &Rung) -> Result<Option<f64>, E>,
    mut retire: impl FnMut(usize) -> Result<(), E>,
) -> Result<(), E> {
    let mut running: Vec<usize> = (0..rungs.first().map_or(0, |rung| rung.trials)).collect();
    for (number, rung) in rungs.iter().enumerate() {
        let mut judged = Vec::with_capacity(running.len());
        for &trial in &running {
            judged.push((trial, judge(trial, rung)?));
        }
        // A stable sort: those without a figure come last.
        judged.sort_by(|(_, left), (_, right)| rank(*right).total_cmp(&rank(*left)));
        let next = rungs.get(number + 1).map_or(0, |rung| rung.trials);
        let (on, out): (Vec<_>, Vec<_>) =
            judged.into_iter().enumerate().partition(|(place, (_, figure))| *place < next && figure.is_some());
        for (_, (trial, _)) in out {
            retire(trial)?;
        }
        running = on.into_iter().map(|(_, (trial, _))| trial).collect();
        running.sort_unstable();
    }
    Ok(())
}

fn rank(figure: Option<f64>) -> f64 {
    figure.unwrap_or(f64::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{RangeSection, TuneSection};
    use twinspire_core::check::Faults;

    fn settings(trials: u32, steps: u64, reduction: u32) -> Option<TuneSettings> {
        let ranges = vec![RangeSection::Linear { key: "train.learning_rate".into(), from: 0.1, to: 0.2 }];
        let section = TuneSection { trials, steps, reduction, ranges, ..TuneSection::default() };
        TuneSettings::check(&section, &mut Faults::default())
    }

    #[test]
    fn rungs_are_those_of_the_inner_loop_of_hyperband() {
        // The first bracket of table 1 of the paper: R = 81, reduction 3.
        let rungs = settings(81, 81, 3).unwrap().rungs(81);
        let found: Vec<(usize, u64)> = rungs.iter().map(|rung| (rung.trials, rung.steps)).collect();
        assert_eq!(found, [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]);
        let rungs = settings(10, 1000, 4).unwrap().rungs(10);
        assert_eq!(rungs, [Rung { steps: 250, trials: 10 }, Rung { steps: 1000, trials: 2 }]);
        assert!(settings(81, 80, 3).is_none(), "the first rung would have no step");
    }

    #[test]
    fn the_best_go_on_ties_rank_by_number_and_the_ended_never_do() {
        let rungs = settings(9, 90, 3).unwrap().rungs(9);
        let (mut judged, mut retired) = (Vec::new(), Vec::new());
        // The later the better, but 7 and 8 end without a figure, and 3 and 4 are equal.
        let figure = |trial: usize| match trial {
            7 | 8 => None,
            3 | 4 => Some(3.0),
            other => Some(other as f64),
        };
        let judge = |trial: usize, rung: &Rung| {
            judged.push((rung.steps, trial));
            Ok::<_, ()>(figure(trial))
        };
        halve(&rungs, judge, |trial| {
            retired.push(trial);
            Ok(())
        })
        .unwrap();
        let at = |steps| judged.iter().filter(|(of, _)| *of == steps).map(|(_, trial)| *trial).collect::<Vec<_>>();
        assert_eq!((at(10), at(30), at(90)), ((0..9).collect(), vec![3, 5, 6], vec![6]));
        retired.sort_unstable();
        assert_eq!(retired, (0..9).collect::<Vec<_>>());
    }
}
