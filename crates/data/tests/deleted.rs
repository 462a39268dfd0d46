//! Users who were deleted: not a byte of them in what is made afterwards, and nothing else is read again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::path::Path;
use twinspire_core::CoreError;
use twinspire_core::in_use::InUse;
use twinspire_core::vfs::{RealVfs, files_below};
use twinspire_data::DataError;
use twinspire_data::forget::{Forgotten, forget_users};
use workplace::Workplace;

const CONFIG: &str = r#"
[input]
path = "logs/{date}/*.csv"
user = "user"
time = { column = "t", format = "seconds" }
max_reject_ratio = 0.5
users = { path = "users.csv", user = "user" }
[samples]
split = { kind = "leave_last_one_out" }
[[features]]
name = "user"
side = "user"
kind = "vocabulary"
[[features]]
name = "city"
side = "user"
kind = "vocabulary"
[[features]]
name = "seen"
side = "user"
kind = "history"
of = ["item"]
[[features]]
name = "item"
side = "item"
kind = "vocabulary"
"#;

const CANARY: &str = "canary-0815";

/// Two days of two files each; the canary is in one file of each day, in a bad row of the second, and in the side table.
fn place() -> Workplace {
    let place = Workplace::new();
    for day in [1, 2] {
        let rows = |users: &[&str]| {
            let of = |user: &&str| format!("{user},i{day},{}\n{user},i9,{}\n", day * 86_400 + 1, day * 86_400 + 2);
            format!("user,item,t\n{}", users.iter().map(of).collect::<String>())
        };
        let bad = if day == 2 { format!("{CANARY},i1,never\n") } else { String::new() };
        place.write(&format!("logs/2026-11-0{day}/a.csv"), rows(&["ann", CANARY, "bob"]) + &bad);
        place.write(&format!("logs/2026-11-0{day}/b.csv"), rows(&["ann", "cid"]));
    }
    place.write("users.csv", format!("user,city\nann,bern\n{CANARY},rome\nbob,bern\n"));
    place
}

fn holders(folder: &Path) -> Vec<String> {
    let files = files_below(&RealVfs, folder).unwrap();
    let holds = |name: &&std::path::PathBuf| {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
    };
    files.iter().filter(holds).map(|name| name.display().to_string()).collect()
}

fn base(place: &Workplace) -> std::path::PathBuf {
    place.folders().base().to_owned()
}

fn forget(place: &Workplace) -> Result<Forgotten, DataError> {
    forget_users(&RealVfs, &base(place), &[CANARY.to_owned()])
}

#[test]
fn a_deleted_user_leaves_no_byte_in_what_is_made_afterwards() {
    let place = place();
    place.samples(CONFIG);
    let before = holders(&base(&place));
    for name in [
        "interactions/2026-11-01/",
        "interactions/users/table.arrow",
        "/rejects.jsonl",
        "/histories.arrow",
        "/features.json",
    ] {
        assert!(before.iter().any(|found| found.contains(name)), "{name} is not among {before:#?}");
    }
    let forgotten = forget(&place).unwrap();
    assert_eq!((forgotten.users, forgotten.removed.len()), (1, 3), "{forgotten:?}");
    assert_eq!(forgotten.still_in, ["runs/x"]);
    assert!(holders(&base(&place)).iter().all(|name| name.starts_with("runs/x/")), "interactions are gone at once");
    let again = forget(&place).unwrap();
    assert_eq!((again.users, again.removed.len()), (0, 0), "done again, it does nothing");
    let report = place.ingest(CONFIG).unwrap();
    assert_eq!(report.files_read, 3, "two log files and the side table are read again");
    let left_out: u64 =
        report.accounts.iter().map(|account| account.filtered.get("deleted_user").copied().unwrap_or_default()).sum();
    assert_eq!(left_out, 2 + 3 + 1, "the bad row is no reject any more");
    place.samples(CONFIG);
    assert_eq!(holders(&base(&place)), [""; 0]);
    assert_eq!(place.tables().histories.find(CANARY), None);
    assert!(place.tables().histories.find("ann").is_some());
    place.write("logs/2026-11-03/a.csv", format!("user,item,t\n{CANARY},i1,259300\nann,i1,259301\n"));
    place.samples(CONFIG);
    assert_eq!(holders(&base(&place)), [""; 0], "later logs are read without her");
}

#[test]
fn nothing_is_deleted_while_interactions_are_being_read_but_the_next_try_does_it() {
    let place = place();
    place.samples(CONFIG);
    let reader = InUse::of_base_dir(&base(&place)).unwrap();
    let error = forget(&place).unwrap_err();
    assert!(matches!(&error, DataError::Core(CoreError::InUse { .. })), "{error}");
    drop(reader);
    assert_eq!(forget(&place).unwrap().removed.len(), 3);
    let bad = forget_users(&RealVfs, &base(&place), &["two\nlines".to_owned()]).unwrap_err();
    assert_eq!(bad.code(), "invalid-value");
}
