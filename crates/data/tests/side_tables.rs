//! Side tables whose rows have a time: what a sample sees of them, and what is served.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use twinspire_core::attribute::{AttributeTable, AttributeValue};
use twinspire_core::interaction::Part;
use twinspire_core::sample::SampleLayout;
use workplace::{FEATURES, Workplace, checked};

fn config(input: &str, samples: &str) -> String {
    format!("[input]\npath = \"log.csv\"\n{input}\n[samples]\n{samples}\n{FEATURES}")
}

/// A feature that is its raw number.
fn number(name: &str, side: &str) -> String {
    format!("[[features]]\nname = \"{name}\"\nside = \"{side}\"\nkind = \"numeric\"\nnormalise = \"none\"\n")
}

#[test]
fn rows_of_a_side_table_are_true_from_their_time_on() {
    let day = |day: u32| format!("2026-11-{day:02}T00:00:00Z");
    let log: String = (1..=5).map(|at| format!("ann,a,{},1\nbob,b,{},0\n", day(at), day(at))).collect();
    let place = Workplace::with("log.csv", &format!("user,item,t,click\n{log}"));
    // Not in order of time; zoe has no event, d no click; the last rows are of the future of every event.
    let of = |rows: &[(&str, u32, u32)]| -> String {
        rows.iter().map(|&(key, value, from)| format!("{key},{value},{}\n", day(from))).collect()
    };
    place.write(
        "users.csv",
        format!("name,age,since\n{}", of(&[("ann", 33, 9), ("ann", 31, 2), ("ann", 32, 4), ("zoe", 9, 1)])),
    );
    place.write(
        "items.csv",
        format!("id,price,since\n{}", of(&[("a", 10, 1), ("b", 20, 1), ("b", 40, 4), ("d", 7, 3), ("b", 50, 9)])),
    );
    let since = "time = { column = \"since\" }";
    let tables = format!(
        "user = \"user\"\ntime = {{ column = \"t\" }}\nlabel = {{ column = \"click\" }}\n\
        items = {{ path = \"items.csv\", item = \"id\", {since} }}\nusers = {{ path = \"users.csv\", user = \"name\", {since} }}"
    );
    let split = "mode = \"labels\"\nsplit = { kind = \"by_date\" }";
    place.samples(&(config(&tables, split) + &number("age", "user") + &number("price", "item")));
    let made = place.tables();
    let mut found = Vec::new();
    for table in made.set(Part::Train).tables() {
        let (ages, prices) = (table.user_features().dense, table.item_features().unwrap().dense);
        for row in 0..table.len() {
            found.push((made.items.id(table.items()[row]).to_owned(), table.times()[row], ages[row], prices[row]));
        }
    }
    found.sort_by(|left, right| (&left.0, left.1).cmp(&(&right.0, right.1)));
    let values: Vec<(f32, f32)> = found.iter().map(|&(_, _, age, price)| (age, price)).collect();
    let ann = [(0.0, 0.0), (0.0, 10.0), (31.0, 10.0), (31.0, 10.0)];
    let bob = [(0.0, 0.0), (0.0, 20.0), (0.0, 20.0), (0.0, 20.0)];
    assert_eq!(values, [ann, bob].concat(), "the latest row strictly before the event; before the first one, none");
    assert_eq!(
        (0..3).map(|item| made.items.id(item)).collect::<Vec<_>>(),
        ["a", "b", "d"],
        "an item without clicks too"
    );
    assert_eq!(made.items.features().dense, [10.0, 50.0, 7.0], "the corpus has the newest row");
    let row = made.histories.find("ann").unwrap();
    assert_eq!(made.histories.raw(row, "age"), Some("33"), "and so has the user who asks");
}

#[test]
fn a_changed_zone_of_a_side_table_makes_it_anew() {
    let place = Workplace::with("log.csv", "user,item,t\nann,a,2026-11-01\nann,b,2026-11-02\nann,c,2026-11-03\n");
    place.write("users.csv", "user,age,since\nann,7,2026-11-02\n");
    let ages = |zone: &str| {
        let input = format!(
            "user = \"user\"\ntime = {{ column = \"t\" }}\n\
            users = {{ path = \"users.csv\", user = \"user\", time = {{ column = \"since\", zone = \"{zone}\" }} }}"
        );
        place.samples(&(config(&input, "split = { kind = \"by_date\" }") + &number("age", "user")));
        let set = place.tables().set(Part::Train);
        set.tables().iter().flat_map(|table| table.user_features().dense.to_vec()).collect::<Vec<f32>>()
    };
    assert_eq!((ages("UTC"), ages("Asia/Shanghai")), (vec![0.0, 0.0], vec![0.0, 7.0]));
}

#[test]
fn a_side_row_of_the_same_key_and_time_or_without_a_time_is_rejected() {
    let place = Workplace::with("log.csv", "user,item,t\nann,a,2026-11-01\nann,b,2026-11-02\n");
    place.write("users.csv", "user,age,since\nann,1,2026-11-01\nann,2,2026-11-01\nann,3,soon\nann,4,2026-11-02\n");
    let input = "user = \"user\"\nmax_reject_ratio = 1.0\ntime = { column = \"t\" }\n\
        users = { path = \"users.csv\", user = \"user\", time = { column = \"since\" } }";
    let config = config(input, "") + &number("age", "user");
    let report = place.ingest(&config).unwrap();
    let users = &report.accounts[1];
    assert_eq!((users.accepted, users.rejects()), (2, 2));
}

#[test]
fn attributes_are_those_of_the_newest_row_and_bad_numbers_cost_their_row() {
    let log = "user,item,t\nann,a,2026-11-01\nann,b,2026-11-02\nann,c,2026-11-03\n";
    let place = Workplace::with("log.csv", log);
    place.write(
        "items.csv",
        "id,city,price,tags,stock,since\n\
        a,Wien,3.5,x|y|,1,2026-11-01\na,Graz,4,y,0,2026-11-05\nb,,-2,,yes,2026-11-01\nd,Graz,1e1,z,1,2026-11-01\n\
        e,Wien,cheap,x,1,2026-11-01\n",
    );
    let input = "user = \"user\"\nmax_reject_ratio = 1.0\ntime = { column = \"t\" }\n\
        [input.items]\npath = \"items.csv\"\nitem = \"id\"\ntime = { column = \"since\" }\n\
        attributes = [{ column = \"city\" }, { column = \"price\", kind = \"number\" }, \
        { column = \"tags\", separator = \"|\" }]\navailable = { column = \"stock\", values = [\"1\", \"yes\"] }";
    let config = config(input, "split = { kind = \"by_date\" }");
    let report = place.samples(&config);
    drop(report);
    let table = AttributeTable::open(&SampleLayout { folder: place.folders().samples() }.attributes()).unwrap();
    assert_eq!(place.tables().items.len(), 4, "a, b, c of the log, d of the table; e was rejected");
    let found: Vec<_> = table.iter().map(|(number, value, items)| (number, value, items.to_vec())).collect();
    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let number = AttributeValue::Number;
    let expected = [
        (0, text("Graz"), vec![0, 3]),
        (1, number(-2.0), vec![1]),
        (1, number(4.0), vec![0]),
        (1, number(10.0), vec![3]),
        (2, text("y"), vec![0]),
        (2, text("z"), vec![3]),
    ];
    assert_eq!(found, expected);
    assert_eq!(table.available(), Some(&[1, 3][..]), "a is sold out, nobody knows c");
}

#[test]
fn attributes_that_cannot_be_meant_are_faults_of_the_config() {
    let faults = |items: &str| {
        let input =
            format!("user = \"user\"\ntime = {{ column = \"t\" }}\n[input.items]\npath = \"items.csv\"\n{items}");
        checked(&config(&input, "split = { kind = \"by_date\" }")).unwrap_err()
    };
    let twice = "attributes = [{ column = \"a\" }, { column = \"a\", separator = \"\" }]\navailable = { values = [] }";
    let keys =
        ["input.items.attributes[1].column", "input.items.attributes[1].separator", "input.items.available.values"];
    assert_eq!(faults(twice), keys);
    let place = Workplace::with("log.csv", "user,item,t\nann,a,2026-11-01\nann,b,2026-11-02\n");
    place.write("items.csv", "item,city\na,Wien\n");
    let input = "user = \"user\"\ntime = { column = \"t\" }\n\
        [input.items]\npath = \"items.csv\"\navailable = { column = \"stock\" }";
    let error = place.ingest(&config(input, "split = { kind = \"by_date\" }")).unwrap_err();
    assert!(error.to_string().contains("stock"), "{error}");
}
