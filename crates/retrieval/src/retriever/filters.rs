//! Filters and availability, from the query to every channel, and to the figures.

use super::*;
use crate::config::RetrievalSettings;
use crate::evaluate::{MERGED, POPULARITY, evaluate};
use crate::testing::{ALL_KINDS, ITEMS, USERS, World, of_user, settings};
use twinspire_core::CoreError;
use twinspire_core::attribute::Filter;
use twinspire_core::interaction::Part;

fn filter(json: &str) -> Option<Filter> {
    Some(serde_json::from_str(json).unwrap())
}

/// Numbers of the items of an answer, ascending.
fn numbers(answer: &Answer) -> Vec<u32> {
    let number = |candidate: &Candidate| candidate.item[1..].parse().unwrap();
    let mut numbers: Vec<u32> = answer.candidates.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_filter_leaves_what_fits_of_every_channel_and_as_many_as_were_asked_for() {
    let world = World::new();
    let retriever = world.with_attributes(&settings(ALL_KINDS), None);
    let tight = r#"{"and": [{"eq": {"parity": "even"}}, {"range": {"number": {"gte": 40}}}]}"#;
    let seen = retriever.bundle().histories().items(4);
    let fits: Vec<u32> = (40..ITEMS).filter(|item| item % 2 == 0 && !seen.contains(item)).collect();
    for channels in [&[][..], &["two_tower"], &["hot"]] {
        let channels: Vec<String> = channels.iter().map(|&name| name.to_owned()).collect();
        let of = |k| Query { filter: filter(tight), channels: channels.clone(), ..of_user(4, k) };
        assert_eq!(numbers(&retriever.retrieve(&of(1000)).unwrap()), fits);
        let five = retriever.retrieve(&of(5)).unwrap();
        assert_eq!(five.candidates.len(), 5, "five fit, so five come");
        assert!(numbers(&five).iter().all(|item| fits.contains(item)));
    }
    let nothing = retriever.retrieve(&Query { filter: filter(r#"{"or": []}"#), ..of_user(4, 5) }).unwrap();
    assert!(nothing.candidates.is_empty() && nothing.degraded.is_empty(), "nothing fits, and that is no error");
    let ids = filter(r#"{"items": ["i41", "i07", "unheard of"]}"#);
    let listed =
        retriever.retrieve(&Query { filter: ids, exclude: vec!["i07".into()], ..Query { k: 9, ..Query::default() } });
    assert_eq!(numbers(&listed.unwrap()), [41]);
}

#[test]
fn a_filter_that_names_no_attribute_is_refused_by_name() {
    let world = World::new();
    let refused = |retriever: &Retriever, json: &str| match retriever
        .retrieve(&Query { filter: filter(json), ..of_user(4, 5) })
    {
        Err(RetrievalError::Core(CoreError::Invalid { field, reason })) => (field, reason),
        other => panic!("{other:?}"),
    };
    let (field, reason) =
        refused(&world.with_attributes(&settings("{}"), None), r#"{"not": {"eq": {"town": "Rome"}}}"#);
    assert_eq!(
        (field.as_str(), reason.as_str()),
        ("filter", "there is no attribute `town`; there are: parity, number")
    );
    assert!(refused(&world.retriever(&settings("{}")), r#"{"eq": {"town": "Rome"}}"#).1.ends_with("there are none"));
}

/// One channel of each kind, and a filter for all of them.
fn below_50() -> RetrievalSettings {
    settings(&ALL_KINDS.replacen('{', r#"{"filter": "{\"range\": {\"number\": {\"lt\": 50}}}", "#, 1))
}

#[test]
fn what_is_not_available_or_does_not_fit_the_filter_of_the_config_is_nobodys_candidate() {
    let world = World::new();
    let retriever = world.with_attributes(&below_50(), Some((0..ITEMS).step_by(3).collect()));
    let may: Vec<u32> = (0..50).step_by(3).collect();
    for user in 0..USERS {
        let seen = retriever.bundle().histories().items(user);
        let expected: Vec<u32> = may.iter().copied().filter(|item| !seen.contains(item)).collect();
        assert_eq!(numbers(&retriever.retrieve(&of_user(user, 1000)).unwrap()), expected);
    }
    let wider = Query { filter: filter(r#"{"range": {"number": {"gte": 30}}}"#), k: 1000, ..Query::default() };
    let answer = retriever.retrieve(&wider).unwrap();
    assert_eq!(numbers(&answer), [30, 33, 36, 39, 42, 45, 48], "a request narrows, it does not widen");
}

#[test]
fn the_figures_are_those_of_lists_without_what_is_no_candidate() {
    let (world, chosen) = (World::new(), settings(ALL_KINDS));
    let queries = world.test_queries();
    let judged = |available: Option<Vec<u32>>| {
        let retriever = world.with_attributes(&chosen, available);
        evaluate(&world.context(), &retriever, &chosen, Part::Test, &queries).unwrap()
    };
    let (all, half) = (judged(None), judged(Some((0..ITEMS / 2).collect())));
    let truth: Vec<u32> = (0..queries.len()).flat_map(|row| queries.truth().unwrap().row(row).to_vec()).collect();
    let gone = truth.iter().filter(|&&item| item >= ITEMS / 2).count();
    assert!(gone > 0);
    assert_eq!((all.true_items_left_out, half.true_items_left_out, half.true_items), (0, gone, truth.len()));
    for name in [MERGED, POPULARITY, "two_tower"] {
        let (all, half) = (&all.row(name).unwrap().metrics, &half.row(name).unwrap().metrics);
        assert_eq!(all["recall@100"], 1.0, "{name}: a list of the whole corpus misses nothing");
        assert!((half["recall@100"] - (1.0 - gone as f64 / truth.len() as f64)).abs() < 1e-12, "{name}");
        assert!(half["coverage@100"] <= 0.5, "{name}");
    }
}
