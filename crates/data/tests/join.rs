//! Impressions and clicks that are rows of their own: one positive each, with the cells of the impression and the time of
//! the click.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod workplace;

use std::collections::BTreeMap;
use twinspire_core::interaction::Part;
use workplace::{FEATURES, Workplace, checked};

fn config(join: &str) -> String {
    let event = "event = { column = \"what\", positive = { click = 1, buy = 10 }, rejected = [\"hide\"] }";
    let time = "time = { column = \"t\", format = \"seconds\" }";
    let split = "split = { kind = \"by_column\", column = \"item\", test = [\"end\"] }";
    let place = "[[features]]\nname = \"place\"\nside = \"context\"\nkind = \"numeric\"\nnormalise = \"none\"\n";
    format!(
        "[input]\npath = \"log.csv\"\nuser = \"user\"\n{time}\n{event}\njoin = {join}\n[samples]\n{split}\n{FEATURES}{place}"
    )
}

/// (user, item, time in seconds, place, weight)
type Sample = (String, String, i64, f32, f32);

/// Training samples, and what was left out.
fn joined(text: &str, config: &str) -> (Vec<Sample>, BTreeMap<String, u64>) {
    let place = Workplace::with("log.csv", text);
    let report = place.samples(config);
    let tables = place.tables();
    let mut found = Vec::new();
    for table in tables.set(Part::Train).tables() {
        for row in 0..table.len() {
            let user = tables.histories.user(table.users()[row]).to_owned();
            let item = tables.items.id(table.items()[row]).to_owned();
            let (time, place) = (table.times()[row] / 1_000_000, table.user_features().dense[row]);
            found.push((user, item, time, place, table.weights()[row]));
        }
    }
    found.sort_by(|left, right| left.partial_cmp(right).unwrap());
    (found, report.statistics.filtered)
}

fn sample(user: &str, item: &str, time: i64, place: f32, weight: f32) -> Sample {
    (user.to_owned(), item.to_owned(), time, place, weight)
}

fn counts<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect()
}

const HEAD: &str = "user,item,t,what,place,request\n";

#[test]
fn a_click_stands_for_the_last_impression_before_it() {
    let text = format!("{HEAD}a,x,10,show,3,q\na,x,20,show,5,r\na,x,25,click,,r\nb,x,30,show,7,s\na,y,31,show,1,r\n");
    let (samples, filtered) = joined(&text, &config("{ horizon = \"1m\" }"));
    assert_eq!(samples, [sample("a", "x", 25, 5.0, 1.0)], "the place of the impression, the time of the click");
    assert_eq!(filtered, counts([("joined_impression", 1)]));
    let older = "{ request = \"request\", horizon = \"1m\" }";
    let text = text.replace("25,click,,r", "25,click,,q");
    assert_eq!(joined(&text, &config(older)).0, [sample("a", "x", 25, 3.0, 1.0)], "of the same request");
}

#[test]
fn an_impression_is_positive_once_with_the_weight_of_the_strongest_event() {
    let text = format!("{HEAD}a,x,10,show,3,q\na,x,11,click,,q\na,x,12,buy,,q\na,x,13,click,,q\na,x,14,hide,,q\n");
    let (samples, filtered) = joined(&text, &config("{}"));
    assert_eq!(samples, [sample("a", "x", 11, 3.0, 10.0)]);
    assert_eq!(filtered, counts([("joined_impression", 1), ("repeated_positive", 2)]));
}

#[test]
fn a_click_after_the_horizon_or_before_the_impression_is_alone() {
    let text = format!("{HEAD}a,x,10,click,9,q\na,x,10,show,3,q\na,x,71,click,8,q\nb,x,5,click,1,q\nb,x,6,show,2,q\n");
    let kept = config("{ horizon = \"1m\" }");
    let (samples, filtered) = joined(&text, &kept);
    let expected = [sample("a", "x", 10, 3.0, 1.0), sample("a", "x", 71, 8.0, 1.0), sample("b", "x", 5, 1.0, 1.0)];
    assert_eq!(samples, expected, "at the same moment the impression was first");
    assert_eq!(filtered, counts([("joined_impression", 1)]));
    let (samples, filtered) = joined(&text, &kept.replace("horizon", "unmatched = \"drop\", horizon"));
    assert_eq!(samples, expected[..1]);
    assert_eq!(filtered, counts([("joined_impression", 1), ("without_impression", 2)]));
}

#[test]
fn without_users_an_impression_is_found_by_its_request_in_whatever_bucket() {
    let mut text = String::from(HEAD);
    for request in 0..3_000 {
        text += &format!(",x,{request},show,{},r{request}\n,y,{request},show,2,r{request}\n", request % 5);
    }
    (0..3_000).step_by(3).for_each(|request| text += &format!(",x,{},click,,r{request}\n", request + 9));
    text += &"\n".repeat(4 << 20);
    let place = Workplace::with("log.csv", &text);
    let config = config("{ request = \"request\", horizon = \"10s\" }").replace("user = \"user\"\n", "");
    let config = config.replace("\"user\"\nside = \"user\"", "\"request\"\nside = \"context\"");
    let report = place.samples(&config);
    assert_eq!(report.statistics.filtered, counts([("joined_impression", 1_000)]));
    let train = report.statistics.parts[&Part::Train];
    assert_eq!((train.samples, train.impressions), (1_000, 5_000));
    assert!(place.tables().set(Part::Train).tables().len() > 1, "there are several buckets");
}

#[test]
fn a_join_that_cannot_work_is_refused() {
    let faults = |config: String| checked(&config).unwrap_err();
    assert_eq!(faults(config("{ horizon = \"soon\" }")), ["input.join.horizon"]);
    let nobody =
        config("{}").replace("user = \"user\"\n", "").replace("\"user\"\nside = \"user\"", "\"u\"\nside = \"context\"");
    assert_eq!(faults(nobody.clone()), ["input.join.request"]);
    let named = nobody.replace("join = {}", "join = { request = \"q\" }");
    let other = format!("{named}[clean]\nskip_above = {{ request = \"page\" }}\n");
    assert_eq!(faults(other), ["clean.skip_above.request"]);
    let order = config("{}").replace("seconds", "order");
    assert_eq!(faults(order), ["input.join"]);
}
