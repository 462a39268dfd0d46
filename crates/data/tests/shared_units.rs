//! Units of machines that share a store and no disk: whoever runs them, whoever dies while sending, the samples are those of
//! one process.

#![cfg(feature = "object-store")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::stage::{MANIFEST, records_below};
use twinspire_core::vfs::{RealVfs, Vfs, files_below};
use twinspire_data::unit::{finish_units, plan_units, run_unit};
use twinspire_data::{DataSettings, Result, RunFolders};
use workplace::{FEATURES, Told, Workplace, checked};

const CONFIG: &str = "[input]\npath = \"{date}.csv\"\nuser = \"user\"\ntime = { column = \"t\" }\n\
    [samples]\nmemory_mib = 16\nsplit = { kind = \"by_date\", validation_days = 1, test_days = 1 }\n";

/// Four days of logs, and the folder that stands for a store.
fn world() -> (Workplace, DataSettings, PathBuf) {
    let place = Workplace::new();
    for day in 1..=4 {
        let row = |row: u64| format!("u{},i{},2026-11-0{day} 10:{:02}:00\n", row % 23, (row * day) % 17, row % 60);
        let rows: String = (0..200).map(row).collect();
        place.write(&format!("2026-11-0{day}.csv"), format!("user,item,t\n{rows}"));
    }
    let store = place.data().with_file_name("store");
    let units = format!("units = \"file://{}\"\n", store.display());
    let settings = checked(&format!("{CONFIG}{units}{FEATURES}")).unwrap();
    (place, settings, store)
}

fn machine(place: &Workplace, name: &str) -> RunFolders {
    RunFolders::new(&place.data().with_file_name(name), "x")
}

fn unit(place: &Workplace, settings: &DataSettings, (name, number): (&str, usize)) -> Result<bool> {
    let folders = machine(place, name);
    let ran = place.context(Told::default(), |context| run_unit(context, settings, &folders, number));
    ran.map(|outcome| outcome.is_skipped())
}

fn samples(folders: &RunFolders) -> BTreeMap<String, String> {
    let all = records_below(&RealVfs, &folders.samples()).unwrap().into_iter();
    all.filter(|record| record.path != MANIFEST).map(|record| (record.path, record.sha256)).collect()
}

/// The files of the first unit in the store, its manifest first.
fn sent(store: &Path) -> Vec<PathBuf> {
    let day = store.join("interactions/2026-11-01");
    let [folder] = RealVfs.list(&day).unwrap().try_into().expect("one log file a day");
    let folder = day.join(folder);
    let mut paths = files_below(&RealVfs, &folder).unwrap();
    paths.sort_by_key(|path| !path.ends_with(MANIFEST));
    paths.into_iter().map(|path| folder.join(path)).collect()
}

#[test]
fn machines_that_share_a_store_and_no_disk_make_what_one_process_makes() {
    let (place, settings, store) = world();
    place.samples_told(&format!("{CONFIG}{FEATURES}"), Told::default()).unwrap();
    let expected = samples(&place.folders());
    assert!(expected.len() > 5, "{expected:?}");
    let plan = |folders| place.context(Told::default(), |context| plan_units(context, &settings, &folders)).unwrap();
    let units = plan(machine(&place, "a")).len();
    for number in 0..units {
        let [first, second] = if number % 2 == 0 { ["a", "b"] } else { ["b", "a"] };
        assert!(!unit(&place, &settings, (first, number)).unwrap(), "unit {number}");
        assert!(number % 3 > 0 || unit(&place, &settings, (second, number)).unwrap(), "unit {number} is fetched");
    }
    let last = machine(&place, "c");
    place.context(Told::default(), |context| finish_units(context, &settings, &last)).unwrap();
    assert_eq!(samples(&last), expected);
    assert!(sent(&store).len() > 2);
}

#[test]
fn a_unit_is_there_when_its_manifest_is_and_then_it_is_whole() {
    let (place, settings, store) = world();
    let folders = machine(&place, "a");
    place.context(Told::default(), |context| plan_units(context, &settings, &folders)).unwrap();
    unit(&place, &settings, ("a", 0)).unwrap();
    let files = sent(&store);
    let whole: Vec<Vec<u8>> = files.iter().map(|path| std::fs::read(path).unwrap()).collect();
    // Killed while it was sending: a part is cut, and there is no manifest.
    std::fs::write(&files[1], &whole[1][..whole[1].len() / 2]).unwrap();
    std::fs::remove_file(&files[0]).unwrap();
    assert!(!unit(&place, &settings, ("b", 0)).unwrap(), "it is made again");
    let again: Vec<Vec<u8>> = sent(&store).iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert!(again == whole, "two that make the same unit send the same bytes");
    assert!(unit(&place, &settings, ("c", 0)).unwrap(), "it is fetched");
    std::fs::write(&files[1], &whole[1][..whole[1].len() / 2]).unwrap();
    let error = unit(&place, &settings, ("d", 0)).unwrap_err();
    assert!(error.code() == "unreadable-file" && error.to_string().contains(files[1].to_str().unwrap()), "{error}");
}
