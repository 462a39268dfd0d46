//! Which settings are tried, and how long.
//!
//! In: checked `[tune]`. Out: [`Trial`]s, whose values are drawn by the seed, and the rungs of successive halving with the
//! choice of who goes on ([`halve`]). It trains nothing: [`crate::train::train_to`] does.

mod draw;
mod halving;

pub use draw::Trial;
pub use halving::{Rung, halve};

use crate::config::{RangeSection, TuneSection};
use twinspire_core::check::Faults;

/// Checked `[tune]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneSettings(TuneSection);

impl TuneSettings {
    /// Checks the section; all faults are pushed, `None` when there was one. Whether the keys of ranges are keys of the config
    /// is not known here.
    pub fn check(section: &TuneSection, faults: &mut Faults) -> Option<Self> {
        let mut own = Faults::default();
        let TuneSection { trials, steps, reduction, ranges, .. } = section;
        own.require((2..=10_000).contains(trials), "tune.trials", trials, "2 to 10000");
        let reduces = (2..=100).contains(reduction);
        own.require(reduces, "tune.reduction", reduction, "2 to 100");
        let last = halving::last_rung(*trials as usize, *reduction);
        let least = u64::from(*reduction).saturating_pow(last);
        own.require(
            !reduces || *steps >= least,
            "tune.steps",
            steps,
            &format!("{least} or more, one in the first rung"),
        );
        own.require(!ranges.is_empty(), "tune.ranges", "none", "at least one entry: there is nothing to try");
        for (number, range) in ranges.iter().enumerate() {
            check_range(range, &format!("tune.ranges[{number}]"), &mut own);
            let is_first = ranges[..number].iter().all(|other| other.key() != range.key());
            own.require(is_first, &format!("tune.ranges[{number}].key"), range.key(), "one entry for each key");
        }
        let sound = own.is_empty();
        own.into_vec().into_iter().for_each(|fault| faults.push(fault.key, fault.value, fault.reason, fault.hint));
        sound.then(|| Self(section.clone()))
    }

    /// The section.
    pub fn section(&self) -> &TuneSection {
        &self.0
    }
}

fn check_range(range: &RangeSection, key: &str, faults: &mut Faults) {
    match range {
        RangeSection::List { values, .. } => {
            faults.require(!values.is_empty(), &format!("{key}.values"), "none", "at least one value");
        }
        RangeSection::Linear { from, to, .. } => {
            faults.require(from.is_finite() && to.is_finite() && from < to, &format!("{key}.to"), to, "above `from`");
        }
        RangeSection::Log { from, to, .. } => {
            faults.require(from.is_finite() && *from > 0.0, &format!("{key}.from"), from, "a finite number above 0");
            faults.require(to.is_finite() && from < to, &format!("{key}.to"), to, "above `from`");
        }
    }
}
