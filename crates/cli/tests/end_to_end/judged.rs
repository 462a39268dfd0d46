//! `evaluate` beside its stage, `report`, and the benches of a run: comparisons, figures of every query, a page.

use crate::world::{DATE, files, published, reply};
use std::fs;
use tempfile::TempDir;
use twinspire_core::stage::MANIFEST;

#[test]
fn a_run_is_compared_with_one_of_its_channels_and_with_a_bundle() {
    let world = published();
    let found = reply(world.folder(), &["evaluate", "--against", "popularity"]);
    let comparison = &found["comparison"];
    assert_eq!((&comparison["against"], &comparison["queries"]), (&"popularity".into(), &found["report"]["queries"]));
    assert_eq!(comparison["rows"].as_array().unwrap().len(), found["report"]["rows"].as_array().unwrap().len() - 1);
    let first = &comparison["rows"][0]["metrics"]["recall@20"];
    let [ours, theirs, difference] = ["ours", "theirs", "difference"].map(|name| first[name].as_f64().unwrap());
    assert!((ours - theirs - difference).abs() < 1e-12 && first["interval"]["low"].as_f64().unwrap() <= difference);

    let found = reply(world.folder(), &["evaluate", "--against", world.bundle_id()]);
    for row in found["comparison"]["rows"].as_array().unwrap() {
        let figures = row["metrics"].as_object().unwrap();
        let same = figures.values().all(|paired| paired["difference"].as_f64() == Some(0.0));
        assert!(same, "the bundle was made from this run: {row}");
    }
    let refused = world.folder().run(&["evaluate", "--against", "nobody", "--quiet"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("neither a channel") && refused.stderr.contains("twinspire report"));
}

#[test]
fn the_figures_of_every_query_are_written_as_parquet() {
    let (world, folder) = (published(), TempDir::new().unwrap());
    let path = folder.path().join("queries.parquet");
    let found = reply(world.folder(), &["evaluate", "--per-query", path.to_str().unwrap()]);
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    assert_eq!(found["per_query"], path.to_str().unwrap());
    assert_eq!(found["report"]["skipped"], true, "the stage is not made again");
}

#[test]
fn the_report_of_the_run_is_that_of_its_bundle_as_text_and_as_a_page() {
    let (world, folder) = (published(), TempDir::new().unwrap());
    let page = folder.path().join("report.html");
    let of_run = reply(world.folder(), &["report", "--html", page.to_str().unwrap()]);
    let of_bundle = reply(world.folder(), &["report", "--bundle", world.bundle_id()]);
    assert_eq!((&of_run["rows"], &of_run["segments"]), (&of_bundle["rows"], &of_bundle["segments"]));
    assert_eq!(of_run["rows"], world.reply()["report"]["rows"]);
    let merged = of_run["rows"][4]["metrics"]["recall@20"].as_f64().unwrap();
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains(&format!("{merged:.4}")) && page.contains("<svg"), "{page}");
    let text = world.folder().run(&["report"]).stdout;
    assert!(text.contains("test part") && text.contains("merged") && text.contains("heavy"), "{text}");
}

#[test]
fn the_bench_of_evaluation_judges_the_two_towers_as_the_report_does() {
    let (world, out) = (published(), TempDir::new().unwrap());
    let words = ["bench", "evaluate", "--rounds", "1", "--out", out.path().to_str().unwrap()];
    let found = reply(world.folder(), &words);
    let of_report = &world.reply()["report"]["rows"][0];
    assert_eq!(of_report["name"], "two_tower");
    for (name, value) in found["metrics"].as_object().unwrap() {
        assert_eq!(of_report["metrics"][name], *value, "{name}");
    }
    let size = |name: &str| fs::metadata(out.path().join(name)).unwrap().len();
    let rows = |count: &serde_json::Value| 128 + count.as_u64().unwrap() * 4 * found["dimension"].as_u64().unwrap();
    assert_eq!((size("queries.npy"), size("items.npy")), (rows(&found["queries"]), rows(&found["items"])));
}

#[test]
fn the_bench_of_samples_makes_the_samples_of_the_run_and_leaves_nothing_behind() {
    let (world, out) = (published(), TempDir::new().unwrap());
    let (base, kept) = (out.path().join("base"), out.path().join("kept"));
    let words = ["bench", "samples", "--base-dir", base.to_str().unwrap()];
    let found = reply(world.folder(), &words);
    assert_eq!(fs::read_dir(&base).unwrap().count(), 0, "the folder of the bench is removed");

    let keeping = [words.as_slice(), &["--out", kept.to_str().unwrap()]].concat();
    let again = reply(world.folder(), &keeping);
    let made = &world.reply()["samples"];
    let read: u64 = made["accounts"].as_array().unwrap().iter().map(|account| account["read"].as_u64().unwrap()).sum();
    for bench in [&found, &again] {
        assert_eq!((bench["rows"].as_u64(), &bench["dropped"]), (Some(read), &made["statistics"]["filtered"]));
        assert_eq!(bench["phase_s"].as_object().unwrap().len(), 3, "{bench}");
    }
    let samples = kept.join("runs").join(DATE).join("samples");
    for name in files(&samples).iter().filter(|name| name.as_os_str() != MANIFEST) {
        let of_run = fs::read(world.stage("samples").join(name)).unwrap();
        assert!(fs::read(samples.join(name)).unwrap() == of_run, "{}", name.display());
    }

    let refused = world.folder().run(&[keeping.as_slice(), &["--quiet"]].concat());
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("is there already"), "{}", refused.stderr);
}
