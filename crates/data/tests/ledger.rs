//! The ledger: known answers on a log of a few rows, and the same figures as the samples stage on a larger one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use twinspire_core::interaction::Part;
use twinspire_core::rng::Rng;
use twinspire_data::ledger::{DayPositives, ItemShares, Ledger};
use workplace::{FEATURES, Workplace};

fn config(clean: &str, samples: &str) -> String {
    let event = "event = { column = \"what\", positive = [\"click\", \"buy\"], rejected = [\"hide\"] }";
    let split = "split = { kind = \"by_column\", column = \"item\", test = [\"end\"] }";
    let input = format!("path = \"*.csv\"\nuser = \"user\"\ntime = {{ column = \"t\" }}\n{event}");
    format!("[input]\n{input}\n{clean}\n[samples]\n{split}\n{samples}\n{FEATURES}")
}

fn rules(ledger: &Ledger) -> Vec<(&str, u64, u64, f64)> {
    ledger.rules.iter().map(|one| (one.rule.as_str(), one.left_out, one.positives, one.hottest_share)).collect()
}

fn shares(ledger: &Ledger) -> Vec<(&str, u64, f64)> {
    ledger.shares.iter().map(|one| (one.of.as_str(), one.rows, one.share)).collect()
}

#[test]
fn figures_of_a_small_log_are_those_of_a_pencil() {
    let text = "user,item,t,what,ip\n\
        a,hot,2026-11-01 10:00:00,click,x\na,hot,2026-11-01 10:00:00,click,x\na,cold,2026-11-01 11:00:00,buy,x\n\
        b,hot,2026-11-02 10:00:00,click,y\nb,cold,2026-11-02 11:00:00,show,y\nb,hot,2026-11-02 12:00:00,hide,y\n\
        r,hot,2026-11-02 10:00:00,click,z\nr,robot,2026-11-02 10:00:01,click,z\na,end,2026-11-03 10:00:00,click,x\n";
    let place = Workplace::with("log.csv", text);
    place.write("deny.txt", "z\n");
    let clean = "[clean]\ndrop_duplicates = {}\n[[clean.deny]]\nby = \"ip\"\npath = \"deny.txt\"";
    place.samples(&config(clean, ""));
    let ledger = place.ledger(&config(clean, ""), 1);
    let day = |day: u32, event: &str, positives| DayPositives {
        day: Some(format!("2026-11-0{day}")),
        event: event.to_owned(),
        positives,
    };
    assert_eq!(ledger.positives, [day(1, "click", 1), day(1, "buy", 1), day(2, "click", 1), day(3, "click", 1)]);
    let expected = [("read", 0, 7, 4.0 / 7.0), ("duplicate", 1, 6, 0.5), ("denied(ip)", 2, 4, 0.5)];
    assert_eq!(rules(&ledger), expected);
    assert_eq!(ledger.hottest_items, 1, "one of cold, end, hot: the robot's item is none of the corpus");
    let expected = [
        ("corpus", 3, 1.0 / 3.0),
        ("train positives", 3, 2.0 / 3.0),
        ("positive train samples", 3, 2.0 / 3.0),
        ("train impressions", 1, 0.0),
        ("train rejections", 1, 1.0),
    ];
    assert_eq!(shares(&ledger), expected);
    let words: Vec<Vec<String>> =
        ledger.lines().iter().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    for expected in [vec!["2026-11-02", "1", "0"], vec!["denied(ip)", "2", "4", "50.00", "%"]] {
        assert!(words.iter().any(|line| *line == expected), "{expected:?} in {words:?}");
    }
}

#[test]
fn negatives_stand_beside_the_rest_once_somebody_knows_their_samplers() {
    let place = Workplace::with("log.csv", "user,item,t,what,ip\na,hot,2026-11-01 10:00:00,click,x\n");
    place.samples(&config("", ""));
    let mut ledger = place.ledger(&config("", ""), 1);
    let without = ledger.lines();
    assert!(!without.iter().any(|line| line.contains("negatives by sampler")));
    let segments = [("head", vec![0]), ("cold", vec![1, 2])];
    let mut drawn = ItemShares::new("uniform", &[6, 1, 1], (&[0], &segments));
    assert_eq!((drawn.rows, drawn.hottest_share), (8, 0.75));
    assert_eq!(drawn.segments, [("head".to_owned(), 0.75), ("cold".to_owned(), 0.25)]);
    (drawn.void, drawn.probabilities) = (2, Some((0.125, 0.5)));
    let missing =
        ItemShares { missing: Some("not mined".to_owned()), ..ItemShares::new("mined", &[0; 3], (&[0], &segments)) };
    ledger.negatives = vec![drawn, missing];
    let words = |line: &String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = ledger.lines().iter().map(words).collect();
    let page = ledger.page("a run");
    for line in [
        "of rows void hottest 1 % head cold least probability greatest",
        "mined: not mined",
        "uniform 8 2 75.00 % 75.00 % 25.00 % 1.250e-1 5.000e-1",
    ] {
        assert!(lines.iter().any(|own| own == line), "{line}: {lines:?}");
    }
    for part in ["Negatives by sampler", "<td>uniform</td>", "mined: not mined"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn rules_left_out_what_the_samples_stage_counted_and_down_sampling_cools_the_samples() {
    let place = Workplace::new();
    let mut rng = Rng::stream(8, "ledger", 0);
    for file in 0..4 {
        let mut text = String::from("user,item,t,what,ip\n");
        for _ in 0..20_000 {
            let item = if rng.below(3) == 0 { 0 } else { rng.below(300) };
            let what = ["click", "buy", "show", "hide"][rng.below(4) as usize];
            let (user, ip, minute) = (rng.below(400), rng.below(30), rng.below(60));
            text += &format!("u{user},i{item},2026-11-0{} 10:{minute:02}:00,{what},a{ip}\n", 1 + rng.below(4));
        }
        place.write(&format!("{file}.csv"), text);
    }
    let clean = "[clean]\ndrop_duplicates = {}\n[[clean.rate]]\nby = \"ip\"\nwindow = \"1m\"\nat_most = 16\n\
        [[clean.click_rate]]\nat_most = 0.55\nleast_rows = 50";
    let config = config(clean, "down_sample = { kind = \"cap\", at_most = 500 }");
    let statistics = place.samples(&config).statistics;
    let ledger = place.ledger(&config, 1);
    assert_eq!(place.ledger(&config, 3), ledger, "whatever the threads");
    for one in ledger.rules.iter().filter(|one| one.rule != "read") {
        assert!(one.left_out > 0 && one.left_out == statistics.filtered[&one.rule], "{one:?}");
    }
    let of_parts =
        |count: fn(&twinspire_data::statistics::PartCounts) -> u64| statistics.parts.values().map(count).sum::<u64>();
    assert_eq!(ledger.rules.last().unwrap().positives, of_parts(|part| part.positives));
    assert_eq!(ledger.positives.iter().map(|one| one.positives).sum::<u64>(), of_parts(|part| part.positives));
    let train = statistics.parts[&Part::Train];
    let [_, positives, samples, impressions, rejections] = &ledger.shares[..] else { panic!("{:?}", ledger.shares) };
    assert_eq!(positives.share, statistics.hottest_share);
    assert_eq!(samples.rows, train.samples);
    assert_eq!((impressions.rows, rejections.rows), (train.impressions, train.rejected));
    assert!(samples.share < positives.share / 2.0, "{samples:?} {positives:?}");
    let page = ledger.page("a & b");
    assert!(
        page.contains("<h1>a &amp; b</h1>") && page.matches("<svg").count() == 4,
        "positives, rules, shares, hashed features"
    );
    assert!(!page.contains("<script") && !page.contains("http"));
    let read_back: Ledger = serde_json::from_str(&serde_json::to_string(&ledger).unwrap()).unwrap();
    assert_eq!(read_back, ledger);
}
