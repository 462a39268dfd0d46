//! The values of a trial, drawn from the ranges. In: ranges, the seed, which keys are integers. Out: trials that differ.

use super::TuneSettings;
use crate::config::RangeSection;
use serde_json::Value;
use std::collections::BTreeSet;
use twinspire_core::rng::Rng;

/// Draws for each trial that is wanted, before fewer are taken: ranges of few values have few combinations.
const DRAWS_PER_TRIAL: u64 = 64;

/// Settings that are tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Its number; 0 is the config as it stands.
    pub number: usize,
    /// Keys and their values, in the order of the ranges; none for the config as it stands.
    pub values: Vec<(String, Value)>,
}

impl TuneSettings {
    /// The trials: the config as it stands, then draws that differ from each other, as many as are wanted or as there are.
    /// What is drawn for a key does not depend on the other ranges. `is_whole` says which keys are integers.
    pub fn trials(&self, is_whole: impl Fn(&str) -> bool) -> Vec<Trial> {
        let section = self.section();
        let wanted = section.trials as usize;
        let mut trials = vec![Trial { number: 0, values: Vec::new() }];
        let mut seen = BTreeSet::new();
        for draw in 0..DRAWS_PER_TRIAL * u64::from(section.trials) {
            if trials.len() == wanted {
                break;
            }
            let value = |range: &RangeSection| {
                let mut rng = Rng::stream(section.seed, &format!("tune {}", range.key()), draw);
                (range.key().to_owned(), range.draw(&mut rng, is_whole(range.key())))
            };
            let values: Vec<(String, Value)> = section.ranges.iter().map(value).collect();
            if seen.insert(serde_json::json!(values).to_string()) {
                trials.push(Trial { number: trials.len(), values });
            }
        }
        trials
    }
}

impl RangeSection {
    fn draw(&self, rng: &mut Rng, whole: bool) -> Value {
        match self {
            Self::List { values, .. } => values[rng.below(values.len() as u32) as usize].clone(),
            Self::Linear { from, to, .. } if whole => {
                as_whole(rng.uniform(from.ceil() - 0.5, to.floor() + 0.5), (*from, *to))
            }
            Self::Linear { from, to, .. } => as_shown(rng.uniform(*from, *to), (*from, *to)),
            Self::Log { from, to, .. } if whole => {
                let (low, high) = ((from.ceil() - 0.5).max(0.5).ln(), (to.floor() + 0.5).ln());
                as_whole(rng.uniform(low, high).exp(), (*from, *to))
            }
            Self::Log { from, to, .. } => as_shown(rng.uniform(from.ln(), to.ln()).exp(), (*from, *to)),
        }
    }
}

fn as_whole(value: f64, (from, to): (f64, f64)) -> Value {
    Value::from(value.round().max(from.ceil()).min(to.floor()) as i64)
}

/// With four digits, so that what is printed is what was tried.
fn as_shown(value: f64, (from, to): (f64, f64)) -> Value {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    Value::from(rounded.clamp(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TuneSection;
    use twinspire_core::check::Faults;

    fn settings(trials: u32, ranges: &str) -> TuneSettings {
        let ranges = serde_json::from_str(ranges).unwrap();
        let section = TuneSection { trials, steps: 1_000_000, ranges, ..TuneSection::default() };
        TuneSettings::check(&section, &mut Faults::default()).unwrap()
    }

    const RATE: &str = r#"{"kind": "log", "key": "train.learning_rate", "from": 1e-4, "to": 1e-1}"#;
    const WIDTH: &str = r#"{"kind": "linear", "key": "model.output_dimension", "from": 2, "to": 5}"#;

    #[test]
    fn draws_lie_in_their_ranges_repeat_and_do_not_depend_on_other_ranges() {
        let is_whole = |key: &str| key == "model.output_dimension";
        let trials = settings(500, &format!("[{RATE}, {WIDTH}]")).trials(is_whole);
        assert_eq!((trials.len(), &trials[0].values), (500, &Vec::new()));
        let rates: Vec<f64> = trials[1..].iter().map(|trial| trial.values[0].1.as_f64().unwrap()).collect();
        assert!(rates.iter().all(|rate| (1e-4..=1e-1).contains(rate)), "{rates:?}");
        let low = rates.iter().filter(|&&rate| rate < 10f64.powf(-2.5)).count();
        assert!((200..300).contains(&low), "half of them lie below the middle of the logarithms: {low}");
        assert!(rates.iter().all(|rate| format!("{rate:e}").len() <= "1.234e-4".len()), "{rates:?}");
        for width in 2..=5 {
            let count = trials[1..].iter().filter(|trial| trial.values[1].1 == width).count();
            assert!((90..160).contains(&count), "{width}: {count} of 499");
        }
        let alone = settings(500, &format!("[{RATE}]")).trials(is_whole);
        assert!(alone[1..50].iter().zip(&trials[1..]).all(|(one, other)| one.values[0] == other.values[0]));
    }

    #[test]
    fn few_combinations_are_each_tried_once() {
        let lists = r#"[{"kind": "list", "key": "a", "values": [1, 2, [3, 4]]}, {"kind": "list", "key": "b", "values": ["x", true]}]"#;
        let trials = settings(50, lists).trials(|_| false);
        assert_eq!(trials.len(), 1 + 6);
        let wide = r#"[{"kind": "log", "key": "a", "from": 1, "to": 8}]"#;
        let mut found: Vec<i64> =
            settings(50, wide).trials(|_| true)[1..].iter().map(|trial| trial.values[0].1.as_i64().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, (1..=8).collect::<Vec<_>>());
    }
}
