//! Configs for made-up files of several shapes: each must parse, pass every check, and say what it saw.

use super::*;
use crate::config::{DataSettings, InputSection, Mode, Outcome, SamplesSection, Split, TimeFormat};
use crate::world::{WorldSettings, generate};
use std::fmt::Write as _;
use std::path::Path;
use twinspire_core::check::Faults;
use twinspire_core::schema::{FeatureKind, FeatureSchema, FeatureSection, Side};
use twinspire_core::vfs::RealVfs;

/// Writes files into a folder and infers from them in their order.
fn inferred(files: &[(&str, String)]) -> Result<Inferred> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| folder.path().join(name)).collect();
    for (path, (_, text)) in paths.iter().zip(files) {
        std::fs::write(path, text).unwrap();
    }
    infer(&paths)
}

/// The config parses and passes the checks of this crate.
fn checked(inferred: &Inferred) -> DataSettings {
    let mut table: toml::Table = inferred.config.parse().unwrap_or_else(|error| panic!("{error}\n{}", inferred.config));
    let mut section = |name: &str| table.remove(name);
    let input: InputSection = section("input").unwrap().try_into().unwrap();
    let samples: SamplesSection = section("samples").unwrap().try_into().unwrap();
    let features: Vec<FeatureSection> = section("features").unwrap().try_into().unwrap();
    let mut faults = Faults::default();
    let schema = FeatureSchema::check(features, &mut faults);
    let settings =
        schema.and_then(|schema| DataSettings::check(&input, &Default::default(), &samples, &schema, &mut faults));
    let faults = faults.into_vec();
    assert!(faults.is_empty(), "{faults:?}\n{}", inferred.config);
    settings.unwrap()
}

fn feature<'a>(settings: &'a DataSettings, name: &str) -> (Side, &'a FeatureKind) {
    let found = settings.features().find(name).unwrap_or_else(|| panic!("no feature {name}"));
    (found.side, &found.kind)
}

fn confidence(inferred: &Inferred, key: &str) -> Confidence {
    inferred.guesses.iter().find(|guess| guess.key == key).unwrap().confidence
}

/// `rows` lines made by a function of the row number.
fn lines(header: &str, rows: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = if header.is_empty() { String::new() } else { format!("{header}\n") };
    for row in 0..rows {
        writeln!(text, "{}", line(row)).unwrap();
    }
    text
}

#[test]
fn a_world_gives_a_config_that_fits_it() {
    let folder = tempfile::tempdir().unwrap();
    let settings = WorldSettings { users: 150, items: 200, days: 3, ..WorldSettings::default() };
    generate(&RealVfs, folder.path(), &settings).unwrap();
    let log = |day: u32| format!("logs/date=2026-11-{day}/part-0.csv.gz");
    let names = [log(19), log(20), "items.csv.gz".into(), "users.csv.gz".into()];
    let inferred = infer(&names.map(|name| folder.path().join(name))).unwrap();
    let settings = checked(&inferred);
    assert!(settings.input().path.ends_with("/logs/date={date}/*.csv.gz"), "{}", settings.input().path);
    assert_eq!((settings.user_columns(), settings.item_column()), (&["user".to_owned()][..], "item"));
    assert_eq!(
        settings.outcome(),
        &Outcome::Event { column: "event".into(), positive: vec![("click".into(), 1.0)], rejected: vec![] }
    );
    assert_eq!(settings.time().unwrap().format(), &TimeFormat::Rfc3339);
    assert_eq!(settings.split(), &Split::ByDate { validation_days: 1, test_days: 0 });
    assert_eq!(settings.mode(), Mode::Events);
    assert!(settings.items_table().is_some() && settings.users_table().is_some());
    for (name, side) in [("home_city", Side::User), ("device", Side::Context), ("category", Side::Item)] {
        assert_eq!(feature(&settings, name).0, side, "{name}");
    }
    assert!(settings.features().find("tags").unwrap().list.is_some());
    assert!(matches!(feature(&settings, "price").1, FeatureKind::Numeric { .. }));
    let FeatureKind::History { of, .. } = feature(&settings, "history").1 else { panic!("no history") };
    assert_eq!(of, &["item_id", "category"]);
    let left_out: Vec<&str> = inferred.left_out.iter().map(|column| column.column.as_str()).collect();
    assert_eq!(left_out, ["request", "position"]);
    assert_eq!(confidence(&inferred, "input.user"), Confidence::High);
}

#[test]
fn every_guess_stands_in_the_text_with_its_reason() {
    let rows = |row: usize| format!("u{},i{},{},{}", row % 50, row % 30, 3 + row % 3, 880_000_000 + row);
    let inferred = inferred(&[("ratings.csv", lines("userId,movieId,rating,timestamp", 900, rows))]).unwrap();
    for guess in &inferred.guesses {
        let comment = format!("# {}: {}\n", guess.confidence.name(), guess.reason);
        assert!(inferred.config.contains(&comment), "{comment}");
    }
    let user = "# high: column `userId`: named like a user, 50 distinct values in 900 rows\nuser = \"userId\"\n";
    assert!(inferred.config.contains(user), "{}", inferred.config);
}

#[test]
fn ratings_become_positives_from_four_up() {
    let rows = |row: usize| format!("{},{},{},{}", row % 97, row % 301, 1 + row % 5, 874_724_710 + row * 60);
    let inferred = inferred(&[("ratings.csv", lines("user,item,rating,timestamp", 2_000, rows))]).unwrap();
    let settings = checked(&inferred);
    assert_eq!(
        settings.outcome(),
        &Outcome::Label { column: "rating".into(), at_least: Some(4.0), rejected_at_most: None }
    );
    assert_eq!(settings.time().unwrap().format(), &TimeFormat::Epoch(1_000_000));
    assert_eq!(feature(&settings, "user_id"), (Side::User, &FeatureKind::Hash { buckets: 1_000 }));
    assert_eq!(feature(&settings, "item_id"), (Side::Item, &FeatureKind::Hash { buckets: 1_000 }));
}

#[test]
fn labelled_rows_without_a_user_are_samples() {
    let rows = |row: usize| {
        let (ad, site) = (row % 60, row * 7 % 41);
        format!(
            "{},{},141021{:02},ad{ad},s{site:x},c{},{},{}",
            10_000_000 + row,
            row % 6 / 5,
            row % 24,
            ad % 5,
            row % 4,
            row * 31 % 990
        )
    };
    let header = "id,click,hour,adid,site_id,ad_category,device_type,device_ip";
    let inferred = inferred(&[("impressions.csv", lines(header, 3_000, rows))]).unwrap();
    let settings = checked(&inferred);
    assert!(!settings.has_users());
    assert_eq!((settings.item_column(), settings.mode()), ("adid", Mode::Labels));
    assert_eq!(settings.outcome(), &Outcome::Label { column: "click".into(), at_least: None, rejected_at_most: None });
    assert_eq!(settings.time().unwrap().format(), &TimeFormat::Pattern("%y%m%d%H".into()));
    assert_eq!(feature(&settings, "site_id").0, Side::Context);
    assert_eq!(feature(&settings, "ad_category").0, Side::Item);
    assert!(settings.features().find("id").is_none() && settings.features().find("history").is_none());
    assert!(inferred.config.contains("\n[train]\n") && inferred.config.contains("loss = { kind = \"bce\" }"));
}

#[test]
fn a_file_without_header_gets_names_by_its_values() {
    let rows = |row: usize| format!("{}\t{}\t{}\t{}", row % 97, row % 301, 1 + row % 5, 874_724_710 + row * 60);
    let inferred = inferred(&[("u.data", lines("", 2_000, rows))]).unwrap();
    let settings = checked(&inferred);
    assert_eq!(settings.input().columns, ["user", "item", "rating", "time"]);
    assert_eq!((settings.input().header, settings.input().delimiter), (false, Some('\t')));
    assert_eq!(confidence(&inferred, "input.user"), Confidence::Low);
    assert_eq!(
        settings.outcome(),
        &Outcome::Label { column: "rating".into(), at_least: Some(4.0), rejected_at_most: None }
    );
}

#[test]
fn semicolons_quotes_dates_and_lists_are_seen() {
    let rows = |row: usize| {
        let (day, item) = (1 + row % 28, row % 40);
        let topics = format!("t{}:{}|t{}:1", item % 7, 1 + item % 3, item % 5);
        format!(
            "u{};\"item; {item}\";view;2026-01-{day:02} 10:00:00;{topics}\nu{};\"item; {item}\";buy;2026-01-{day:02} 10:05:00;{topics}",
            row % 80,
            row % 80
        )
    };
    let inferred = inferred(&[("events-20260101.csv", lines("visitor;product;event;ts;topics", 1_000, rows))]).unwrap();
    let settings = checked(&inferred);
    assert_eq!(settings.input().delimiter, Some(';'));
    assert!(settings.input().path.ends_with("events-{date}.csv") && settings.input().date_format == "%Y%m%d");
    assert_eq!(
        settings.outcome(),
        &Outcome::Event { column: "event".into(), positive: vec![("buy".into(), 1.0)], rejected: vec![] }
    );
    assert_eq!(settings.time().unwrap().format(), &TimeFormat::Auto);
    let topics = settings.features().find("topics").unwrap();
    assert_eq!(topics.side, Side::Item);
    assert!(topics.list.as_ref().is_some_and(|list| list.separator == '|' && list.weighted));
}

#[test]
fn parts_and_test_files_and_orders_decide_on_the_split() {
    let pairs = |row: usize| format!("{},{}", row % 97, row % 301);
    let text = || lines("user,item", 500, pairs);
    let given = inferred(&[("train.csv", text()), ("test.csv", text())]).unwrap();
    let settings = checked(&given);
    assert!(settings.input().path.ends_with("train.csv"));
    assert!(matches!(settings.split(), Split::Given { test, .. } if test.ends_with("test.csv")));

    let dated = inferred(&[("log.csv", text()), ("test-20261101.csv", text())]).unwrap();
    assert!(matches!(checked(&dated).split(), Split::Given { test, .. } if test.ends_with("/test-20261101.csv")));

    let order = |row: usize| format!("{},{},{}", row / 10, row * 7 % 301, row % 10);
    let ordered = inferred(&[("sequences.csv", lines("user,item,position", 500, order))]).unwrap();
    let settings = checked(&ordered);
    assert_eq!(settings.split(), &Split::LeaveLastOneOut { validation: true });
    assert_eq!(settings.time().unwrap().format(), &TimeFormat::Order);

    let parts = |row: usize| format!("{},{},{}", row % 97, row % 301, ["train", "dev", "test"][row % 3]);
    let settings = checked(&inferred(&[("rows.csv", lines("user,item,part", 500, parts))]).unwrap());
    let expected = Split::ByColumn { column: "part".into(), validation: vec!["dev".into()], test: vec!["test".into()] };
    assert_eq!(settings.split(), &expected);

    let hour = |row: usize| format!("{},{},14102100", row % 97, row % 301);
    let one_hour = inferred(&[("hour.csv", lines("user,item,hour", 500, hour))]).unwrap();
    assert!(matches!(checked(&one_hour).split(), Split::ByDate { .. }));
    assert_eq!(confidence(&one_hour, "samples.split"), Confidence::Low);

    let unknown = inferred(&[("pairs.csv", text())]).unwrap();
    checked(&unknown);
    assert_eq!(confidence(&unknown, "samples.split"), Confidence::Low);
}

#[test]
fn only_the_beginning_of_a_large_file_is_read() {
    let rows = |row: usize| format!("u{},i{},{}", row % 9_000, row % 700, 1_700_000_000 + row);
    let inferred = inferred(&[("log.csv", lines("user,item,time", 80_000, rows))]).unwrap();
    let reason = &inferred.guesses.iter().find(|guess| guess.key == "input.user").unwrap().reason;
    let seen: usize = reason.split(" in ").nth(1).unwrap().split(' ').next().unwrap().replace(',', "").parse().unwrap();
    assert!((40_000..70_000).contains(&seen), "{reason}");
}

#[test]
fn what_cannot_be_guessed_is_an_error_with_the_columns() {
    let rows = |row: usize| format!("{},{},{}", row, row % 7, row % 11);
    let error = inferred(&[("x.csv", lines("alpha,beta,gamma", 100, rows))]).unwrap_err();
    assert!(error.to_string().contains("alpha, beta, gamma"), "{error}");
    assert_eq!(error.code(), "unsuitable-data");
    let error = inferred(&[("x.csv", lines("item,beta", 1, |_| "1,1".into()))]).unwrap_err();
    assert!(error.to_string().contains("of a user or a request"), "{error}");
    assert!(matches!(inferred(&[("x.csv", "a,b\n".into())]), Err(DataError::EmptyFile { .. })));
    assert!(matches!(infer(&[]), Err(DataError::Unsuitable { .. })));
    let nowhere = infer(&[Path::new("/nowhere/x.csv").to_owned()]).unwrap_err();
    assert!(nowhere.to_string().contains("/nowhere/x.csv"), "{nowhere}");
}

#[test]
fn names_with_quotes_and_line_ends_stay_inside_their_strings() {
    let rows = |row: usize| format!("u{},i{},{}", row % 9, row % 7, row % 3);
    let header = "user,item,\"a \"\"b\"\"\nc\"";
    let inferred = inferred(&[("x.csv", lines(header, 200, rows))]).unwrap();
    let settings = checked(&inferred);
    assert!(settings.features().find("a \"b\"\nc").is_some(), "{}", inferred.config);
}
