//! What every channel promises, whatever its kind; and what single channels say on known data.

use super::popular::rank;
use super::*;
use crate::channel::lists::RankedLists;
use crate::config::{IndexKind, IndexSection};
use crate::set::ItemSet;
use crate::testing::{
    ALL_KINDS, CITIES, Click, ITEMS, NOW, USERS, World, item_id, of_user, positives_of, settings, settings_with,
};
use twinspire_core::encode::{RawFeatures, RawValue};
use twinspire_core::ids::MISSING;
use twinspire_core::query::{EncodedQuery, PastItems, Query};
use twinspire_core::vfs::RealVfs;

/// Stored users, a stranger, a stranger with a history, a user without a city.
fn queries() -> Vec<Query> {
    let stranger = Query { user: Some("nobody".into()), ..Query::default() };
    let history = Some(vec![item_id(1), item_id(3), item_id(1)]);
    let mut queries: Vec<Query> = (0..USERS).map(|user| of_user(user, 1)).collect();
    queries.extend([
        stranger.clone(),
        Query { history, history_times: Some(vec![1, 2, 2]), ..stranger },
        Query::default(),
    ]);
    queries
}

fn ask(channel: &dyn RecallChannel, encoded: &[EncodedQuery], excluded: &[u32], k: usize) -> Vec<Vec<Scored>> {
    ask_among(channel, encoded, (excluded, None), k)
}

fn ask_among(
    channel: &dyn RecallChannel,
    encoded: &[EncodedQuery],
    (excluded, allowed): (&[u32], Option<&ItemSet>),
    k: usize,
) -> Vec<Vec<Scored>> {
    let one = |query: &EncodedQuery| {
        let queries = RecallQueries { batch: query.batch(), excluded: vec![excluded], allowed };
        let mut lists = channel.retrieve(&queries, k).unwrap();
        assert_eq!(lists.len(), 1, "one list a query");
        lists.remove(0)
    };
    encoded.iter().map(one).collect()
}

fn keeps_the_contract(channel: &dyn RecallChannel, encoded: &[EncodedQuery]) {
    let corpus = ITEMS as usize;
    let excluded: Vec<u32> = (0..ITEMS).step_by(3).collect();
    let (all, without) = (ask(channel, encoded, &[], corpus + 9), ask(channel, encoded, &excluded, corpus + 9));
    assert!(all.iter().any(|list| !list.is_empty()), "a suite over empty lists proves nothing");
    for (list, without) in all.iter().zip(&without) {
        assert!(list.windows(2).all(|pair| pair[0].order(&pair[1]).is_lt()), "best first, each item once");
        assert!(list.iter().all(|scored| scored.item < ITEMS && scored.score.is_finite()));
        let kept: Vec<Scored> = list.iter().copied().filter(|scored| !excluded.contains(&scored.item)).collect();
        assert_eq!(*without, kept, "an exclusion takes items out and changes nothing else");
    }
    for step in [2, 7, 59, 60] {
        let mut allowed = ItemSet::none(corpus);
        (1..ITEMS).step_by(step).for_each(|item| allowed.insert(item));
        let among = ask_among(channel, encoded, (&excluded, Some(&allowed)), 5);
        for (without, among) in without.iter().zip(&among) {
            let kept = without.iter().copied().filter(|scored| allowed.contains(scored.item));
            assert!(kept.take(5).eq(among.iter().copied()), "what is not allowed takes nobody's place");
        }
    }
    for k in [0, 1, 7, corpus] {
        let cut: Vec<Vec<Scored>> = all.iter().map(|list| list[..k.min(list.len())].to_vec()).collect();
        assert_eq!(ask(channel, encoded, &[], k), cut, "a longer list begins with the shorter one");
    }
    assert_eq!(ask(channel, encoded, &[], corpus + 9), all, "the same question has the same answer");
}

#[test]
fn every_channel_keeps_the_contract() {
    let world = World::new();
    let retriever = world.retriever(&settings(ALL_KINDS));
    let lookup = retriever.bundle().lookup();
    let encoded: Vec<EncodedQuery> = queries().iter().map(|query| lookup.encode(query, NOW).unwrap()).collect();
    let names: Vec<&str> = retriever.channels().iter().map(|channel| channel.name()).collect();
    assert_eq!(names, ["two_tower", "item_cf", "popular_by", "hot"], "by priority");
    for channel in retriever.channels() {
        keeps_the_contract(channel.as_ref(), &encoded);
    }
    let index = IndexSection { kind: IndexKind::Ivf, k: 5, recall_target: 0.5 };
    let approximate = world.retriever(&settings_with(r#"{"list": [{"kind": "two_tower"}]}"#, &index));
    let exact = approximate.channels()[0].exact().expect("cells approximate");
    keeps_the_contract(exact, &encoded);
    assert_eq!(ask(exact, &encoded, &[], 9), ask(retriever.channels()[0].as_ref(), &encoded, &[], 9));
    for position in [0, 3] {
        let lists = ask(retriever.channels()[position].as_ref(), &encoded, &[], ITEMS as usize);
        assert!(lists.iter().all(|list| list.len() == ITEMS as usize), "these rank the whole corpus");
    }
}

#[test]
fn a_batch_gets_the_lists_of_its_queries() {
    let world = World::new();
    let retriever = world.retriever(&settings(ALL_KINDS));
    let table = world.test_queries();
    let past = |user| PastItems { items: retriever.bundle().histories().items(user), ..PastItems::default() };
    let histories = (0..USERS).map(past).collect();
    let batch = QueryBatch { features: table.user_features(), histories };
    let queries = RecallQueries { excluded: vec![&[3, 8]; USERS as usize], allowed: None, batch };
    let encoded: Vec<EncodedQuery> =
        (0..USERS).map(|user| retriever.bundle().lookup().encode(&of_user(user, 1), NOW).unwrap()).collect();
    for channel in retriever.channels() {
        let together = channel.retrieve(&queries, 25).unwrap();
        assert_eq!(together, ask(channel.as_ref(), &encoded, &[3, 8], 25), "{}", channel.name());
    }
}

#[test]
fn a_city_selects_its_list_and_a_missing_or_strange_one_the_overall_list() {
    let world = World::new();
    let retriever = world.retriever(&settings(ALL_KINDS));
    let of_city = |city: Option<&str>| {
        let value = city.map_or(RawValue::Missing, |city| RawValue::Text(city.into()));
        let query = Query { features: RawFeatures::from([("city".to_owned(), value)]), ..Query::default() };
        let encoded = [retriever.bundle().lookup().encode(&query, NOW).unwrap()];
        ask(retriever.channels()[2].as_ref(), &encoded, &[], 8).remove(0)
    };
    let overall = of_city(None);
    assert_eq!(of_city(Some("Atlantis")), overall);
    for city in CITIES {
        assert_ne!(of_city(Some(city)), overall);
    }
}

fn items_and_scores(list: &[Scored]) -> Vec<(u32, f64)> {
    list.iter().map(|scored| (scored.item, scored.score)).collect()
}

#[test]
fn popularity_halves_with_each_half_life_and_counts_only_positives() {
    let day = 86_400_000_000;
    let at = |item, days: i64| Click { item, time: days * day, ..Click::default() };
    let clicks = [at(0, 0), at(0, 0), at(0, 0), at(1, 10), at(2, 8), Click { label: 0.0, ..at(3, 10) }];
    let positives = positives_of(&clicks, 5);
    let plain = rank(&positives, None, 0.0);
    assert_eq!(plain.len(), 1);
    assert_eq!(items_and_scores(&plain[0].1), [(0, 3.0), (1, 1.0), (2, 1.0), (3, 0.0), (4, 0.0)]);
    let decayed = rank(&positives, None, 2.0);
    assert_eq!(items_and_scores(&decayed[0].1)[..3], [(1, 1.0), (2, 0.5), (0, 3.0 / 32.0)]);
}

#[test]
fn lists_by_value_count_only_their_value() {
    let at = |item, city| Click { item, city, ..Click::default() };
    let clicks = [at(0, 0), at(1, 0), at(1, 0), at(2, 2), at(2, MISSING), at(3, MISSING)];
    let lists = rank(&positives_of(&clicks, 4), Some(1), 0.0);
    let keys: Vec<u32> = lists.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, [0, 2, MISSING]);
    assert_eq!(items_and_scores(&lists[0].1), [(1, 2.0), (0, 1.0)]);
    assert_eq!(items_and_scores(&lists[1].1), [(2, 1.0)]);
    assert_eq!(items_and_scores(&lists[2].1), [(1, 2.0), (2, 2.0), (0, 1.0), (3, 1.0)]);
}

#[test]
fn lists_that_are_out_of_order_or_foreign_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lists.arrow");
    let scored = |item, score| Scored { item, score };
    let opens = |lists: &[(u32, Vec<Scored>)]| {
        RankedLists::write(&RealVfs, &path, lists).unwrap();
        RankedLists::open(&path, 3).is_ok()
    };
    assert!(opens(&[]) && opens(&[(0, vec![]), (7, vec![scored(2, 1.0), scored(0, 0.5), scored(1, 0.5)])]));
    assert!(!opens(&[(7, vec![]), (7, vec![])]), "a key twice");
    assert!(!opens(&[(0, vec![scored(3, 1.0)])]), "an item outside the corpus");
    assert!(!opens(&[(0, vec![scored(0, 1.0), scored(1, 2.0)])]), "worst first");
    assert!(!opens(&[(0, vec![scored(0, f64::NAN)])]), "not a number");
}
