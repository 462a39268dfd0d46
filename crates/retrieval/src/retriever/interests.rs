//! A user tower with several interests, on every way from a query to an answer and a figure.

use super::Retriever;
use crate::embeddings::user_embeddings;
use crate::evaluate::{Truth, evaluate, recall_at_k};
use crate::golden;
use crate::testing::{ITEMS, TWO_INTERESTS, USERS, World, item_id, load, of_user, open_tables, settings, user_id};
use std::sync::Arc;
use twinspire_core::bundle::file;
use twinspire_core::clock::FixedClock;
use twinspire_core::interaction::Part;
use twinspire_core::query::{QueryBatch, Scored};
use twinspire_core::vfs::{RealVfs, write_file};

const TWO_TOWERS: &str = r#"{"leave_out_seen": false, "list": [{"kind": "two_tower"}]}"#;

/// A draft whose user tower has two interests, with its golden set.
fn retriever(world: &World) -> Retriever {
    let draft = world.draft(&settings(TWO_TOWERS));
    write_file(&RealVfs, &draft.join(file::MODEL), TWO_INTERESTS).unwrap();
    golden::record(&world.context(), &draft, &load).unwrap();
    Retriever::open_draft(&draft, &load, &FixedClock(0)).unwrap()
}

#[test]
fn an_item_of_an_answer_has_the_best_score_of_the_exported_interests() {
    let world = World::new();
    let retriever = retriever(&world);
    golden::check(retriever.bundle()).unwrap();
    let (items, histories) = open_tables(&world);
    let tower = load(&retriever.bundle().folder().join(file::MODEL), &world.encoder, Arc::new(items.clone())).unwrap();
    let users = user_embeddings(&world.encoder, &items, &histories, tower.as_ref(), 2).unwrap();
    assert_eq!((users.ids.len(), &users.ids[7]), (2 * USERS as usize, &format!("{}#2", user_id(3))));
    let vectors = retriever.bundle().item_embeddings();
    let dot = |user: usize, item: u32| -> f64 {
        let pairs = users.row(user).iter().zip(vectors.row(item as usize));
        pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let mut second = 0;
    for user in 0..USERS {
        let own = [2 * user as usize, 2 * user as usize + 1];
        let best = |item| Scored { item, score: dot(own[0], item).max(dot(own[1], item)) };
        let mut expected: Vec<Scored> = (0..ITEMS).map(best).collect();
        expected.sort_by(Scored::order);
        let answer = retriever.retrieve(&of_user(user, 20)).unwrap();
        assert_eq!(answer.candidates.len(), 20);
        for (candidate, expected) in answer.candidates.iter().zip(&expected) {
            assert_eq!(candidate.item, item_id(expected.item), "user {user}");
            second += usize::from(dot(own[1], expected.item) > dot(own[0], expected.item));
        }
    }
    assert!(second > USERS as usize, "both interests find items: {second} by the second one");
}

#[test]
fn training_hears_the_recall_of_all_interests() {
    let world = World::new();
    let (retriever, table, chosen) = (retriever(&world), world.test_queries(), settings(TWO_TOWERS));
    let bundle = retriever.bundle();
    let truth = Truth::new(&table, bundle.histories()).unwrap();
    let histories: Vec<_> = (0..table.len()).map(|row| truth.past(row)).collect();
    let histories = histories.iter().map(|past| past.view()).collect();
    let batch = QueryBatch { features: table.user_features(), histories };
    let vectors = crate::channel::encode_each(bundle.query_encoder(), &batch).unwrap();
    let items = bundle.item_embeddings();
    let report = evaluate(&world.context(), &retriever, &chosen, Part::Test, &table).unwrap();
    let recall = recall_at_k(&chosen, &truth, (&vectors, &items.values, items.dimension));
    assert!(!recall.is_empty() && recall.values().any(|value| *value > 0.0));
    recall.iter().for_each(|(name, value)| assert_eq!(report.rows[0].metrics[name], *value, "{name}"));
}
