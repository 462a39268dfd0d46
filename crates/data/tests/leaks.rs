//! What a sample may know: the past of its event, and nothing else. Random worlds, in which a sample has the very values
//! that a request with the same past gets, and in which a changed future changes no byte of the training part.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use twinspire_core::encode::EncodedRows;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::Part;
use twinspire_core::query::{Lookup, Query};
use twinspire_core::rng::Rng;
use twinspire_core::sample::SampleTable;
use workplace::{Row, Tables, Told, Workplace, checksums};

const USERS: u32 = 12;
const ITEMS: u32 = 30;
const HOURS: u32 = 120;

/// Every kind of feature that looks at the past.
const CONFIG: &str = r#"
[input]
path = "log.csv"
user = "user"
time = { column = "t" }
event = { column = "event", positive = ["click"] }
[samples]
split = { kind = "by_date", validation_days = 1, test_days = 1 }
[[features]]
name = "known"
column = "user"
side = "user"
kind = "vocabulary"
[[features]]
name = "seen"
side = "user"
kind = "history"
of = ["item"]
[[features]]
name = "clicks_1d"
side = "user"
kind = "window"
window = "1d"
what = "count"
[[features]]
name = "clicks_2h"
side = "user"
kind = "window"
window = "2h"
what = "count"
boundaries = [1, 2]
[[features]]
name = "items_2d"
side = "user"
kind = "window"
window = "2d"
what = "distinct_count"
normalise = "standard"
[[features]]
name = "idle"
side = "user"
kind = "window"
window = "30d"
what = "age"
[[features]]
name = "colours_2d"
side = "user"
kind = "window"
window = "2d"
what = "distinct_count"
of = ["colour"]
[[features]]
name = "likes"
side = "user"
kind = "window"
window = "2d"
what = "top"
of = ["tags"]
n = 3
[[features]]
name = "item"
side = "item"
kind = "vocabulary"
[[features]]
name = "colour"
side = "item"
kind = "hash"
buckets = 5
[[features]]
name = "tags"
side = "item"
kind = "vocabulary"
list = { separator = "|" }
[[features]]
name = "price"
side = "item"
kind = "numeric"
"#;

#[derive(Clone, Copy, PartialEq)]
struct Event {
    user: u32,
    item: u32,
    hour: u32,
    is_click: bool,
}

fn event(hour: u32, rng: &mut Rng) -> Event {
    Event { user: rng.below(USERS), item: rng.below(ITEMS), hour, is_click: rng.below(3) > 0 }
}

/// Five days; every item is there from the first hour on, so that a changed future keeps the corpus.
fn events(rng: &mut Rng) -> Vec<Event> {
    let start = (0..ITEMS).map(|item| Event { user: item % USERS, item, hour: 0, is_click: true });
    let mut events: Vec<Event> = start.collect();
    events.extend((0..500).map(|_| event(rng.below(HOURS), rng)));
    events
}

fn log(events: &[Event]) -> String {
    let line = |event: &Event| {
        let Event { user, item, hour, is_click } = event;
        let (day, hour, event) = (1 + hour / 24, hour % 24, if *is_click { "click" } else { "impression" });
        let attributes = format!("c{},t{}|t{},{}", item % 4, item % 7, item % 3, item * 2 + hour);
        format!("u{user},i{item},2026-11-{day:02}T{hour:02}:00:00Z,{event},{attributes}\n")
    };
    format!("user,item,t,event,colour,tags,price\n{}", events.iter().map(line).collect::<String>())
}

/// Ids of single values, numbers, and lists of ids with weights of one row.
type RowValues = (Vec<u32>, Vec<f32>, Vec<Vec<(u32, f32)>>);

/// The user features of one row, as rows of their own.
fn row_of(table: &SampleTable, row: usize) -> RowValues {
    let features = table.user_features().slice(row..row + 1);
    let pairs = |(ids, weights): (&[u32], &[f32])| ids.iter().copied().zip(weights.iter().copied()).collect();
    let multi = features.multi.iter().map(|column| pairs(column.row(0))).collect();
    (features.single.to_vec(), features.dense.to_vec(), multi)
}

fn row_of_request(rows: &EncodedRows) -> RowValues {
    let columns = rows.multi.iter();
    let multi = columns.map(|column| column.ids.iter().copied().zip(column.weights.iter().copied()).collect());
    (rows.single.clone(), rows.dense.clone(), multi.collect())
}

/// Compares every row of a table with what requests get; returns the number of rows.
fn rows_equal_requests(tables: &Tables, table: &SampleTable) -> usize {
    let lookup =
        Lookup { encoder: &tables.encoder, items: &tables.items, histories: &tables.histories, needs_times: false };
    for row in 0..table.len() {
        let (user, end, time) = (table.users()[row], table.history_end()[row], table.times()[row]);
        let past = tables.histories.before(user, end).iter().map(|&item| tables.items.id(item).to_owned());
        let query = Query {
            user: Some(tables.histories.user(user).to_owned()),
            history: Some(past.collect()),
            history_times: Some(tables.histories.times(user)[..end as usize].to_vec()),
            ..Query::default()
        };
        let sent = lookup.encode(&query, time).unwrap();
        assert_eq!(row_of(table, row), row_of_request(&sent.rows), "row {row} as of {time}");
        let stored = lookup.encode(&Query { history: None, history_times: None, ..query }, time).unwrap();
        assert_eq!(sent.rows, stored.rows, "what is stored of later moments is in no window");
    }
    table.len()
}

#[test]
fn a_sample_has_the_values_that_a_request_with_the_same_past_gets_at_the_same_time() {
    let mut rows = 0;
    for world in 0..6 {
        let place = Workplace::with("log.csv", &log(&events(&mut Rng::stream(world, "leaks", 0))));
        for mode in ["events", "labels"] {
            let config = CONFIG.replace("[samples]", &format!("[samples]\nmode = \"{mode}\""));
            place.samples(&config);
            let tables = place.tables();
            for part in [Part::Train, Part::Validation, Part::Test] {
                rows +=
                    tables.set(part).tables().iter().map(|table| rows_equal_requests(&tables, table)).sum::<usize>();
                rows += tables.query_table(part).map_or(0, |table| rows_equal_requests(&tables, &table));
            }
        }
    }
    assert!(rows > 4_000, "{rows}");
}

/// What must not change with the future: the files of the training part, its samples in words, the corpus, and all that
/// was learnt.
#[derive(Debug, PartialEq)]
struct Past {
    files: Vec<(String, String)>,
    samples: Vec<Row>,
    items: Vec<f32>,
    learnt: String,
}

fn made(events: &[Event]) -> (Past, Vec<Row>) {
    let place = Workplace::with("log.csv", &log(events));
    let report = place.samples_told(CONFIG, Told { seed: 3, threads: 2, ..Told::default() }).unwrap();
    let files = checksums(report.outcome.manifest()).into_iter();
    let tables = place.tables();
    let past = Past {
        files: files.filter(|(path, _)| path.starts_with("train/") || path == "items.arrow").collect(),
        samples: tables.samples(Part::Train),
        items: tables.items.features().dense.to_vec(),
        learnt: tables.encoder.fingerprint(),
    };
    (past, tables.samples(Part::Test))
}

#[test]
fn a_changed_future_changes_no_byte_of_the_training_part() {
    for world in 0..6 {
        let mut rng = Rng::stream(world, "leaks", 1);
        let plain = events(&mut rng);
        let (past, future): (Vec<Event>, Vec<Event>) = plain.iter().partition(|event| event.hour < 72);
        let shuffled: Vec<Event> = future.iter().map(|old| event(old.hour, &mut rng)).collect();
        let (before, test) = made(&plain);
        assert!(before.samples.len() > 150 && before.files.len() >= 2, "{}", before.samples.len());
        let changed: Vec<Event> = past.iter().copied().chain(shuffled).collect();
        let (after, other_test) = made(&changed);
        assert_eq!(before, after, "world {world}");
        assert_ne!(test, other_test, "the test part did change");
    }
}

#[test]
fn a_changed_future_changes_no_earlier_sample_whatever_its_part() {
    for world in 0..6 {
        let mut rng = Rng::stream(world, "leaks", 2);
        let (plain, from) = (events(&mut rng), 72 + rng.below(48));
        // A click in the last hour keeps the days of the parts.
        let keeps = |event: &Event| event.hour < from || event.hour == HOURS - 1;
        let mut changed: Vec<Event> = plain.iter().copied().filter(keeps).collect();
        changed.extend((0..60).map(|_| event(from + rng.below(HOURS - from), &mut rng)));
        let earlier = |events: &[Event]| {
            let place = Workplace::with("log.csv", &log(events));
            place.samples(CONFIG);
            let tables = place.tables();
            let until = tables.histories.last_time() - i64::from(HOURS - 1 - from) * 3_600_000_000;
            let mut rows = Vec::new();
            for part in [Part::Train, Part::Validation, Part::Test] {
                for table in tables.set(part).tables() {
                    let before = (0..table.len()).filter(|&row| table.times()[row] < until);
                    rows.extend(before.map(|row| {
                        let (user, end) = (table.users()[row], table.history_end()[row]);
                        assert_eq!(table.history_skip()[row], MISSING);
                        let past = tables.histories.before(user, end).to_vec();
                        (
                            tables.histories.user(user).to_owned(),
                            table.times()[row],
                            table.items()[row],
                            past,
                            row_of(table, row),
                        )
                    }));
                }
            }
            rows
        };
        let (before, after) = (earlier(&plain), earlier(&changed));
        assert!(before.len() > 200, "{}", before.len());
        assert_eq!(before, after, "world {world}, changed from hour {from}");
    }
}
