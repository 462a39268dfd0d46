//! Interactions to samples: the splits as they are named, histories as of the event, and bytes that do not depend on
//! threads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::collections::BTreeMap;
use twinspire_core::hash::bucket;
use twinspire_core::interaction::Part;
use twinspire_core::query::{Lookup, Query};
use twinspire_core::rng::Rng;
use twinspire_data::Window;
use twinspire_data::sample::SamplesReport;
use workplace::{FEATURES, Row, Told, Workplace, checksums, gzip, short};

fn config(input: &str, samples: &str) -> String {
    format!("[input]\npath = \"log.csv\"\n{input}\n[samples]\n{samples}\n{FEATURES}")
}

const USER_AND_TIME: &str = "user = \"user\"\ntime = { column = \"t\", format = \"order\" }";
const LAST_OUT: &str = "split = { kind = \"leave_last_one_out\" }";

#[test]
fn by_date_the_last_days_are_judged() {
    let text = "user,item,t\n\
        ann,a,2026-11-01T10:00:00Z\nann,b,2026-11-02T10:00:00Z\nann,c,2026-11-03T00:00:00Z\nann,d,2026-11-03T20:00:00Z\n\
        ann,e,2026-11-04T00:00:00Z\nbob,a,2026-11-04T01:00:00Z\n";
    let place = Workplace::with("log.csv", text);
    let split = "split = { kind = \"by_date\", validation_days = 1, test_days = 1 }";
    let report = place.samples(&config("user = \"user\"\ntime = { column = \"t\" }", split));
    let tables = place.tables();
    assert_eq!(short(&tables.samples(Part::Train)), ["ann a <", "ann b < a"]);
    assert_eq!(short(&tables.samples(Part::Validation)), ["ann c < a b", "ann d < a b c"]);
    assert_eq!(short(&tables.queries(Part::Validation)), ["ann c+d < a b"], "one query a user, as of her first event");
    assert_eq!(short(&tables.queries(Part::Test)), ["ann e < a b c d", "bob a <"]);
    let test = report.statistics.parts[&Part::Test];
    assert_eq!((test.queries, test.queries_without_history, test.positives), (2, 1, 2));
    assert_eq!((report.statistics.users, report.statistics.items, report.statistics.cold_items), (2, 5, 3));
    let zone = "user = \"user\"\ntime = { column = \"t\", zone = \"Asia/Shanghai\" }";
    place.samples(&config(zone, split));
    assert_eq!(short(&place.tables().samples(Part::Test)), ["ann d < a b c", "ann e < a b c d", "bob a <"]);
}

#[test]
fn a_dated_folder_gives_the_day_where_there_is_no_time() {
    let place = Workplace::new();
    for (day, row) in [(1, "ann,a"), (2, "ann,b"), (3, "ann,c")] {
        place.write(&format!("log/{day:02}.11.2026.csv"), format!("user,item\n{row}\n"));
    }
    let input = "user = \"user\"\ndate_format = \"%d.%m.%Y\"";
    place.samples(&config(input, "").replace("log.csv", "log/{date}.csv"));
    assert_eq!(short(&place.tables().samples(Part::Train)), ["ann a <", "ann b < a"]);
    assert_eq!(short(&place.tables().queries(Part::Validation)), ["ann c < a b"]);
}

#[test]
fn leave_last_one_out_keeps_short_users_in_train() {
    let text = "user,item,t,label\n\
        ann,a,1,1\nann,b,2,1\nann,x,3,0\nann,c,4,1\nann,y,5,0\nann,d,6,1\nann,z,7,0\nbob,a,1,1\nbob,b,2,1\n";
    let place = Workplace::with("log.csv", text);
    let input = format!("{USER_AND_TIME}\nlabel = {{ column = \"label\" }}");
    let report = place.samples(&config(&input, LAST_OUT));
    let tables = place.tables();
    assert_eq!(short(&tables.samples(Part::Train)), ["ann a <", "ann b < a", "bob a <", "bob b < a"]);
    assert_eq!(short(&tables.queries(Part::Validation)), ["ann c < a b"]);
    assert_eq!(short(&tables.queries(Part::Test)), ["ann d < a b c"]);
    let of = |part| (report.statistics.parts[&part].positives, report.statistics.parts[&part].impressions);
    assert_eq!([Part::Train, Part::Validation, Part::Test].map(of), [(4, 1), (1, 1), (1, 1)]);
    assert_eq!(report.statistics.history_lengths.median, 3.0);
}

#[test]
fn without_a_validation_part_the_positive_before_the_last_trains() {
    let text = "user,item,t,label\n\
        ann,a,1,1\nann,b,2,1\nann,c,4,1\nann,y,5,0\nann,d,6,1\nann,z,7,0\nbob,a,1,1\nbob,b,2,1\n";
    let place = Workplace::with("log.csv", text);
    let input = format!("{USER_AND_TIME}\nlabel = {{ column = \"label\" }}");
    let split = "split = { kind = \"leave_last_one_out\", validation = false }";
    let report = place.samples(&config(&input, split));
    let tables = place.tables();
    let train = ["ann a <", "ann b < a", "ann c < a b", "bob a <", "bob b < a"];
    assert_eq!(short(&tables.samples(Part::Train)), train);
    assert_eq!(short(&tables.queries(Part::Test)), ["ann d < a b c"], "as with a validation part");
    assert_eq!(report.statistics.parts[&Part::Train].impressions, 1);
    assert_eq!(report.statistics.parts[&Part::Validation].samples, 0);
}

#[test]
fn what_was_shown_or_refused_in_train_and_never_chosen_is_listed() {
    let text = "user,item,t,event\n\
        ann,x,1,view\nann,a,2,click\nann,a,3,view\nann,y,4,view\nann,x,5,view\nann,z,6,refuse\nann,b,7,click\n\
        ann,c,8,click\nann,w,9,view\nbob,a,1,view\nbob,z,1,refuse\neve,c,3,click\n";
    let place = Workplace::with("log.csv", text);
    let event = "event = { column = \"event\", positive = [\"click\"], rejected = [\"refuse\"] }";
    for threads in [1, 3] {
        let told = Told { threads, ..Told::default() };
        place.samples_told(&config(&format!("{USER_AND_TIME}\n{event}"), LAST_OUT), told).unwrap();
        let [shown, refused] = place.tables().unchosen();
        // The click on b is validation, and so is what follows it up to the next one.
        assert_eq!(shown, ["ann x@1 y@4 x@5", "bob a@1"]);
        assert_eq!(refused, ["ann z@6", "bob z@1"]);
    }
}

#[test]
fn a_column_names_the_parts_and_without_time_the_own_item_is_left_out() {
    let text = "user,item,part\nann,a,train\nann,b,\nann,c,other\nann,d,dev\nann,a,dev\nann,e,test\nbob,b,train\n";
    let place = Workplace::with("log.csv", text);
    let split = "split = { kind = \"by_column\", column = \"part\", validation = [\"dev\"], test = [\"test\"] }";
    place.samples(&config("user = \"user\"", split));
    let tables = place.tables();
    assert_eq!(short(&tables.samples(Part::Train)), ["ann a < b c", "ann b < a c", "ann c < a b", "bob b <"]);
    assert_eq!(short(&tables.queries(Part::Validation)), ["ann a+d < a b c"], "the train items, and nothing later");
    assert_eq!(short(&tables.queries(Part::Test)), ["ann e < a b c d"]);
}

#[test]
fn of_a_given_split_the_test_file_is_judged_and_validation_is_drawn_with_the_seed() {
    let mut rng = Rng::stream(3, "given", 0);
    let place = Workplace::new();
    let rows: String = (0..100).flat_map(|user| (0..10).map(move |item| format!("u{user},i{item}\n"))).collect();
    place.write("log.csv", format!("user,item\n{rows}"));
    let test: String = (0..100).map(|user| format!("u{user},j{}\n", rng.below(5))).collect();
    place.write("test.csv", format!("user,item\n{test}"));
    let split = "split = { kind = \"given\", test = \"test.csv\", validation_share = 0.25 }";
    let config = config("user = \"user\"", split);
    let drawn = |seed| {
        let report = place.samples_told(&config, Told { seed, ..Told::default() }).unwrap();
        let parts = [Part::Train, Part::Validation, Part::Test].map(|part| report.statistics.parts[&part].positives);
        (parts, place.tables().queries(Part::Validation))
    };
    let ((parts, first), (_, second), (_, again)) = (drawn(1), drawn(2), drawn(1));
    assert_eq!((parts[0] + parts[1], parts[2]), (1_000, 100));
    assert!((200..300).contains(&parts[1]), "{parts:?}");
    assert_eq!(first, again);
    assert_ne!(first, second);
    let of_validation = |row: &Row| row.history.len() + row.truth.len() == 10;
    assert!(first.iter().all(of_validation), "what is drawn is no history");
    assert!(place.tables().queries(Part::Test).iter().all(|row| row.history.len() == 10));
}

/// Events of 12 users over 40 moments.
fn events() -> String {
    let mut rng = Rng::stream(11, "events", 0);
    let line = |_| {
        let (user, item, time) = (rng.below(12), rng.below(30), rng.below(40));
        format!("u{user},i{item},2026-11-{:02}T{:02}:00:00Z\n", 1 + time / 10, time % 10)
    };
    format!("user,item,t\n{}", (0..400).map(line).collect::<String>())
}

#[test]
fn a_history_holds_the_positives_strictly_before_the_event() {
    let text = events();
    let place = Workplace::with("log.csv", &text);
    place.samples(&config("user = \"user\"\ntime = { column = \"t\" }", "split = { kind = \"by_date\" }"));
    let mut by_user: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        by_user.entry(cells[0]).or_default().push((cells[2], cells[1]));
    }
    let mut expected = Vec::new();
    for (user, events) in &mut by_user {
        events.sort_by_key(|&(time, _)| time.to_owned());
        for &(time, item) in events.iter() {
            let before = events.iter().filter(|(earlier, _)| *earlier < time).map(|(_, item)| *item);
            expected.push(format!("{user} {item} < {}", before.collect::<Vec<_>>().join(" ")).trim_end().to_owned());
        }
    }
    let tables = place.tables();
    let mut found = short(&tables.samples(Part::Train));
    found.extend(short(&tables.samples(Part::Validation)));
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn labelled_rows_keep_their_label_and_their_own_item_features() {
    let text =
        "user,item,t,click,price\nann,a,1,1,10\nann,b,2,0,20\nann,a,3,0,30\nann,c,4,1,40\nann,a,5,1,50\nbob,a,1,0,60\n";
    let place = Workplace::with("log.csv", text);
    let price = "[[features]]\nname = \"price\"\nside = \"item\"\nkind = \"numeric\"\nnormalise = \"none\"\n";
    let input = format!("{USER_AND_TIME}\nlabel = {{ column = \"click\" }}");
    let report = place.samples(&(config(&input, &format!("mode = \"labels\"\n{LAST_OUT}")) + price));
    let tables = place.tables();
    assert_eq!(short(&tables.samples(Part::Train)), ["ann -a < a", "ann -b < a", "ann a <", "bob -a <"]);
    let set = tables.set(Part::Train);
    let mut prices: Vec<f32> =
        set.tables().iter().flat_map(|table| table.item_features().unwrap().dense.to_vec()).collect();
    prices.sort_by(f32::total_cmp);
    assert_eq!(prices, [10.0, 20.0, 30.0, 60.0], "each row has the price that it was shown with");
    let train = report.statistics.parts[&Part::Train];
    assert_eq!((train.samples, train.positives, train.negatives, train.impressions), (4, 1, 3, 0));
    assert_eq!(short(&tables.queries(Part::Test)), ["ann a < a c"]);
}

#[test]
fn positive_events_carry_their_weights_and_rejections_are_no_samples() {
    let text = "user,item,t,what\nann,a,1,view\nann,b,2,buy\nann,c,3,hide\nann,d,4,click\n";
    let place = Workplace::with("log.csv", text);
    let event = "event = { column = \"what\", positive = { click = 1, buy = 10 }, rejected = [\"hide\"] }";
    let report = place.samples(&config(&format!("{USER_AND_TIME}\n{event}"), LAST_OUT));
    let set = place.tables().set(Part::Train);
    let weights: Vec<f32> = set.tables().iter().flat_map(|table| table.weights().to_vec()).collect();
    assert_eq!(weights, [10.0, 1.0]);
    let train = report.statistics.parts[&Part::Train];
    assert_eq!((train.samples, train.positives, train.impressions, train.rejected), (2, 2, 1, 1));
}

#[test]
fn without_a_user_every_judged_event_is_a_query() {
    let text = "site,item,click,part\nx,a,1,train\ny,b,0,train\nx,a,0,train\nx,b,1,test\ny,b,0,test\ny,a,1,test\n";
    let place = Workplace::with("log.csv", text);
    let features = FEATURES.replace("\"user\"\nside = \"user\"", "\"site\"\nside = \"context\"");
    let split = "split = { kind = \"by_column\", column = \"part\", test = [\"test\"] }";
    let head = format!(
        "[input]\npath = \"log.csv\"\nlabel = {{ column = \"click\" }}\n[samples]\nmode = \"labels\"\n{split}\n"
    );
    let report = place.samples(&(head + &features));
    let tables = place.tables();
    assert_eq!(short(&tables.samples(Part::Train)), [" -a <", " -b <", " a <"]);
    assert_eq!(short(&tables.queries(Part::Test)), [" a <", " b <"]);
    assert_eq!((report.statistics.users, report.statistics.parts[&Part::Test].queries_without_user), (0, 2));
    assert!(tables.histories.is_empty());
}

#[test]
fn side_tables_fill_the_corpus_and_the_features() {
    let place = Workplace::with("log.csv", "user,item,t,city\nann,a,1,Rome\nann,b,2,Cork\nbob,a,3,\n");
    place.write("items.csv", "id,colour\na,red\nc,blue\n");
    place.write("users.csv", "name,age\nann,30\nzoe,9\n");
    let tables = "items = { path = \"items.csv\", item = \"id\" }\nusers = { path = \"users.csv\", user = \"name\" }";
    let features = "[[features]]\nname = \"colour\"\nside = \"item\"\nkind = \"vocabulary\"\nvalues = [\"red\", \"blue\"]\n\
        [[features]]\nname = \"age\"\nside = \"user\"\nkind = \"numeric\"\nnormalise = \"none\"\n\
        [[features]]\nname = \"city\"\nside = \"user\"\nkind = \"hash\"\nbuckets = 100\n";
    let place_config = config(&format!("{USER_AND_TIME}\n{tables}"), LAST_OUT) + features;
    let report = place.samples(&place_config);
    let made = place.tables();
    assert_eq!((0..3).map(|item| made.items.id(item)).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!((made.items.counts(), report.statistics.cold_items), (&[2, 1, 0][..], 1));
    let missing = twinspire_core::ids::MISSING;
    let colours: Vec<u32> = made.items.features().single.chunks(2).map(|row| row[1]).collect();
    assert_eq!(colours, [0, missing, 1]);
    let ann = made.histories.find("ann").unwrap();
    let known = ["age", "city", "user"].map(|column| made.histories.raw(ann, column));
    assert_eq!(known, [Some("30"), Some("Cork"), Some("ann")], "the last known values");
    assert_eq!(made.histories.find("zoe"), None, "a user without events is no sample's user");
}

#[test]
fn a_query_reads_the_user_key_as_the_samples_did_whatever_side_its_feature_is_on() {
    let place = Workplace::with("log.csv", "user,item,t\nann,a,1\nbob,b,2\nann,b,3\n");
    let of_context = FEATURES.replace("side = \"user\"", "side = \"context\"");
    place.samples(&config(USER_AND_TIME, LAST_OUT).replace(FEATURES, &of_context));
    let tables = place.tables();
    let lookup =
        Lookup { encoder: &tables.encoder, items: &tables.items, histories: &tables.histories, needs_times: false };
    let set = tables.set(Part::Train);
    for (table, row) in (0..set.len()).map(|row| set.locate(row)) {
        let user = tables.histories.user(table.users()[row]).to_owned();
        let query = lookup.encode(&Query { user: Some(user), ..Query::default() }, 0).unwrap();
        assert_eq!(query.rows.single, table.user_features().single_row(row));
    }
    let unknown = lookup.encode(&Query { user: Some("zoe".into()), ..Query::default() }, 0).unwrap();
    assert_eq!(unknown.rows.single, [bucket("zoe", 1_000)]);
}

#[test]
fn duplicates_are_filtered_and_counted() {
    let place = Workplace::with("log.csv", "user,item,t\nann,a,1\nann,a,1\nann,a,2\nbob,a,1\nann,b,1\nann,a,1\n");
    let kept = config(USER_AND_TIME, LAST_OUT).replace("[samples]", "[clean]\ndrop_duplicates = {}\n[samples]");
    let statistics = place.samples(&kept).statistics;
    assert_eq!((statistics.read, statistics.filtered["duplicate"]), (6, 2));
    assert_eq!(statistics.parts.values().map(|part| part.interactions).sum::<u64>(), 4);
}

#[test]
fn rows_of_other_days_are_filtered_where_the_path_has_no_date() {
    let text = "user,item,t\na,1,2026-11-01T23:59:59Z\na,2,2026-11-02T00:00:00Z\na,3,2026-11-03T23:59:59Z\n\
        a,4,2026-11-04T00:00:00Z\n";
    let place = Workplace::with("log.csv", text);
    let days = "user = \"user\"\ntime = { column = \"t\" }";
    let config = |days: &str| config(days, "split = { kind = \"by_date\" }");
    let told = Told { window: Window { last: "2026-11-03".parse().ok(), days: Some(2) }, ..Told::default() };
    let statistics = place.samples_told(&config(days), told).unwrap().statistics;
    assert_eq!((statistics.read, statistics.filtered["outside_window"], statistics.items), (4, 2, 2));
    assert_eq!(short(&place.tables().queries(Part::Validation)), ["a 3 < 2"]);
    let error = place.samples_told(&config(&format!("{days}\ndays = 2")), Told::default()).unwrap_err();
    assert_eq!(error.code(), "unknown-window");
}

#[test]
fn a_split_that_leaves_nothing_to_learn_is_an_error() {
    let place = Workplace::with("log.csv", "user,item,t\nann,a,2026-11-01\nbob,b,2026-11-01\n");
    let config = config("user = \"user\"\ntime = { column = \"t\" }", "split = { kind = \"by_date\" }");
    let error = place.samples_told(&config, Told::default()).unwrap_err();
    assert!(error.to_string().contains("no positive"), "{error}");
    assert!(!place.run_dir().join("samples").exists());
}

/// Rows of many users, with every kind of feature, in files of several sizes.
fn world(place: &Workplace) -> String {
    let mut rng = Rng::stream(2, "world", 0);
    for file in 0..5 {
        let mut text = String::from("user,item,t,price,tags\n");
        for _ in 0..200 + file * 300 {
            let (user, item) = (rng.below(200), rng.below(60));
            let time = format!("2026-11-{:02} {:02}:{:02}:00", 1 + rng.below(5), rng.below(24), rng.below(60));
            text += &format!("u{user},i{item},{time},{}.5,t{}|t{}\n", rng.below(90), item % 7, item % 3);
        }
        place.write(&format!("{file}.csv"), text);
    }
    let features = "[[features]]\nname = \"price\"\nside = \"context\"\nkind = \"numeric\"\n\
        [[features]]\nname = \"tags\"\nside = \"item\"\nkind = \"vocabulary\"\nlist = { separator = \"|\" }\n\
        [[features]]\nname = \"seen\"\nside = \"user\"\nkind = \"history\"\nof = [\"item\", \"tags\"]\n";
    let split = "memory_mib = 16\nsplit = { kind = \"by_date\", validation_days = 1, test_days = 1 }";
    config("user = \"user\"\ntime = { column = \"t\" }", split).replace("log.csv", "*.csv") + features
}

#[test]
fn the_bytes_do_not_depend_on_threads_and_a_second_run_is_skipped() {
    let place = Workplace::new();
    let config = world(&place);
    let run = |threads| place.samples_told(&config, Told { threads, seed: 4, ..Told::default() }).unwrap();
    let mut made: Vec<SamplesReport> = Vec::new();
    for threads in [1, 2, 4] {
        place.forget();
        made.push(run(threads));
        assert!(!made[made.len() - 1].outcome.is_skipped());
    }
    let expected = checksums(made[0].outcome.manifest());
    assert!(expected.iter().any(|(path, _)| path.starts_with("train/")) && expected.len() >= 7, "{expected:?}");
    assert!(made.iter().all(|report| checksums(report.outcome.manifest()) == expected));
    assert!(made.iter().all(|report| report.statistics == made[0].statistics));
    let again = run(3);
    assert!(again.outcome.is_skipped());
    assert_eq!(again.statistics, made[0].statistics);
    let wider = config.replace("buckets = 1000", "buckets = 2000");
    assert!(!place.samples_told(&wider, Told { seed: 4, ..Told::default() }).unwrap().outcome.is_skipped());
}

#[test]
fn the_number_of_buckets_does_not_change_the_samples() {
    let place = Workplace::new();
    let config = world(&place).replace("*.csv", "*.csv*");
    let bulk: String = (0..60_000).map(|row| format!("u{},i{},2026-11-01,1,t1\n", row % 500, row % 50)).collect();
    let bulk = format!("user,item,t,price,tags\n{bulk}");
    let read = || {
        let report = place.samples(&config);
        let tables = place.tables();
        let files = tables.set(Part::Train).tables().len();
        (files, tables.samples(Part::Train), tables.queries(Part::Test), report.statistics)
    };
    let plain = place.write("bulk.csv", &bulk);
    let several = read();
    std::fs::remove_file(plain).unwrap();
    // A file that is compressed far below the usual is taken for a small one.
    place.write("bulk.csv.gz", gzip(&bulk));
    let one = read();
    assert!(several.0 > 1 && one.0 == 1, "{} and {} buckets", several.0, one.0);
    assert_eq!((&several.1, &several.2, &several.3), (&one.1, &one.2, &one.3));
}
