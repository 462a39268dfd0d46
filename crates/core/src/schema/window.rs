//! A `[[features]]` entry of kind `window`, checked: a length of time, and what the history in it is reduced to.

use super::section::are_boundaries;
use super::{FeatureKind, FeatureSection, Normalise, NumberForm, Side, WhatName, WindowNumber, WindowRule};
use crate::check::Faults;

const MOST_VALUES: u32 = 100;

/// The kind with its settings; faults are recorded.
pub(super) fn checked(
    section: &FeatureSection,
    at: &impl Fn(&str) -> String,
    faults: &mut Faults,
) -> Option<FeatureKind> {
    if section.side != Side::User {
        faults.push(at("side"), "", "a window of the history belongs to the user", "side = \"user\"");
    }
    let seconds = seconds(section.window.as_deref().unwrap_or_default());
    if seconds.is_none() {
        let reason = "a window needs a length: a whole number above 0 and s, m, h or d";
        faults.push(at("window"), section.window.as_deref().unwrap_or_default(), reason, "window = \"30d\"");
    }
    let rule = match section.what {
        None => {
            let reason = "a window is reduced to count, distinct_count, age or top";
            faults.push(at("what"), "", reason, "what = \"count\"");
            None
        }
        Some(WhatName::Top) => top(section, at, faults),
        Some(what @ (WhatName::Count | WhatName::DistinctCount | WhatName::Age)) => number(section, what, at, faults),
    };
    Some(FeatureKind::Window { seconds: seconds?, rule: rule? })
}

/// `90m` as 5400.
fn seconds(text: &str) -> Option<u32> {
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let number: u32 = text[..text.len() - 1].parse().ok()?;
    number.checked_mul(seconds).filter(|&seconds| seconds > 0)
}

fn top(section: &FeatureSection, at: &impl Fn(&str) -> String, faults: &mut Faults) -> Option<WindowRule> {
    for (key, is_set) in [("normalise", section.normalise.is_some()), ("boundaries", section.boundaries.is_some())] {
        if is_set {
            faults.push(at(key), "", "`top` gives values, no number", format!("remove `{key}`"));
        }
    }
    let n = section.n.unwrap_or(3);
    if !(1..=MOST_VALUES).contains(&n) {
        faults.push(at("n"), n, format!("1 to {MOST_VALUES} values are kept"), "n = 3");
    }
    match section.of.as_deref() {
        Some([of]) => Some(WindowRule::Top { of: of.clone(), n }),
        found => {
            let reason = "`top` counts the values of one item feature";
            faults.push(at("of"), format!("{:?}", found.unwrap_or_default()), reason, "of = [\"category\"]");
            None
        }
    }
}

fn number(
    section: &FeatureSection,
    what: WhatName,
    at: &impl Fn(&str) -> String,
    faults: &mut Faults,
) -> Option<WindowRule> {
    if section.n.is_some() {
        faults.push(at("n"), "", "only `top` keeps several values", "remove `n`");
    }
    let of = section.of.as_deref().unwrap_or_default();
    let what = match (what, of) {
        (WhatName::Count, []) => WindowNumber::Count,
        (WhatName::Age, []) => WindowNumber::Age,
        (WhatName::DistinctCount, []) => WindowNumber::DistinctCount(None),
        (WhatName::DistinctCount, [of]) => WindowNumber::DistinctCount(Some(of.clone())),
        _ => {
            let reason = "`distinct_count` counts the values of one item feature, `count` and `age` those of none";
            faults.push(at("of"), format!("{of:?}"), reason, "remove `of`, or name one feature");
            return None;
        }
    };
    let form = match (&section.boundaries, section.normalise) {
        (Some(_), Some(_)) => {
            let reason = "a number is normalised or bucketised, not both";
            faults.push(at("boundaries"), "", reason, "remove `normalise` or `boundaries`");
            return None;
        }
        (Some(boundaries), None) => {
            are_boundaries(boundaries, at, faults).then(|| NumberForm::Bucketised(boundaries.clone()))?
        }
        (None, normalise) => NumberForm::Numeric(normalise.unwrap_or(Normalise::Log)),
    };
    Some(WindowRule::Number { what, form })
}
