//! `recall` through the real binary: who asks, what is left out, what is refused.

use crate::world::{ITEMS, Published, published, reply};
use serde_json::Value;
use std::collections::BTreeSet;

fn items(answer: &Value) -> Vec<String> {
    let candidates = answer["candidates"].as_array().expect("an answer has candidates");
    candidates.iter().map(|candidate| candidate["item"].as_str().expect("an item has an id").to_owned()).collect()
}

fn recall(world: &Published, words: &[&str]) -> Value {
    reply(world.folder(), &[&["recall"], words].concat())
}

/// Names of channels by what they said.
fn channels<'a>(answer: &'a Value, status: &str) -> Vec<&'a str> {
    let channels = answer["channels"].as_array().expect("an answer lists the channels");
    channels
        .iter()
        .filter(|channel| channel["status"] == status)
        .map(|channel| channel["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_known_user_is_answered_by_every_channel_and_gets_nothing_she_has_seen() {
    let world = published();
    let user = world.user();
    let answer = recall(world, &["--user", &user, "-k", "20"]);
    let found: BTreeSet<_> = items(&answer).into_iter().collect();
    assert_eq!((found.len(), &answer["bundle_id"]), (20, &world.bundle_id().into()));
    assert_eq!(
        (&answer["user_known"], &answer["cold_start"], &answer["degraded"]),
        (&true.into(), &false.into(), &Value::Array(vec![]))
    );
    assert!(answer["history_used"].as_u64().unwrap() > 0);
    assert_eq!(channels(&answer, "ok").first(), Some(&"two_tower"));
    for candidate in answer["candidates"].as_array().unwrap() {
        let hit = &candidate["channels"][0];
        assert_eq!(candidate["score"], hit["score"], "the score is that of the channel whose place it is");
        assert!(candidate["score"].as_f64().unwrap().is_finite() && hit["rank"].as_u64().unwrap() >= 1, "{candidate}");
    }
}

#[test]
fn features_alone_are_a_cold_start_and_decide_what_is_popular() {
    let world = published();
    let of = |city: &str| {
        let features = format!(r#"{{"city": "{city}", "hour": 20, "device": "phone"}}"#);
        recall(world, &["--features", &features, "--channels", "popular_by"])
    };
    let (bergen, lyon) = (of("Bergen"), of("Lyon"));
    assert_eq!((&bergen["cold_start"], &bergen["history_used"]), (&true.into(), &0.into()));
    assert!(!items(&bergen).is_empty());
    assert_ne!(items(&bergen), items(&lyon), "two cities have different favourites");
}

#[test]
fn a_history_alone_is_enough_for_its_neighbours() {
    let world = published();
    let all = items(&recall(world, &["--user", "nobody", "-k", "1000"]));
    let history = [all[0].as_str(), &all[1], "not-in-the-corpus"].join(",");
    let answer = recall(world, &["--history", &history, "-k", "1000"]);
    assert_eq!(
        (&answer["history_used"], &answer["history_unknown"], &answer["cold_start"]),
        (&2.into(), &1.into(), &false.into())
    );
    assert!(channels(&answer, "ok").contains(&"item_cf"), "{}", answer["channels"]);
    let found = items(&answer);
    assert!(found.len() == ITEMS - 2 && !found.contains(&all[0]) && !found.contains(&all[1]));
}

#[test]
fn an_unknown_user_is_a_cold_start_and_is_answered() {
    let world = published();
    let answer = recall(world, &["--user", "nobody", "-k", "5"]);
    assert_eq!((&answer["cold_start"], &answer["user_known"]), (&true.into(), &false.into()));
    assert_eq!((items(&answer).len(), channels(&answer, "empty")), (5, vec!["item_cf"]));
}

#[test]
fn an_empty_history_replaces_the_stored_one() {
    let world = published();
    let user = world.user();
    let answer = recall(world, &["--user", &user, "--history", "", "-k", "1000"]);
    assert_eq!((&answer["history_used"], &answer["cold_start"]), (&0.into(), &false.into()));
    assert_eq!(items(&answer).len(), ITEMS);
}

#[test]
fn more_candidates_than_items_are_the_whole_corpus_without_what_was_seen() {
    let world = published();
    let all: BTreeSet<_> = items(&recall(world, &["--user", "nobody", "-k", "1000"])).into_iter().collect();
    assert_eq!(all.len(), ITEMS);
    let user = world.user();
    let answer = recall(world, &["--user", &user, "-k", "1000"]);
    let found: BTreeSet<_> = items(&answer).into_iter().collect();
    assert_eq!(found.len(), answer["candidates"].as_array().unwrap().len(), "each item comes once");
    let seen: BTreeSet<_> = all.difference(&found).cloned().collect();
    assert!(!seen.is_empty() && seen.len() as u64 <= answer["history_used"].as_u64().unwrap());
    let history = seen.into_iter().collect::<Vec<_>>().join(",");
    let same: BTreeSet<_> = items(&recall(world, &["--history", &history, "-k", "1000"])).into_iter().collect();
    assert_eq!(same, found, "what is missing is her history");
}

#[test]
fn only_the_channels_that_were_named_are_asked() {
    let world = published();
    let answer = recall(world, &["--user", &world.user(), "--channels", "popular,item_cf"]);
    let asked: Vec<_> = answer["channels"].as_array().unwrap().iter().map(|channel| channel["name"].clone()).collect();
    assert_eq!(asked, ["item_cf", "popular"], "in the order of priority");
    for candidate in answer["candidates"].as_array().unwrap() {
        let from = candidate["channels"].as_array().unwrap();
        assert!(from.iter().all(|hit| hit["name"] == "item_cf" || hit["name"] == "popular"), "{candidate}");
    }
}

#[test]
fn excluded_items_do_not_come_back_and_the_next_ones_move_up() {
    let world = published();
    let words = |exclude| ["--user", "nobody", "--channels", "two_tower", "-k", "5", "--exclude", exclude];
    let six = items(&recall(world, &["--user", "nobody", "--channels", "two_tower", "-k", "7"]));
    let without = items(&recall(world, &words(&[six[0].as_str(), &six[2], "not-in-the-corpus"].join(","))));
    let expected: Vec<_> = six.iter().filter(|item| **item != six[0] && **item != six[2]).cloned().collect();
    assert_eq!(without, expected);
}

#[test]
fn a_filter_by_attributes_leaves_as_many_candidates_as_were_asked_for() {
    let world = published();
    let user = world.user();
    let all = items(&recall(world, &["--user", &user, "-k", "1000"]));
    let filtered = |filter: &str| {
        let words = ["--user", &user, "-k", "1000", "--filter", filter];
        items(&recall(world, &words))
    };
    let (cheap, dear) = (r#"{"range": {"price": {"lt": 30}}}"#, r#"{"range": {"price": {"gte": 30}}}"#);
    let mut both = [filtered(cheap), filtered(dear)].concat();
    both.sort_unstable();
    let mut expected = all.clone();
    expected.sort_unstable();
    assert_eq!(both, expected, "every item has a price on one side");
    let few = filtered(cheap);
    let words = ["--user", &user, "-k", "3", "--filter", cheap];
    assert!(few.len() > 3 && items(&recall(world, &words)).len() == 3);
    assert!(filtered(r#"{"eq": {"category": "nothing of the kind"}}"#).is_empty());
    assert_eq!(filtered(&format!(r#"{{"items": ["{}"]}}"#, all[7])), [all[7].clone()]);
}

#[test]
fn a_value_that_is_not_allowed_is_refused_and_named() {
    let world = published();
    let refusals: [(&[&str], &str); 12] = [
        (&["--user", "u", "-k", "0"], "k: expected 1 to 1000, found 0"),
        (&["--user", "u", "-k", "1001"], "k: expected 1 to 1000, found 1001"),
        (
            &["--user", "u", "--channels", "popular,hnsw"],
            "channels.1: there is no channel `hnsw`; there are: two_tower",
        ),
        (
            &["--features", r#"{"town": "Lyon"}"#],
            "features.town: there is no such user or context feature; known are: ",
        ),
        (&["--features", r#"{"hour": "noon"}"#], "features.hour: "),
        (&["--features", r#"{"hour": NaN}"#], "expected a JSON object of features"),
        (&["--features", "{}", "--exclude", ","], "exclude.0: "),
        (
            &["--user", "u", "--filter", r#"{"eq": {"town": "Lyon"}}"#],
            "there is no attribute `town`; there are: category, ",
        ),
        (&["--user", "u", "--filter", r#"{"eq": {"price": "dear"}}"#], "`price` is a number, \"dear\" is text"),
        (&["--user", "u", "--filter", r#"{"equals": {}}"#], "expected a filter: unknown variant `equals`"),
        (&["--user", ""], "user: "),
        (&["-k", "5"], "nothing is known of the query"),
    ];
    for (words, message) in refusals {
        let ran = world.folder().run(&[&["recall", "--json"], words].concat());
        let error = ran.json()["error"].clone();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), ""), "{words:?}: {error}");
        assert!(error["message"].as_str().unwrap().contains(message), "{words:?}: {error}");
        assert!(!error["hint"].as_str().unwrap().is_empty() && error["code"].is_string(), "{words:?}: {error}");
    }
}

#[test]
fn for_people_an_answer_is_a_table_that_says_who_asked() {
    let world = published();
    let text = world.folder().run(&["recall", "--user", "nobody", "-k", "3"]).done();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines.len() == 5 && lines[0].starts_with("rank  item"), "{text}");
    assert!(lines[1].starts_with("   1  i") && lines[3].starts_with("   3  i"), "{text}");
    assert!(
        lines[4].starts_with(&format!("bundle {}, cold start, 0 items of history used, ", world.bundle_id())),
        "{text}"
    );
}
