//! Cleaning: every rule leaves out the rows that it names, counts them under its reason, and keeps to its place.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::collections::{BTreeMap, BTreeSet};
use twinspire_core::interaction::Part;
use twinspire_core::rng::Rng;
use workplace::{FEATURES, Told, Workplace, checked};

/// A log with a user, an item, a time in seconds and a label; all rows are training, rows of the item `end` are test.
fn config(columns: &str, clean: &str) -> String {
    let split = "split = { kind = \"by_column\", column = \"item\", test = [\"end\"] }";
    format!("[input]\npath = \"log.csv\"\n{columns}\n{clean}\n[samples]\n{split}\n{FEATURES}")
}

const NAMED: &str = "user = \"user\"\ntime = { column = \"t\", format = \"seconds\" }\nlabel = { column = \"click\" }";

/// Rows that were left out by ingest and by the samples stage, by reason.
fn left_out(place: &Workplace, config: &str) -> BTreeMap<String, u64> {
    let report = place.samples(config);
    let statistics = report.statistics;
    let rows: u64 = statistics.parts.values().map(|part| part.interactions).sum();
    assert_eq!(statistics.read, rows + statistics.filtered.values().sum::<u64>(), "no row is lost");
    let mut found = statistics.filtered;
    for account in place.ingest(config).unwrap().accounts {
        found.extend(account.filtered);
    }
    found
}

fn counts<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect()
}

#[test]
fn rows_of_impossible_impressions_are_left_out_by_the_first_reason_that_holds() {
    let text = "user,item,t,click,shown,dwell,place\n\
        a,x,1,1,1,5,1\na,x,2,0,0,99,99\na,x,3,1,1,0.1,1\na,x,4,1,1,99,99\na,x,5,0,1,,300\na,x,6,0,,,\n";
    let place = Workplace::with("log.csv", text);
    let clean = "[clean]\nnever_shown = { column = \"shown\", values = [\"0\"] }\n\
        dwell = { column = \"dwell\", at_least = 0.5, at_most = 60 }\nposition = { column = \"place\", at_most = 100 }";
    let expected = counts([("never_shown", 1), ("dwell_out_of_range", 2), ("position_out_of_range", 1)]);
    assert_eq!(left_out(&place, &config(NAMED, clean)), expected);
}

#[test]
fn a_number_that_is_none_rejects_its_row_even_where_another_rule_would_leave_it_out() {
    let rows: String = (0..200).map(|row| format!("a,x,{row},1,1,5\n")).collect();
    let place = Workplace::with("log.csv", &format!("user,item,t,click,shown,dwell\na,x,1,1,0,soon\n{rows}"));
    let clean = "[clean]\nnever_shown = { column = \"shown\", values = [\"0\"] }\ndwell = { column = \"dwell\", at_most = 9.0 }";
    let account = &place.ingest(&config(NAMED, clean)).unwrap().accounts[0];
    assert_eq!((account.rejected["CAST"], account.filtered.len()), (1, 0));
}

#[test]
fn denied_keys_are_left_out_and_a_new_list_makes_new_samples() {
    let text = "user,item,t,click,ip,site\na,x,1,1,1.1,s\na,x,2,1,2.2,s\nb,x,3,1,1.1,s\nc,x,4,1,3.3,t\nd,x,5,1,,\n";
    let place = Workplace::with("log.csv", text);
    place.write("users.txt", "b\n");
    place.write("places.txt", "\n 1.1|s \r\n3.3|s\n");
    let clean = "[[clean.deny]]\npath = \"users.txt\"\n[[clean.deny]]\nby = [\"ip\", \"site\"]\npath = \"places.txt\"";
    let config = config(NAMED, clean);
    assert_eq!(left_out(&place, &config), counts([("denied(user)", 1), ("denied(ip|site)", 1)]));
    assert!(place.samples(&config).outcome.is_skipped());
    place.write("places.txt", "3.3|t\n");
    assert_eq!(left_out(&place, &config), counts([("denied(user)", 1), ("denied(ip|site)", 1)]));
    place.write("users.txt", "");
    assert_eq!(left_out(&place, &config), counts([("denied(ip|site)", 1)]));
    assert!(place.check(&config).is_ok());
    std::fs::remove_file(place.data().join("places.txt")).unwrap();
    let error = place.check(&config).unwrap_err();
    assert!(error.to_string().contains("places.txt"), "{error}");
}

#[test]
fn a_user_loses_the_windows_in_which_she_has_too_many_rows() {
    let busy: String = (0..5).map(|second| format!("a,x{second},{},1\n", 3_600 + second)).collect();
    let text = format!("user,item,t,click\n{busy}a,x,7200,1\nb,x,3600,1\nb,y,7199,0\n");
    let place = Workplace::with("log.csv", &text);
    let rate = |at_most: u64, count: &str| {
        let clean = format!("[[clean.rate]]\nwindow = \"1h\"\nat_most = {at_most}\ncount = \"{count}\"");
        left_out(&place, &config(NAMED, &clean))
    };
    assert_eq!(rate(5, "rows"), counts([]));
    assert_eq!(rate(4, "rows"), counts([("rate(user, 1h)", 5)]));
    assert_eq!(rate(1, "positives"), counts([("rate(user, 1h)", 5)]), "the negative of b counts only as a row");
    assert_eq!(rate(1, "rows"), counts([("rate(user, 1h)", 7)]));
}

#[test]
fn a_click_rate_is_judged_from_enough_rows_on() {
    let robot: String = (0..10).map(|row| format!("r,x,{row},{}\n", u8::from(row > 1))).collect();
    let text = format!("user,item,t,click\n{robot}a,x,1,1\na,y,2,0\n");
    let place = Workplace::with("log.csv", &text);
    let judged = |at_most: f64, least: u64| {
        let clean = format!("[[clean.click_rate]]\nat_most = {at_most}\nleast_rows = {least}");
        left_out(&place, &config(NAMED, &clean))
    };
    assert_eq!(judged(0.5, 5), counts([("click_rate(user)", 10)]));
    assert_eq!(judged(0.8, 5), counts([]), "the bound itself is believed");
    assert_eq!(judged(0.5, 11), counts([]));
}

#[test]
fn impressions_below_the_lowest_positive_of_their_request_were_perhaps_not_seen() {
    let text = "user,item,t,click,request,place\n\
        a,x,1,0,q,1\na,y,1,1,q,2\na,z,1,0,q,3\na,v,1,1,q,4\na,w,1,0,q,5\n\
        b,x,1,0,q,1\nb,y,1,0,,2\nb,z,1,0,q,\n";
    let place = Workplace::with("log.csv", text);
    let clean = "[clean]\nskip_above = { request = \"request\", position = \"place\" }";
    assert_eq!(left_out(&place, &config(NAMED, clean)), counts([("not_seen", 2)]), "w of a, and x of b");
}

#[test]
fn without_users_the_rows_of_a_request_meet_in_one_bucket() {
    let mut text = String::from("item,click,request,place\n");
    for request in 0..2_000 {
        for place in 0..8 {
            text += &format!("i{place},{},r{request},{place}\n", u8::from(place == request % 8));
        }
    }
    let place = Workplace::with("log.csv", &(text.clone() + &" ".repeat(4 << 20).replace(' ', "\n")));
    let clean = "[clean]\nskip_above = { request = \"request\", position = \"place\" }";
    let config = config("label = { column = \"click\" }", clean)
        .replace("\"user\"\nside = \"user\"", "\"place\"\nside = \"context\"");
    let below: u64 = (0..2_000).map(|request| 7 - request % 8).sum();
    assert_eq!(left_out(&place, &config), counts([("not_seen", below)]));
    assert!(place.tables().set(Part::Train).tables().len() > 1, "there are several buckets");
}

#[test]
fn rules_are_applied_in_their_order_and_see_what_earlier_ones_left() {
    let text = "user,item,t,click\na,x,1,1\na,x,1,1\na,x,1,1\na,y,2,1\n";
    let place = Workplace::with("log.csv", text);
    let clean = "[clean]\ndrop_duplicates = {}\n[[clean.rate]]\nwindow = \"1h\"\nat_most = 2";
    assert_eq!(left_out(&place, &config(NAMED, clean)), counts([("duplicate", 2)]));
}

#[test]
fn rules_that_cannot_work_are_refused_together() {
    let faults = |columns: &str, clean: &str| checked(&config(columns, clean)).unwrap_err();
    let nobody = "label = { column = \"click\" }";
    let per_user =
        "[[clean.deny]]\npath = \"a\"\n[[clean.rate]]\nby = \"ip\"\n[[clean.click_rate]]\n[[clean.users]]\nby = \"ip\"";
    let keys = ["clean.deny[0].by", "clean.rate[0]", "clean.users[0].by", "clean.click_rate[0].by"];
    let mut found = faults(nobody, per_user);
    found.sort();
    let mut expected = keys.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(found, expected, "without users and without a time");
    let twice =
        "[[clean.rate]]\nby = \"ip\"\n[[clean.rate]]\nby = [\"ip\"]\n[[clean.users]]\nby = \"user\"\nat_most = 0";
    assert_eq!(faults(NAMED, twice), ["clean.users[0].at_most", "clean.users[0].by", "clean.rate[1]"]);
    let numbers = "[clean]\ndwell = { column = \"d\", at_least = 2.0, at_most = 1.0 }\nposition = { column = \"\" }\n\
        never_shown = { values = [] }\n[[clean.rate]]\nwindow = \"1 week\"\n[[clean.click_rate]]\nat_most = 1.0\nleast_rows = 0";
    let expected = [
        "clean.never_shown",
        "clean.dwell",
        "clean.position.column",
        "clean.position",
        "clean.rate[0].window",
        "clean.click_rate[0].at_most",
        "clean.click_rate[0].least_rows",
    ];
    assert_eq!(faults(NAMED, numbers), expected);
}

#[test]
fn rows_are_duplicates_when_they_are_the_same_in_the_named_columns() {
    let text = "user,item,t,click,page,place\n\
        a,x,1,1,p,1\na,x,2,1,p,2\na,x,2,0,p,2\na,y,2,1,p,2\na,x,2,1,q,2\nb,x,1,1,p,1\na,x,1,1,,1\na,x,3,1,,3\n";
    let place = Workplace::with("log.csv", text);
    let duplicates = |by: &str| {
        let found = left_out(&place, &config(NAMED, &format!("[clean]\ndrop_duplicates = {{ by = {by} }}")));
        found.get("duplicate").copied().unwrap_or_default()
    };
    assert_eq!(duplicates("[\"page\", \"item\"]"), 2, "t = 2 on page p, and t = 3 without a page");
    assert_eq!(duplicates("[\"item\", \"page\", \"user\", \"t\"]"), 0, "the user is always a part");
    assert_eq!(duplicates("\"place\""), 3, "x and y at place 2, x at place 1");
    assert_eq!(duplicates("[\"t\", \"item\"]"), 2);
    let faults =
        |by: &str| checked(&config(NAMED, &format!("[clean]\ndrop_duplicates = {{ by = {by} }}"))).unwrap_err();
    assert_eq!(faults("[]"), ["clean.drop_duplicates.by"]);
    assert_eq!(faults("[\"page\", \"page\"]"), ["clean.drop_duplicates.by"]);
}

/// A log of 3,000 users behind 90 addresses, a file of its own for each tenth.
fn addresses(place: &Workplace) -> Vec<(u64, u64, u64, u64)> {
    let mut rng = Rng::stream(3, "addresses", 0);
    let mut all = Vec::new();
    for file in 0..10 {
        let mut text = String::from("user,item,t,click,ip,agent\n");
        for _ in 0..6_000 {
            let user = u64::from(rng.below(3_000));
            let ip = if rng.below(4) == 0 { u64::from(rng.below(3)) } else { user % 90 };
            let (time, click) = (u64::from(rng.below(40_000)), u64::from(rng.below(10) < 1 + (ip % 7) as u32));
            text += &format!("u{user},i{},{time},{click},10.0.0.{ip},a\n", rng.below(40));
            all.push((user, ip, time, click));
        }
        place.write(&format!("{file}.csv"), text);
    }
    all
}

#[test]
fn counts_that_cross_users_equal_those_of_the_whole_log_whatever_the_memory_and_the_threads() {
    let place = Workplace::new();
    let rows = addresses(&place);
    let rules = "[[clean.rate]]\nby = [\"ip\", \"agent\"]\nwindow = \"1h\"\nat_most = 300\n\
        [[clean.users]]\nby = \"ip\"\nat_most = 60\n[[clean.click_rate]]\nby = \"ip\"\nat_most = 0.55\nleast_rows = 450";
    let (mut windows, mut users, mut clicks) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for &(user, ip, time, click) in &rows {
        *windows.entry((ip, time / 3_600)).or_insert(0) += 1;
        users.entry(ip).or_insert_with(BTreeSet::new).insert(user);
        let entry = clicks.entry(ip).or_insert((0, 0));
        *entry = (entry.0 + 1, entry.1 + click);
    }
    let mut expected = [0, 0, 0];
    for (_, ip, time, _) in &rows {
        let (all, positive) = clicks[ip];
        if windows[&(*ip, time / 3_600)] > 300 {
            expected[0] += 1;
        } else if users[ip].len() > 60 {
            expected[1] += 1;
        } else if all >= 450 && f64::from(positive as u32) > 0.55 * f64::from(all) {
            expected[2] += 1;
        }
    }
    let names = ["rate(ip|agent, 1h)", "users(ip)", "click_rate(ip)"];
    assert!(expected.iter().all(|&count| count > 0), "{expected:?}");
    let expected = counts([0, 1, 2].map(|rule| (names[rule], expected[rule])));
    let config = config(NAMED, rules).replace("log.csv", "*.csv");
    for (threads, memory_mib) in [(1, 1_024), (3, 16)] {
        let _ = std::fs::remove_dir_all(place.run_dir());
        let config = config.replace("[samples]", &format!("[samples]\nmemory_mib = {memory_mib}"));
        let report = place.samples_told(&config, Told { threads, ..Told::default() }).unwrap();
        assert_eq!(report.statistics.filtered, expected, "{threads} threads, {memory_mib} MiB");
    }
}

#[test]
fn popular_positives_are_left_out_of_training_only_and_the_same_ones_every_time() {
    let mut text = String::from("user,item,t,click\n");
    for row in 0..6_000 {
        let item = if row % 6 < 4 { "hot".to_owned() } else { format!("i{}", row % 200) };
        text += &format!("u{},{item},{row},1\n", row % 50);
    }
    text += "u1,end,9000,1\n";
    let place = Workplace::with("log.csv", &text);
    let run = |rule: &str, seed: u64| {
        let config = config(NAMED, "").replace("[samples]", &format!("[samples]\ndown_sample = {{ {rule} }}"));
        let statistics = place.samples_told(&config, Told { seed, ..Told::default() }).unwrap().statistics;
        let tables = place.tables();
        let hot = tables.items.counts()[tables.items.find("hot").unwrap() as usize];
        let lengths: u64 = (0..50).map(|user| tables.histories.items(user).len() as u64).sum();
        assert_eq!((hot, lengths), (4_000, 6_001), "counts of items and histories know them all");
        let train = statistics.parts[&Part::Train];
        assert_eq!(train.samples + train.down_sampled, train.positives);
        assert_eq!(statistics.parts[&Part::Test].down_sampled, 0);
        let users: Vec<u32> =
            tables.set(Part::Train).tables().iter().flat_map(|table| table.users().to_vec()).collect();
        (train.down_sampled, users)
    };
    assert_eq!(run("kind = \"none\"", 1).0, 0);
    let (capped, rows) = run("kind = \"cap\", at_most = 1000", 1);
    assert!((2_900..=3_100).contains(&capped), "{capped} of an expected 3,000");
    assert_eq!(run("kind = \"cap\", at_most = 1000", 1), (capped, rows.clone()), "the same rows again");
    assert_ne!(run("kind = \"cap\", at_most = 1000", 2).1, rows, "another seed draws others");
    // f = 2/3, so a share of sqrt(0.015) + 0.015 = 0.137 stays.
    let (left_out, _) = run("kind = \"word2vec\", threshold = 0.01", 1);
    assert!((3_380..=3_520).contains(&left_out), "{left_out} of an expected 3,450");
}

#[test]
fn a_user_without_rows_has_no_history_and_shifts_nobody_elses() {
    let users = ["a", "b", "c", "d", "e", "f"];
    let text: String = users.iter().map(|user| format!("{user},item-of-{user},1,1\n{user},end,2,1\n")).collect();
    let place = Workplace::with("log.csv", &format!("user,item,t,click\n{text}"));
    place.write("users.txt", "a\nd\nf\n");
    let statistics = place.samples(&config(NAMED, "[[clean.deny]]\npath = \"users.txt\"")).statistics;
    let tables = place.tables();
    assert_eq!((statistics.users, tables.histories.len()), (3, 3));
    let samples: Vec<String> =
        tables.samples(Part::Train).iter().map(|row| format!("{} {}", row.user, row.item)).collect();
    assert_eq!(samples, ["b item-of-b", "c item-of-c", "e item-of-e"]);
}
