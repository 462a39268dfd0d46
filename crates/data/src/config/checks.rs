//! Checks of the sections that look at more than one key. In: sections as they are written. Out: faults. What concerns
//! columns and lists of values is in `form`, `[clean]` in `cleaning`, the parts in `split`.

use super::attributes::check_attributes;
use super::form::check_columns;
use super::{CleanSection, DownSample, InputSection, TimeFormat};
use std::collections::BTreeSet;
use std::path::Path;
use twinspire_core::check::Faults;
use twinspire_core::partition::PathPattern;
use twinspire_core::schema::{FeatureKind, FeatureSchema};

fn all_unique(names: &[String]) -> bool {
    names.iter().collect::<BTreeSet<_>>().len() == names.len()
}

/// What `[input]` says of its own files.
pub(super) fn check_input(input: &InputSection, faults: &mut Faults) {
    faults.require(!input.path.is_empty(), "input.path", "", "a path or a pattern is needed");
    faults.require(!input.item.is_empty(), "input.item", "", "a column name is needed");
    faults.require(input.days != Some(0), "input.days", 0, "1 or more, or leave it out");
    if let Some(delimiter) = input.delimiter {
        let is_plain = delimiter.is_ascii() && !matches!(delimiter, '"' | '\n' | '\r' | '\0');
        faults.require(is_plain, "input.delimiter", delimiter, "one ASCII character, no quote, no line end");
    }
    let ratio = input.max_reject_ratio;
    faults.require((0.0..=1.0).contains(&ratio), "input.max_reject_ratio", ratio, "a share from 0.0 to 1.0");
    check_columns(input, faults);
    if let Some(path) = &input.corrections {
        check_plain_path(path, "input.corrections", faults);
    }
    if let Some(user) = &input.user {
        let names = user.names();
        let sound = !names.is_empty() && names.iter().all(|name| !name.is_empty()) && all_unique(&names);
        faults.require(sound, "input.user", format!("{names:?}"), "one column name, or several different ones");
    }
    if input.path.contains("{date}") {
        let once = input.path.matches("{date}").count() == 1;
        faults.require(once, "input.path", &input.path, "`{date}` may stand in it once");
        let names_days = PathPattern::new(Path::new(""), "{date}", &input.date_format).is_ok();
        let reason = "a strftime pattern that names a whole day, such as %Y-%m-%d";
        faults.require(names_days, "input.date_format", &input.date_format, reason);
    }
}

/// Without users the rows of a request meet in one bucket, so all that looks at requests must mean the same column.
pub(super) fn check_requests(input: &InputSection, clean: &CleanSection, faults: &mut Faults) {
    let joined = input.join.as_ref().and_then(|join| join.request.as_ref());
    if let (None, Some(joined), Some(page)) = (&input.user, joined, &clean.skip_above) {
        let reason = "without `input.user` it must be the column of `input.join.request`";
        faults.require(*joined == page.request, "clean.skip_above.request", &page.request, reason);
    }
}

/// The bounds of the rule against popular positives.
pub(super) fn check_down_sample(rule: DownSample, faults: &mut Faults) {
    match rule {
        DownSample::None {} => {}
        DownSample::Word2vec { threshold } => {
            let sound = threshold > 0.0 && threshold < 1.0;
            faults.require(sound, "samples.down_sample.threshold", threshold, "above 0.0, below 1.0");
        }
        DownSample::Cap { at_most } => {
            faults.require(at_most > 0, "samples.down_sample.at_most", at_most, "1 or more");
        }
    }
}

/// What needs `input.user`, where it is not set.
pub(super) fn check_nobody(clean: &CleanSection, features: &FeatureSchema, faults: &mut Faults) {
    let reason = "without `input.user` nobody knows whose rows are equal";
    faults.require(clean.drop_duplicates.is_none(), "clean.drop_duplicates", "set", reason);
    for (number, feature) in features.features().iter().enumerate() {
        let kind = match feature.kind {
            FeatureKind::History { .. } => "history",
            FeatureKind::Window { .. } => "window",
            FeatureKind::Hash { .. }
            | FeatureKind::Vocabulary { .. }
            | FeatureKind::Numeric { .. }
            | FeatureKind::Bucketised { .. } => continue,
        };
        let reason = "without `input.user` nobody has a history";
        faults.require(false, &format!("features[{number}].kind"), kind, reason);
    }
}

/// What needs to know the moment of an event, not only an order of events.
pub(super) fn check_moments(input: &InputSection, features: &FeatureSchema, faults: &mut Faults) {
    let has_times = input.time.as_ref().map_or(input.path.contains("{date}"), |time| time.format != TimeFormat::ORDER);
    let of_items = input.items.as_ref().and_then(|items| items.time.as_ref());
    let of_users = input.users.as_ref().and_then(|users| users.time.as_ref());
    for (key, time) in [("input.items.time", of_items), ("input.users.time", of_users)] {
        let reason = "it is compared with the time of events: a time that is not `order`, or `{date}` in `input.path`";
        faults.require(has_times || time.is_none(), key, "set", reason);
        let is_time = time.is_none_or(|time| time.format != TimeFormat::ORDER);
        faults.require(is_time, &format!("{key}.format"), TimeFormat::ORDER, "a time, not only an order");
    }
    for (number, feature) in features.features().iter().enumerate() {
        let is_window = matches!(feature.kind, FeatureKind::Window { .. });
        let reason = "a window needs a time that is not `order`, or no time and `{date}` in `input.path`";
        faults.require(has_times || !is_window, &format!("features[{number}].kind"), "window", reason);
    }
}

/// A path that is needed, and that is the same on every day.
pub(super) fn check_plain_path(path: &str, key: &str, faults: &mut Faults) {
    faults.require(!path.is_empty(), key, "", "a path is needed");
    faults.require(!path.contains("{date}"), key, path, "`{date}` stands for a day in `input.path` only");
}

/// What `[input.items]` and `[input.users]` say of their files.
pub(super) fn check_side_tables(input: &InputSection, faults: &mut Faults) {
    if let Some(items) = &input.items {
        check_plain_path(&items.path, "input.items.path", faults);
        faults.require(!items.item.is_empty(), "input.items.item", "", "a column name is needed");
        check_attributes(&items.attributes, items.available.as_ref(), faults);
    }
    if let Some(users) = &input.users {
        check_plain_path(&users.path, "input.users.path", faults);
        let (here, there) = (users.user.names(), input.user.as_ref().map(|user| user.names()).unwrap_or_default());
        let reason = "as many columns as `input.user` has, which must be set";
        let fits = here.len() == there.len() && all_unique(&here);
        faults.require(fits, "input.users.user", format!("{here:?}"), reason);
    }
}
