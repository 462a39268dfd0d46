//! What a world promises: equal bytes, skew, tastes that show in clicks, a biased older policy, and complete logs.

use super::*;
use crate::config::DataSettings;
use flate2::read::GzDecoder;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use twinspire_core::check::Faults;
use twinspire_core::partition::Date;
use twinspire_core::schema::FeatureSchema;
use twinspire_core::vfs::{MemoryVfs, files_below};

const FOLDER: &str = "/world";

/// A row of a log.
struct Logged {
    day: u32,
    user: usize,
    item: usize,
    is_click: bool,
}

fn small() -> WorldSettings {
    WorldSettings { users: 400, items: 300, days: 5, ..WorldSettings::default() }
}

fn build(settings: &WorldSettings) -> (MemoryVfs, World) {
    let vfs = MemoryVfs::default();
    let world = generate(&vfs, Path::new(FOLDER), settings).unwrap();
    (vfs, world)
}

fn bytes(vfs: &MemoryVfs) -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(FOLDER);
    let paths = files_below(vfs, folder).unwrap();
    paths.iter().map(|path| (path.display().to_string(), vfs.read(&folder.join(path)).unwrap())).collect()
}

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

/// Rows of all logs, first day first.
fn rows(vfs: &MemoryVfs) -> Vec<Logged> {
    let number = |id: &str| id[1..].parse::<usize>().unwrap();
    let logs = bytes(vfs).into_iter().filter(|(path, _)| path.starts_with("logs/"));
    let read = |(day, (path, packed)): (u32, (String, Vec<u8>))| {
        let date = &path["logs/date=".len()..][..10];
        let parse = |line: &str| {
            let cells: Vec<&str> = line.split(',').collect();
            assert!(cells[0].starts_with(date), "{line} lies in {path}");
            Logged { day, user: number(cells[2]), item: number(cells[3]), is_click: cells[4] == "click" }
        };
        unpacked(&packed).lines().skip(1).map(parse).collect::<Vec<_>>()
    };
    (0..).zip(logs).flat_map(read).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}

#[test]
fn equal_settings_give_equal_bytes_at_any_thread_count() {
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bytes(&build(&small()).0))
    };
    let one = with_threads(1);
    assert_eq!(one.len(), 5 + 3, "{:?}", one.keys());
    assert_eq!(one, with_threads(2));
    assert_eq!(one, with_threads(4));
}

#[test]
fn another_seed_gives_another_world() {
    let (first, second) = (bytes(&build(&small()).0), bytes(&build(&WorldSettings { seed: 2, ..small() }).0));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (path, content) in first.iter().filter(|(path, _)| path.ends_with(".gz")) {
        assert_ne!(*content, second[path], "{path}");
    }
}

#[test]
fn every_day_has_a_log_and_the_world_counts_what_is_logged() {
    let (vfs, world) = build(&small());
    let rows = rows(&vfs);
    let days: BTreeSet<u32> = rows.iter().map(|row| row.day).collect();
    assert_eq!(days, (0..5).collect());
    let clicks = rows.iter().filter(|row| row.is_click).count() as u64;
    assert_eq!((world.clicks, world.impressions), (clicks, rows.len() as u64 - clicks));
    assert!(clicks > 0);
    let listed = |name: &str| unpacked(&bytes(&vfs)[name]).lines().count() - 1;
    assert_eq!((listed("users.csv.gz"), listed("items.csv.gz")), (world.users.len(), world.items.len()));
}

#[test]
fn a_click_has_its_impression_in_the_same_request() {
    let (vfs, _) = build(&small());
    for (path, packed) in bytes(&vfs).iter().filter(|(path, _)| path.starts_with("logs/")) {
        let mut shown = BTreeSet::new();
        for line in unpacked(packed).lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            let key = (cells[1].to_owned(), cells[3].to_owned(), cells[5].to_owned());
            let is_new_or_click = if cells[4] == "click" { shown.contains(&key) } else { shown.insert(key) };
            assert!(is_new_or_click, "{path}: {line}");
        }
    }
}

#[test]
fn popularity_is_skewed() {
    let (vfs, world) = build(&small());
    let mut shown = vec![0u32; world.items.len()];
    for row in rows(&vfs).iter().filter(|row| !row.is_click) {
        shown[row.item] += 1;
    }
    shown.sort_unstable_by(|left, right| right.cmp(left));
    let head: u32 = shown[..shown.len() / 10].iter().sum();
    let share = f64::from(head) / world.impressions as f64;
    assert!((0.25..0.75).contains(&share), "the first tenth of the items has a share of {share:.2}");
}

#[test]
fn clicks_fit_tastes_better_than_impressions_and_those_better_than_random_items() {
    let (vfs, world) = build(&small());
    let rows = rows(&vfs);
    let fit = |clicks: bool| {
        let wanted = rows.iter().filter(|row| row.is_click == clicks);
        mean(wanted.map(|row| world.affinity(row.user, row.item, row.day)))
    };
    let any = (0..world.items.len()).flat_map(|item| (0..world.users.len()).map(move |user| (user, item)));
    let by_chance = mean(any.map(|(user, item)| world.affinity(user, item, 0)));
    let (clicked, shown) = (fit(true), fit(false));
    assert!(clicked > shown + 0.1, "clicked {clicked:.3}, shown {shown:.3}");
    assert!(shown > by_chance + 0.1, "shown {shown:.3}, by chance {by_chance:.3}");
}

#[test]
fn a_new_item_is_not_shown_before_its_day() {
    let (vfs, world) = build(&small());
    let later = world.items.iter().filter(|item| item.born > 0).count();
    assert_eq!(later, 30);
    let rows = rows(&vfs);
    assert!(rows.iter().all(|row| world.items[row.item].born <= row.day));
    assert!(rows.iter().any(|row| world.items[row.item].born == row.day && row.day > 0));
}

#[test]
fn vectors_have_length_one() {
    let (_, world) = build(&small());
    let tastes = (0..world.users.len()).flat_map(|user| [world.taste(user, 0), world.taste(user, 4)]);
    for vector in world.items.iter().map(|item| item.topic).chain(tastes) {
        assert!((planted::dot(&vector, &vector) - 1.0).abs() < 1e-9);
    }
}

#[test]
fn logs_of_an_earlier_world_are_replaced_as_a_whole() {
    let vfs = MemoryVfs::default();
    let folder = Path::new(FOLDER);
    generate(&vfs, folder, &small()).unwrap();
    generate(&vfs, folder, &WorldSettings { days: 2, ..small() }).unwrap();
    assert_eq!(bytes(&vfs), bytes(&build(&WorldSettings { days: 2, ..small() }).0));
}

#[test]
fn the_quickstart_config_passes_the_checks_and_names_columns_that_are_there() {
    let mut table: toml::Table = QUICKSTART_CONFIG.parse().unwrap();
    let mut section = |name: &str| table.remove(name).unwrap();
    let (input, clean) = (section("input").try_into().unwrap(), section("clean").try_into().unwrap());
    let (samples, features) = (section("samples").try_into().unwrap(), section("features").try_into().unwrap());
    let mut faults = Faults::default();
    let schema = FeatureSchema::check(features, &mut faults).unwrap();
    let settings = DataSettings::check(&input, &clean, &samples, &schema, &mut faults);
    assert_eq!(faults.into_vec(), []);
    assert!(settings.unwrap().is_dated());
    let files = bytes(&build(&small()).0);
    let headers = ["logs/date=2026-11-20/part-0.csv.gz", "items.csv.gz", "users.csv.gz"]
        .map(|path| unpacked(&files[path]).lines().next().unwrap().to_owned());
    let is_there = |column: &str| headers.iter().any(|header| header.split(',').any(|name| name == column));
    let read = schema.features().iter().filter(|feature| feature.reads_column());
    assert!(read.clone().count() >= 10);
    for feature in read {
        assert!(is_there(&feature.column), "{}", feature.column);
    }
}

#[test]
fn wrong_settings_are_refused_by_name() {
    let wrong = [
        ("users", WorldSettings { users: 0, ..small() }),
        ("items", WorldSettings { items: 49, ..small() }),
        ("days", WorldSettings { days: 0, ..small() }),
        ("days", WorldSettings { last: Date::MIN, ..small() }),
        ("page_size", WorldSettings { page_size: 21, ..small() }),
        ("new_items", WorldSettings { new_items: 0.6, ..small() }),
        ("visits_per_day", WorldSettings { visits_per_day: f64::NAN, ..small() }),
        ("drift", WorldSettings { drift: f64::INFINITY, ..small() }),
    ];
    for (name, settings) in wrong {
        let vfs = MemoryVfs::default();
        let error = generate(&vfs, Path::new(FOLDER), &settings).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name}: ")), "{name}: {error}");
        assert_eq!(vfs.operations(), 0);
    }
}
