//! What the check of the config refuses, before any file is read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use workplace::{FEATURES, checked};

/// A split that needs neither time nor user.
const SPLIT: &str = "[samples]\nsplit = { kind = \"by_column\", column = \"item\", test = [\"none\"] }\n";

#[test]
fn settings_that_cannot_work_are_refused_together() {
    let bad = "path = \"{date}.csv\"\nitem = \"\"\ndays = 0\nmax_reject_ratio = 2.0\ncolumns = [\"a\"]\n\
        [samples]\nmemory_mib = 1\nmode = \"labels\"\nsplit = { kind = \"given\", test = \"\" }";
    let keys = checked(&format!("[input]\n{bad}\n{FEATURES}")).unwrap_err();
    for key in
        ["input.item", "input.days", "input.max_reject_ratio", "input.columns", "samples.mode", "samples.memory_mib"]
    {
        assert!(keys.iter().any(|found| found == key), "{key} in {keys:?}");
    }
    assert_eq!(keys.iter().filter(|key| key.starts_with("samples.split")).count(), 2, "{keys:?}");
}

#[test]
fn a_day_stands_in_the_path_of_the_logs_only_and_an_order_has_no_days() {
    let items = "path = \"{date}.csv\"\nuser = \"user\"\nitems = { path = \"items/{date}.csv\" }\n";
    let users = "path = \"log.csv\"\nuser = \"user\"\nusers = { path = \"{date}.csv\", user = \"user\" }\n";
    let twice = "path = \"{date}/{date}.csv\"\ndate_format = \"%Y-%m\"\n";
    let order = "path = \"{date}.csv\"\nuser = \"user\"\ntime = { column = \"t\", format = \"order\" }\n";
    let split = "[samples]\nsplit = { kind = \"given\", test = \"{date}.csv\" }\n";
    let faults = |input: &str| checked(&format!("[input]\n{input}{FEATURES}")).unwrap_err();
    assert_eq!(faults(items), ["input.items.path"]);
    assert_eq!(faults(&format!("{users}{split}")), ["input.users.path", "samples.split.test"]);
    assert_eq!(faults(twice), ["input.path", "input.date_format"]);
    assert_eq!(faults(order), ["samples.split.kind"]);
}

#[test]
fn what_needs_a_user_is_refused_without_one() {
    let history = "[[features]]\nname = \"seen\"\nside = \"user\"\nkind = \"history\"\nof = [\"item\"]\n";
    let text = format!("[input]\npath = \"log.csv\"\n{SPLIT}{FEATURES}") + history + "[clean]\ndrop_duplicates = {}\n";
    assert_eq!(checked(&text).unwrap_err(), ["clean.drop_duplicates", "features[2].kind"]);
}

#[test]
fn events_and_labels_that_contradict_themselves_are_refused() {
    let faults = |input: &str| {
        checked(&format!("[input]\npath = \"log.csv\"\nuser = \"user\"\n{input}\n{SPLIT}{FEATURES}")).unwrap_err()
    };
    let event = "event = { positive = { click = 0.0, buy = 2 }, rejected = [\"buy\"] }";
    assert_eq!(faults(event), ["input.event.positive.click", "input.event.rejected"]);
    assert_eq!(faults("event = { positive = [\"a\", \"a\"] }"), ["input.event.positive"]);
    assert_eq!(faults("label = { rejected_at_most = 2.0 }"), ["input.label.rejected_at_most"]);
    assert_eq!(faults("label = { at_least = 2.0, rejected_at_most = 2.0 }"), ["input.label.rejected_at_most"]);
}
