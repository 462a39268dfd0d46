//! Day after day: filling in earlier days, what retention takes away, and users who are deleted.

use crate::binary::Folder;
use crate::world::{BASE, DATE, current_bundle, edit, files, log_of, published, reply};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn names_in(folder: &Folder, below: &str) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join(BASE).join(below)).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// `skipped` of training, for each run of a backfill.
fn trained(reply: &Value) -> Vec<(String, bool)> {
    let of = |run: &Value| (run["run"].as_str().unwrap().to_owned(), !run["train"]["skipped"].as_bool().unwrap());
    reply["runs"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn a_backfill_makes_each_missing_day_in_order_and_the_latest_day_stays_served() {
    let world = published();
    let copy = world.copy();
    let words = ["run", "--backfill", "2026-11-18..2026-11-19", "--days", "3"];
    let days = |first, second| [("2026-11-18".to_owned(), first), ("2026-11-19".to_owned(), second)];
    let filled = reply(&copy, &words);
    assert_eq!(trained(&filled), days(true, true));
    for run in filled["runs"].as_array().unwrap() {
        let bundle = &run["bundle"];
        assert!(bundle["bundle_id"].as_str().unwrap().starts_with(run["run"].as_str().unwrap()));
        assert_eq!((&bundle["current"], &bundle["previous"]), (&false.into(), &world.bundle_id().into()));
    }
    assert!(current_bundle(&copy).ends_with(world.bundle_id()));
    assert_eq!(names_in(&copy, "bundles").len(), 3);
    fs::remove_dir_all(copy.path().join(BASE).join("runs/2026-11-19")).unwrap();
    assert_eq!(trained(&reply(&copy, &words)), days(false, true), "what is there is not made again");
    let ran = copy.run(&["run", "--backfill", "2026-11-21..2026-11-22", "--json", "--quiet"]);
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(1), &"missing-partition".into()));
    assert!(ran.json()["error"]["message"].as_str().unwrap().contains("2026-11-21"));
    let kept = ["--set", "retention.runs=1", "--set", "retention.bundles=1", "--set", "retention.interaction_days=30"];
    let dry = reply(&copy, &[&["retention", "--dry-run"], &kept[..]].concat());
    assert_eq!(dry["runs"], serde_json::json!(["2026-11-18", "2026-11-19"]));
    assert_eq!(names_in(&copy, "runs").len(), 3, "--dry-run removes nothing");
    let done = reply(&copy, &[&["run"], &kept[..]].concat())["retention"].clone();
    assert_eq!((&done["runs"], &done["in_use"]), (&dry["runs"], &serde_json::json!([])));
    assert_eq!(names_in(&copy, "runs"), [DATE]);
    // The served bundle was sealed before the others: it stays, and so does the one that was sealed last.
    assert!(current_bundle(&copy).ends_with(world.bundle_id()) && names_in(&copy, "bundles").len() == 2);
}

#[test]
fn a_range_of_days_and_a_limit_that_cannot_work_are_refused() {
    let world = published();
    for days in ["2026-11-20", "2026-11-20..2026-11-19", "2026-11-20..", "today..2026-11-20"] {
        assert_eq!(world.folder().run(&["run", "--backfill", days]).code, Some(2), "{days}");
    }
    let both = ["run", "--date", DATE, "--backfill", "2026-11-19..2026-11-20"];
    assert_eq!(world.folder().run(&both).code, Some(2));
    let none = world.folder().run(&["retention", "--json", "--quiet"]);
    assert_eq!((none.code, &none.json()["error"]["code"]), (Some(2), &"usage".into()));
    let few = world.folder().run(&["retention", "--set", "retention.interaction_days=2", "--json", "--quiet"]);
    assert_eq!((few.code, &few.json()["error"]["code"]), (Some(2), &"config".into()));
}

const CANARY: &str = "canary-0815";

fn holders(folder: &Path) -> Vec<String> {
    let holds = |name: &std::path::PathBuf| {
        let bytes = fs::read(folder.join(name)).unwrap();
        bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes())
    };
    files(folder).into_iter().filter(holds).map(|name| name.display().to_string()).collect()
}

#[test]
fn a_deleted_user_is_in_no_file_of_the_next_run_and_of_its_bundle() {
    let copy = published().copy();
    let base = copy.path().join(BASE);
    let user = published().user();
    for day in 16..=20 {
        edit(&log_of(&copy, &format!("2026-11-{day}")), |lines| {
            lines.iter_mut().for_each(|line| *line = line.replace(&user, CANARY))
        });
    }
    let with = reply(&copy, &["run"]);
    for name in ["histories.arrow", "embeddings/users.txt", "interactions/"] {
        assert!(holders(&base).iter().any(|found| found.contains(name)), "{name}");
    }
    let deleted = reply(&copy, &["users", "delete", CANARY]);
    let bundle = format!("bundles/{}", with["bundle"]["bundle_id"].as_str().unwrap());
    assert_eq!(
        (&deleted["users"], &deleted["still_in"]),
        (&1.into(), &serde_json::json!([format!("runs/{DATE}"), bundle]))
    );
    assert!(!deleted.to_string().contains(CANARY), "the reply names nobody");
    let without = reply(&copy, &["run", "--set", "retention.bundles=1"]);
    assert_eq!(without["samples"]["files_read"], deleted["removed"].as_array().unwrap().len());
    assert_eq!(holders(&base), [""; 0]);
    assert_eq!(reply(&copy, &["recall", "--user", CANARY])["user_known"], false);
    let nobody = copy.run(&["users", "delete", "--json"]);
    assert_eq!(nobody.code, Some(2));
}
