//! The contract of units: run in any order, twice, after a death in the middle, or twice at once, they leave the bytes of
//! the run that does all in one process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::rng::Rng;
use twinspire_core::stage::{MANIFEST, records_below};
use twinspire_core::vfs::{RealVfs, files_below};
use twinspire_data::unit::{UnitPlan, finish_units, plan_units, run_unit};
use twinspire_data::{DataError, DataSettings, Result};
use workplace::{FEATURES, Told, Workplace, checked};

const CONFIG: &str = "[input]\npath = \"logs/{date}/*.csv\"\nuser = \"user\"\ntime = { column = \"t\" }\n\
    max_reject_ratio = 0.2\nitems = { path = \"items.csv\" }\n[clean]\ndrop_duplicates = {}\n\
    users = [{ by = \"price\", at_most = 60 }]\n\
    [samples]\nsplit = { kind = \"by_date\", validation_days = 1, test_days = 1 }\n";

const MORE_FEATURES: &str = "[[features]]\nname = \"price\"\nside = \"context\"\nkind = \"numeric\"\n\
    [[features]]\nname = \"colour\"\nside = \"item\"\nkind = \"vocabulary\"\n\
    [[features]]\nname = \"seen\"\nside = \"user\"\nkind = \"history\"\nof = [\"item\", \"colour\"]\n";

/// Four days of logs, two files each, some rows bad, some twice; enough bytes for several buckets.
fn world() -> (Workplace, DataSettings) {
    let place = Workplace::new();
    let mut rng = Rng::stream(3, "units", 0);
    for file in 0..8 {
        let mut text = String::from("user,item,t,price\n");
        for row in 0..900 {
            let (user, item, hour) = (rng.below(120), rng.below(70), rng.below(24));
            let price = if rng.below(30) == 0 { "dear".to_owned() } else { format!("{}.5", rng.below(90)) };
            let line = format!("u{user},i{item},2026-11-{:02} {hour:02}:{:02}:00,{price}\n", 1 + file / 2, row % 60);
            text += &line.repeat(1 + (rng.below(20) == 0) as usize);
        }
        text += &format!("{}\n", "#".repeat(60_000).as_str()).repeat(10);
        place.write(&format!("logs/2026-11-0{}/{file}.csv", 1 + file / 2), text);
    }
    let items: String = (0..80).map(|item| format!("i{item},c{}\n", item % 9)).collect();
    place.write("items.csv", format!("item,colour\n{items}"));
    let settings = checked(&format!("{CONFIG}{FEATURES}{MORE_FEATURES}")).unwrap();
    (place, settings)
}

/// Checksums of all that was made, without manifests, which hold times.
fn made(place: &Workplace) -> BTreeMap<String, String> {
    let base = place.folders().run().ancestors().nth(2).unwrap().to_owned();
    let all = records_below(&RealVfs, &base).unwrap().into_iter();
    all.filter(|record| !record.path.ends_with(MANIFEST)).map(|record| (record.path, record.sha256)).collect()
}

/// What one process makes.
fn expected(place: &Workplace) -> BTreeMap<String, String> {
    place.samples_told(&format!("{CONFIG}{FEATURES}{MORE_FEATURES}"), Told::default()).unwrap();
    let made = made(place);
    place.forget();
    assert!(made.keys().any(|path| path.contains("/samples/train/")) && made.len() > 20, "{made:#?}");
    assert!(!made.keys().any(|path| path.contains("/units/") || path.contains("/.")), "{made:#?}");
    made
}

fn plan(place: &Workplace, settings: &DataSettings) -> UnitPlan {
    place.context(Told::default(), |context| plan_units(context, settings, &place.folders())).unwrap()
}

fn unit(place: &Workplace, settings: &DataSettings, number: usize) -> Result<bool> {
    let ran = place.context(Told::default(), |context| run_unit(context, settings, &place.folders(), number));
    ran.map(|outcome| outcome.is_skipped())
}

fn finish(place: &Workplace, settings: &DataSettings) -> Result<()> {
    place.context(Told::default(), |context| finish_units(context, settings, &place.folders())).map(|_| ())
}

#[test]
fn units_in_any_order_and_twice_make_what_one_process_makes() {
    let (place, settings) = world();
    let expected = expected(&place);
    for seed in 0..3 {
        let plan = plan(&place, &settings);
        assert!(plan.phases.iter().any(|phase| phase.name == "scan" && phase.units > 1), "{plan:?}");
        let mut rng = Rng::stream(seed, "order", 0);
        for phase in &plan.phases {
            let mut numbers: Vec<usize> = (phase.first..phase.first + phase.units).collect();
            rng.shuffle(&mut numbers);
            let skipped: Vec<bool> = numbers
                .iter()
                .flat_map(|&number| [number; 2])
                .map(|number| unit(&place, &settings, number).unwrap())
                .collect();
            assert!(skipped.chunks(2).all(|twice| twice == [false, true]), "the second time it is there");
        }
        finish(&place, &settings).unwrap();
        assert_eq!(made(&place), expected);
        place.forget();
    }
}

#[test]
fn a_unit_that_runs_twice_at_once_leaves_one_folder() {
    let (place, settings) = world();
    let expected = expected(&place);
    for phase in plan(&place, &settings).phases {
        for number in phase.first..phase.first + phase.units {
            std::thread::scope(|scope| {
                let twice = [(); 3].map(|()| scope.spawn(|| unit(&place, &settings, number).unwrap()));
                twice.into_iter().for_each(|thread| assert!(thread.join().is_ok()));
            });
        }
    }
    finish(&place, &settings).unwrap();
    assert_eq!(made(&place), expected);
}

#[test]
fn a_unit_that_died_in_the_middle_is_run_again() {
    let (place, settings) = world();
    let expected = expected(&place);
    let half_made = |folder: &Path| {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let staging = folder.with_file_name(format!(".{name}.attempt-0"));
        std::fs::create_dir_all(&staging).unwrap();
        std::fs::write(staging.join("00000.arrow"), "half").unwrap();
    };
    for phase in plan(&place, &settings).phases {
        for number in phase.first..phase.first + phase.units {
            let before = folders(&place);
            unit(&place, &settings, number).unwrap();
            let folder = folders(&place).into_iter().find(|folder| !before.contains(folder)).unwrap();
            std::fs::remove_dir_all(&folder).unwrap();
            half_made(&folder);
            assert!(!unit(&place, &settings, number).unwrap());
        }
    }
    finish(&place, &settings).unwrap();
    assert_eq!(made(&place), expected, "and nothing half made is left");
}

/// Folders that have a manifest.
fn folders(place: &Workplace) -> Vec<PathBuf> {
    let base = place.folders().run().ancestors().nth(2).unwrap().to_owned();
    let all = files_below(&RealVfs, &base).unwrap().into_iter();
    all.filter(|path| path.ends_with(MANIFEST)).map(|path| base.join(path.parent().unwrap())).collect()
}

/// What a power loss may do to a file that was not synced.
fn cut(place: &Workplace, file: &str) {
    let file = std::fs::File::options().write(true).open(place.folders().units().join(file)).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

#[test]
fn a_unit_whose_files_were_cut_is_named_and_run_again() {
    let (place, settings) = world();
    let expected = expected(&place);
    let plan = plan(&place, &settings);
    let [scan, fit, encode] = [3, 4, 5].map(|phase: usize| plan.phases[phase].first);
    let run = |number: usize| assert!(!unit(&place, &settings, number).unwrap());
    let refused = |result: Result<()>, needed: usize| {
        let DataError::UnitMissing { unit: missing, .. } = result.unwrap_err() else { panic!() };
        assert_eq!(missing, needed);
        run(needed);
    };
    (0..fit).for_each(run);
    cut(&place, "scan-00001/rows.arrow");
    refused(unit(&place, &settings, fit).map(drop), scan + 1);
    run(fit);
    cut(&place, "scan-00001/cells.arrow");
    run(encode);
    refused(unit(&place, &settings, encode + 1).map(drop), scan + 1);
    cut(&place, "fit/items.arrow");
    refused(unit(&place, &settings, encode + 1).map(drop), fit);
    (encode + 1..plan.len()).for_each(run);
    cut(&place, "encode-00000/histories.arrow");
    refused(finish(&place, &settings), encode);
    finish(&place, &settings).unwrap();
    assert_eq!(made(&place), expected);
}

#[test]
fn a_unit_that_is_missing_is_named_and_a_plan_of_other_settings_is_refused() {
    let (place, settings) = world();
    let code = |result: Result<bool>| result.unwrap_err().code();
    assert_eq!(code(unit(&place, &settings, 0)), "plan-changed");
    let plan = plan(&place, &settings);
    let gather = plan.phases[1].first;
    let DataError::UnitMissing { unit: missing, .. } = unit(&place, &settings, gather).unwrap_err() else { panic!() };
    assert_eq!(missing, 0);
    (0..=gather).for_each(|number| assert!(!unit(&place, &settings, number).unwrap()));
    let [count, scan, fit, encode] = [2, 3, 4, 5].map(|phase: usize| plan.phases[phase].first);
    for (too_early, needed) in [(scan, count), (fit, scan)] {
        let DataError::UnitMissing { unit: missing, .. } = unit(&place, &settings, too_early).unwrap_err() else {
            panic!()
        };
        assert_eq!(missing, needed);
    }
    let DataError::UnitMissing { unit: missing, .. } = finish(&place, &settings).unwrap_err() else { panic!() };
    assert_eq!(missing, fit);
    for number in (gather + 1..plan.len()).filter(|&number| number != encode + 1) {
        assert!(!unit(&place, &settings, number).unwrap());
    }
    let DataError::UnitMissing { unit: missing, .. } = finish(&place, &settings).unwrap_err() else { panic!() };
    assert_eq!(missing, encode + 1);
    assert_eq!(code(unit(&place, &settings, plan.len())), "invalid-value");
    let other =
        checked(&format!("{CONFIG}{FEATURES}{MORE_FEATURES}").replace("validation_days = 1", "validation_days = 2"));
    assert_eq!(code(unit(&place, &other.unwrap(), fit)), "plan-changed");
    place.write("logs/2026-11-05/late.csv", "user,item,t,price\n");
    assert_eq!(code(unit(&place, &settings, fit)), "plan-changed");
}
