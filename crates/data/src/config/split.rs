//! Checks of `[samples.split]`, together with the input that it divides. In: sections as they are written. Out: faults.

use super::checks::check_plain_path;
use super::{InputSection, Split, TimeFormat};
use twinspire_core::check::Faults;

/// Whether the input has what a way to divide rows needs, and whether its own values are sound.
pub(super) fn check_split(input: &InputSection, split: &Split, faults: &mut Faults) {
    let format = input.time.as_ref().map(|time| time.format.as_str());
    let dated = input.path.contains("{date}");
    match split {
        Split::ByDate { validation_days, test_days } => {
            let has_days = format.map_or(dated, |format| format != TimeFormat::ORDER);
            faults.require(
                has_days,
                "samples.split.kind",
                "by_date",
                "needs a time that is not `order`, or no time and `{date}` in `input.path`",
            );
            let held_out = validation_days.saturating_add(*test_days);
            let reason = "validation_days + test_days must leave a day to train on";
            let days = input.days.unwrap_or(u32::MAX);
            faults.require(held_out < days, "samples.split.validation_days", held_out, reason);
        }
        Split::LeaveLastOneOut { .. } => {
            let reason = "needs `input.user` and a time (`format = \"order\"` is enough)";
            let ordered = input.user.is_some() && (dated || format.is_some());
            faults.require(ordered, "samples.split.kind", "leave_last_one_out", reason);
        }
        Split::ByColumn { column, validation, test } => {
            faults.require(!column.is_empty(), "samples.split.column", "", "a column name is needed");
            let disjoint = validation.iter().all(|value| !test.contains(value));
            let sound = disjoint && !(validation.is_empty() && test.is_empty());
            let values = format!("{validation:?} {test:?}");
            faults.require(
                sound,
                "samples.split.test",
                values,
                "name values for validation or test, none of them twice",
            );
        }
        Split::Given { test, validation_share } => {
            check_plain_path(test, "samples.split.test", faults);
            let named = input.time.is_some() || !dated;
            faults.require(
                named,
                "samples.split.kind",
                "given",
                "with `{date}` in `input.path` it needs `input.time`: the test file has no day",
            );
            let share = *validation_share;
            faults.require(
                (0.0..1.0).contains(&share),
                "samples.split.validation_share",
                share,
                "from 0.0 to below 1.0",
            );
        }
    }
}
