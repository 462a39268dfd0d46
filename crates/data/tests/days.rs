//! Which files a run reads: the days of its window, each file once, whatever was read before.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use twinspire_core::partition::Date;
use twinspire_data::Window;
use workplace::{FEATURES, Told, Workplace};

fn config(input: &str) -> String {
    let split = "[samples]\nsplit = { kind = \"by_column\", column = \"item\", test = [\"none\"] }\n";
    format!("[input]\n{input}\n{split}{FEATURES}")
}

const DATED: &str = "path = \"logs/{date}/*.csv\"\nuser = \"user\"\ndays = 2";

#[test]
fn a_missing_and_an_empty_day_are_named() {
    let place = Workplace::with("logs/2026-11-01/a.csv", "user,item\na,1\n");
    place.write("logs/2026-11-03/a.csv", "user,item\na,1\n");
    let error = place.ingest(&config(DATED)).unwrap_err();
    assert_eq!(error.code(), "missing-partition");
    assert!(error.to_string().contains("2026-11-02"), "{error}");
    assert!(error.hint().unwrap().contains("2026-11-01"), "{:?}", error.hint());
    place.write("logs/2026-11-02/a.csv", "user,item\n");
    let error = place.ingest(&config(DATED)).unwrap_err();
    assert_eq!(error.code(), "empty-file");
    assert!(error.to_string().contains("2026-11-02"), "{error}");
    assert_eq!(place.check(&config(DATED)).unwrap_err().to_string(), error.to_string());
    place.write("logs/2026-11-02/b.csv", "user,item\nb,2\n");
    place.write("logs/2026-11-02/c.csv", "");
    place.write("logs/2026-11-02/d.csv.gz", "");
    let report = place.ingest(&config(&DATED.replace("*.csv", "*"))).unwrap();
    let read: Vec<u64> = report.accounts.iter().map(|account| account.read).collect();
    assert_eq!(read, [0, 1, 0, 0, 1], "empty files beside others of the day are allowed, and seen");
    let looked_at = place.check(&config(&DATED.replace("*.csv", "*"))).unwrap().files;
    assert_eq!(looked_at.iter().map(|file| file.account.read).collect::<Vec<_>>(), [0, 0, 1]);
}

#[test]
fn the_window_ends_at_the_named_day() {
    let place = Workplace::new();
    for day in 1..=4 {
        place.write(&format!("logs/2026-11-0{day}/a.csv"), format!("user,item\na,{day}\n"));
    }
    let last: Date = "2026-11-03".parse().unwrap();
    let told = |days| Told { window: Window { last: Some(last), days }, ..Told::default() };
    let items = |days| {
        let read = place.ingest_told(&config(DATED), told(days)).unwrap().files_read;
        (read, place.interactions().into_iter().map(|(_, item, ..)| item).collect::<Vec<_>>().concat())
    };
    assert_eq!([items(None), items(Some(3))], [(2, "23".to_owned()), (1, "123".to_owned())], "a day is read once");
}

#[test]
fn a_late_or_corrected_file_is_read_alone() {
    let place = Workplace::new();
    for day in 1..=3 {
        place.write(&format!("logs/2026-11-0{day}/a.csv"), format!("user,item\na,{day}\n"));
    }
    let dated = config(&DATED.replace("\ndays = 2", ""));
    let read = || place.ingest(&dated).unwrap().files_read;
    assert_eq!((read(), read()), (3, 0));
    place.write("logs/2026-11-02/0-late.csv", "user,item\nb,4\n");
    assert_eq!((read(), place.interactions().len()), (1, 4), "a file that comes before another of its day");
    place.write("logs/2026-11-01/a.csv", "user,item\na,5\n");
    assert_eq!((read(), place.interactions()[0].1.as_str()), (1, "2"));
    std::fs::remove_file(place.data().join("logs/2026-11-02/0-late.csv")).unwrap();
    assert_eq!((read(), place.interactions().len()), (0, 3), "a file that was taken away");
}

#[test]
fn without_a_length_the_window_of_dated_logs_has_thirty_days() {
    let place = Workplace::new();
    let days: Vec<Date> = (1..=31).map(|day| format!("2026-10-{day:02}").parse().unwrap()).collect();
    for day in &days {
        place.write(&format!("logs/{day}/a.csv"), "user,item\na,1\n");
    }
    let dated = config(&DATED.replace("\ndays = 2", ""));
    let first = |last: usize| {
        let told = Told { window: Window { last: Some(days[last]), days: None }, ..Told::default() };
        let accounts = place.ingest_told(&dated, told).unwrap().accounts;
        (accounts.len(), accounts[0].path.clone())
    };
    assert_eq!(first(30), (30, "logs/2026-10-02/a.csv".to_owned()));
    assert_eq!(first(4), (5, "logs/2026-10-01/a.csv".to_owned()), "days before the first are not missed");
}
