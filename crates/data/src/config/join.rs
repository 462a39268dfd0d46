//! The checked form of `[input.join]`, and of lengths of time. It reads no row.

use super::{InputSection, TimeFormat, Unmatched};
use twinspire_core::check::Faults;

/// How positives find their impressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Column of the request.
    pub request: Option<String>,
    /// Longest time from an impression to its positive, in microseconds.
    pub horizon: i64,
    /// What becomes of a positive without an impression.
    pub unmatched: Unmatched,
}

impl Join {
    /// Checks the section; `None` without it, or after a fault.
    pub(super) fn check(input: &InputSection, faults: &mut Faults) -> Option<Self> {
        let section = input.join.as_ref()?;
        let horizon = micros(&section.horizon);
        let reason = "a whole number above 0 and s, m, h or d, such as 1h";
        faults.require(horizon.is_some(), "input.join.horizon", &section.horizon, reason);
        faults.require(
            input.event.is_some(),
            "input.join",
            "set",
            "needs `input.event`, which tells impressions apart",
        );
        let has_clock = input.time.as_ref().is_some_and(|time| time.format != TimeFormat::ORDER);
        faults.require(has_clock, "input.join", "set", "needs `input.time` that is not `order`");
        let named = input.user.is_some() || section.request.is_some();
        let reason = "without `input.user` a positive finds its impression by the request";
        faults.require(named, "input.join.request", "absent", reason);
        Some(Self { request: section.request.clone(), horizon: horizon?, unmatched: section.unmatched })
    }
}

/// Microseconds of a length such as `90m`.
pub(super) fn micros(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    i64::from(number).checked_mul(seconds * 1_000_000).filter(|&micros| micros > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_number_and_a_unit() {
        assert_eq!(micros("90m"), Some(5_400_000_000));
        assert_eq!(micros("1d"), Some(86_400_000_000));
        for wrong in ["", "h", "0s", "1", "-1h", "1.5h", "1w", "1é"] {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }
}
