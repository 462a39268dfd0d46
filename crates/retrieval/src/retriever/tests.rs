//! Answers from drafts and sealed bundles: what is asked, refused, left out, degraded, and never mixed.

use super::*;
use crate::answer::Outcome;
use crate::testing::{ALL_KINDS, CITIES, ITEMS, USERS, World, item_id, load, of_user, settings, user_id};
use std::collections::BTreeSet;
use std::fs;
use twinspire_core::CoreError;
use twinspire_core::bundle::{Golden, GoldenCase, file};
use twinspire_core::clock::FixedClock;
use twinspire_core::encode::{RawFeatures, RawValue};

fn items(answer: &Answer) -> Vec<&str> {
    answer.candidates.iter().map(|candidate| candidate.item.as_str()).collect()
}

fn invalid(retriever: &Retriever, query: &Query) -> (String, String) {
    match retriever.retrieve(query) {
        Err(RetrievalError::Core(CoreError::Invalid { field, reason })) => (field, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_has_k_candidates_each_once_with_all_their_channels() {
    let world = World::new();
    let retriever = world.retriever(&settings(ALL_KINDS));
    for k in [1, 10, 40] {
        let answer = retriever.retrieve(&of_user(4, k)).unwrap();
        assert_eq!(items(&answer).iter().collect::<BTreeSet<_>>().len(), k);
        for candidate in &answer.candidates {
            assert_eq!(candidate.score, candidate.channels[0].score);
            let names: BTreeSet<&str> = candidate.channels.iter().map(|hit| hit.name.as_str()).collect();
            assert_eq!(names.len(), candidate.channels.len());
        }
        let statuses: Vec<_> = answer.channels.iter().map(|status| (status.name.as_str(), status.status)).collect();
        let expected = ["two_tower", "item_cf", "popular_by", "hot"].map(|name| (name, Outcome::Ok));
        assert_eq!(statuses, expected);
        assert!(answer.degraded.is_empty() && answer.user_known && !answer.cold_start);
        assert_eq!((answer.history_used, answer.bundle_id.as_str()), (8, "draft"));
    }
    let ten = retriever.retrieve(&of_user(4, 10)).unwrap();
    let all = retriever.retrieve(&of_user(4, 1000)).unwrap();
    assert_eq!(items(&all)[..10], items(&ten)[..], "a longer answer begins with the shorter one");
    assert!(all.candidates.iter().any(|candidate| candidate.channels.len() == 4));
}

#[test]
fn seen_and_excluded_items_stay_out_and_everything_else_comes_back() {
    let world = World::new();
    let retriever = world.retriever(&settings(ALL_KINDS));
    let seen: Vec<String> = retriever.bundle().histories().items(4).iter().map(|&item| item_id(item)).collect();
    let query = Query { exclude: vec![item_id(59), "not an item".into()], ..of_user(4, 1000) };
    let answer = retriever.retrieve(&query).unwrap();
    assert_eq!(answer.candidates.len(), ITEMS as usize - seen.len() - 1);
    assert!(items(&answer).iter().all(|item| *item != item_id(59) && !seen.iter().any(|seen| seen == item)));
    let with_seen = ALL_KINDS.replacen('{', r#"{"leave_out_seen": false, "#, 1);
    let answer = world.retriever(&settings(&with_seen)).retrieve(&of_user(4, 1000)).unwrap();
    assert_eq!(answer.candidates.len(), ITEMS as usize);
}

#[test]
fn a_stranger_gets_an_answer_and_is_told_apart() {
    let world = World::new();
    let retriever = world.retriever(&settings(ALL_KINDS));
    let stranger = Query { user: Some("nobody".into()), k: 10, ..Query::default() };
    let answer = retriever.retrieve(&stranger).unwrap();
    assert_eq!((answer.candidates.len(), answer.cold_start, answer.user_known), (10, true, false));
    let item_cf = &answer.channels[1];
    assert_eq!((item_cf.name.as_str(), item_cf.status, item_cf.count), ("item_cf", Outcome::Empty, 0));
    let history = Some(vec![item_id(1), "unheard of".into(), item_id(3)]);
    let history_times = Some(vec![1, 2, 3]);
    let answer = retriever.retrieve(&Query { history, history_times, ..stranger }).unwrap();
    assert_eq!((answer.cold_start, answer.history_used, answer.history_unknown), (false, 2, 1));
    assert!(!items(&answer).contains(&"i01"));
    let nobody = retriever.retrieve(&Query { k: 3, ..Query::default() }).unwrap();
    assert_eq!((nobody.candidates.len(), nobody.cold_start), (3, true));
}

#[test]
fn a_refusal_names_the_field() {
    let world = World::new();
    let retriever = world.retriever(&settings(ALL_KINDS));
    for k in [0, 1001, usize::MAX] {
        assert_eq!(invalid(&retriever, &of_user(1, k)).0, "k");
    }
    let channels = vec!["hot".to_owned(), "cold".to_owned()];
    let (field, reason) = invalid(&retriever, &Query { channels, ..of_user(1, 5) });
    assert_eq!(field, "channels.1");
    assert!(reason.contains("`cold`") && reason.ends_with("two_tower, item_cf, popular_by, hot"), "{reason}");
    assert_eq!(invalid(&retriever, &Query { exclude: vec![String::new()], ..of_user(1, 5) }).0, "exclude.0");
    assert_eq!(invalid(&retriever, &Query { user: Some("\t".into()), ..of_user(1, 5) }).0, "user");
    let features = RawFeatures::from([("town".to_owned(), RawValue::Missing)]);
    assert_eq!(invalid(&retriever, &Query { features, ..of_user(1, 5) }).0, "features.town");
}

#[test]
fn only_the_channels_that_are_named_are_asked() {
    let world = World::new();
    let retriever = world.retriever(&settings(ALL_KINDS));
    let channels = vec!["hot".to_owned(), "item_cf".to_owned()];
    let answer = retriever.retrieve(&Query { channels, ..of_user(2, 8) }).unwrap();
    let names: Vec<&str> = answer.channels.iter().map(|status| status.name.as_str()).collect();
    assert_eq!(names, ["item_cf", "hot"]);
    let owners = answer.candidates.iter().map(|candidate| candidate.channels[0].name.as_str());
    assert_eq!(owners.filter(|&name| name == "item_cf").count(), 6, "three places of four");
}

struct Broken;

impl RecallChannel for Broken {
    fn name(&self) -> &str {
        "item_cf"
    }

    fn retrieve(&self, _queries: &RecallQueries<'_>, _k: usize) -> Result<Vec<Vec<Scored>>> {
        Err(CoreError::damaged("channels/item_cf.arrow", "a test broke it").into())
    }
}

#[test]
fn a_channel_that_fails_is_named_and_the_others_fill_its_places() {
    let world = World::new();
    let whole = world.retriever(&settings(ALL_KINDS)).retrieve(&of_user(2, 20)).unwrap();
    let retriever = world.retriever(&settings(ALL_KINDS)).with_channel(1, Box::new(Broken));
    let answer = retriever.retrieve(&of_user(2, 20)).unwrap();
    assert_eq!((answer.degraded.as_slice(), answer.candidates.len()), (&["item_cf".to_owned()][..], 20));
    let status = &answer.channels[1];
    assert_eq!((status.status, status.error, status.count), (Outcome::Failed, Some("damaged"), 0));
    assert_eq!(
        answer.candidates[0],
        Candidate { channels: answer.candidates[0].channels.clone(), ..whole.candidates[0].clone() }
    );
    let alone = Query { channels: vec!["item_cf".into()], ..of_user(2, 20) };
    let error = retriever.retrieve(&alone).unwrap_err();
    assert_eq!(error.code(), "no-channel");
    assert!(error.to_string().contains("item_cf") && error.to_string().contains("a test broke it"), "{error}");
}

#[test]
fn an_answer_is_json_with_stable_names() {
    let world = World::new();
    let answer = world.retriever(&settings(ALL_KINDS)).retrieve(&of_user(2, 1)).unwrap();
    let json = serde_json::to_value(&answer).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    let expected = "bundle_id candidates channels degraded cold_start user_known history_used history_unknown took_ms";
    assert_eq!(keys(&json), expected);
    assert_eq!(keys(&json["candidates"][0]), "item score channels");
    assert_eq!(keys(&json["candidates"][0]["channels"][0]), "name score rank");
    assert_eq!(keys(&json["channels"][0]), "name status count took_ms");
    assert_eq!(json["channels"][0]["status"], "ok");
}

#[test]
fn a_sealed_bundle_answers_as_its_draft_did() {
    let world = World::new();
    let draft = world.draft(&settings(ALL_KINDS));
    let before = Retriever::open_draft(&draft, &load, &FixedClock(5)).unwrap();
    let folder = world.seal(&draft);
    let sealed = Retriever::open(&folder, &load, &FixedClock(5)).unwrap();
    assert_eq!(sealed.bundle().golden().cases.len(), USERS as usize);
    for user in 0..USERS {
        let (mut draft, sealed) =
            (before.retrieve(&of_user(user, 30)).unwrap(), sealed.retrieve(&of_user(user, 30)).unwrap());
        draft.bundle_id = sealed.bundle_id.clone();
        assert_eq!(draft, sealed, "{}", user_id(user));
    }
}

#[test]
fn a_draft_without_a_channel_file_or_with_a_damaged_one_does_not_open() {
    let world = World::new();
    let draft = world.draft(&settings(ALL_KINDS));
    for name in ["channels/item_cf.arrow", "channels/hot.arrow", file::MERGE] {
        let path = draft.join(name);
        let whole = fs::read(&path).unwrap();
        let foreign = fs::read(draft.join(file::HISTORIES)).unwrap();
        for content in [None, Some(&whole[..whole.len() / 2]), Some(b""), Some(&foreign)] {
            fs::remove_file(&path).unwrap();
            content.iter().for_each(|content| fs::write(&path, content).unwrap());
            let error = Retriever::open_draft(&draft, &load, &FixedClock(5)).unwrap_err().to_string();
            assert!(error.contains(name.rsplit('/').next().unwrap()), "{error}");
            fs::write(&path, &whole).unwrap();
        }
    }
    assert!(Retriever::open_draft(&draft, &load, &FixedClock(5)).is_ok());
}

#[test]
fn a_bundle_without_users_opens_whole_and_answers_by_features() {
    let world = World::without_users();
    let draft = world.draft(&settings(ALL_KINDS));
    let retriever = Retriever::open(&world.seal(&draft), &load, &FixedClock(5)).unwrap();
    let cases = &retriever.bundle().golden().cases;
    assert_eq!(cases.len(), 16);
    assert!(cases.iter().all(|case| case.user.is_none() && case.history.is_empty() && case.top.len() == 10));
    let cities: BTreeSet<u32> = cases.iter().map(|case| case.single[1]).collect();
    assert_eq!(cities.len(), CITIES.len(), "made-up values go through the vocabulary");
    let features = RawFeatures::from([("city".to_owned(), RawValue::Text("Rome".into()))]);
    let answer = retriever.retrieve(&Query { features, k: 1000, ..Query::default() }).unwrap();
    assert_eq!((answer.candidates.len(), answer.cold_start, answer.user_known), (ITEMS as usize, true, false));
    let outcomes: Vec<Outcome> = answer.channels.iter().map(|status| status.status).collect();
    assert_eq!(outcomes, [Outcome::Ok, Outcome::Empty, Outcome::Ok, Outcome::Ok], "nothing was clicked together");
}

#[test]
fn a_golden_case_that_comes_out_otherwise_is_named_with_its_feature() {
    let world = World::new();
    let draft = world.draft(&settings(ALL_KINDS));
    let path = draft.join(file::GOLDEN);
    let golden: Golden = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let opened = |change: &dyn Fn(&mut Golden)| {
        let mut changed = golden.clone();
        change(&mut changed);
        fs::write(&path, serde_json::to_vec(&changed).unwrap()).unwrap();
        Retriever::open(&world.seal(&draft), &load, &FixedClock(5)).map(|_| ()).map_err(|error| error.to_string())
    };
    let refused = |change: &dyn Fn(&mut Golden), what: &str| {
        let error = opened(change).unwrap_err();
        assert!(error.contains(what), "{error}");
    };
    refused(&|golden| golden.cases[3].single[1] ^= 1, "golden case 3, feature `city`");
    refused(&|golden| golden.cases[0].dense[0] += 1.0, "golden case 0, feature `hour`");
    refused(&|golden| golden.cases[9].multi[0][0].1 = 2.0, "golden case 9, feature `tags`");
    refused(&|golden| golden.cases[2].history[0] = golden.cases[2].history[1].clone(), "golden case 2, user vector");
    let longer = |case: &mut GoldenCase| (case.history.push("gone".into()), case.history_times.push(i64::MAX)).1;
    refused(&|golden| longer(&mut golden.cases[1]), "golden case 1, feature `history`");
    refused(&|golden| golden.cases[4].time = 0, "golden case 4, feature `recent`");
    refused(&|golden| golden.cases[4].history_times[3..].fill(i64::MAX), "golden case 4, feature `recent`");
    let nudge = |golden: &mut Golden, by: f32| golden.cases[5].vector[0] += by;
    refused(&|golden| nudge(golden, 1e-6), "golden case 5, user vector");
    refused(&|golden| golden.cases[5].top.swap(0, 1), "golden case 5, scores of the top items");
    let elsewhere = |golden: &mut Golden| golden.instruction_set = "another".into();
    assert_eq!(opened(&|golden| (elsewhere(golden), nudge(golden, 1e-6)).1), Ok(()), "within the tolerance elsewhere");
    refused(&|golden| (elsewhere(golden), nudge(golden, 1e-3)).1, "golden case 5, user vector");
}
