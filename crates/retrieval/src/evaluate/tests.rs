//! The report against requests one by one, against a public library, and at its edges.

use super::metrics::{Coverage, Sums};
use super::*;
use crate::config::{ChannelsSection, EvaluateSection, IndexSection};
use crate::embeddings::user_embeddings;
use crate::scan::{ItemBlocks, ScanQueries};
use crate::testing::{ALL_KINDS, ITEMS, USERS, World, item_id, load, of_user, open_tables, schema, settings};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use twinspire_core::bundle::file;
use twinspire_core::check::Faults;
use twinspire_core::query::Query;
use twinspire_core::sample::SampleRows;

#[derive(Deserialize)]
struct Reference {
    items: usize,
    lengths: Vec<usize>,
    queries: Vec<ReferenceQuery>,
    metrics: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct ReferenceQuery {
    list: Vec<u32>,
    truth: Vec<u32>,
}

#[test]
fn figures_equal_those_of_a_public_library() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/metrics/reference.json");
    let reference: Reference = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut sums, coverage) = (Sums::new(&reference.lengths), Coverage::new(reference.items));
    for query in &reference.queries {
        sums.see(&query.list, &query.truth);
        coverage.see(&query.list);
    }
    let means = sums.means(&coverage);
    assert_eq!(reference.metrics.len(), 4 * reference.lengths.len());
    for (name, expected) in &reference.metrics {
        assert!((means[name] - expected).abs() < 1e-12, "{name}: {} {expected}", means[name]);
    }
    for &length in &reference.lengths {
        let shown = reference.queries.iter().flat_map(|query| query.list.iter().take(length));
        let covered = shown.collect::<BTreeSet<_>>().len() as f64 / reference.items as f64;
        assert_eq!(means[&format!("coverage@{length}")], covered);
    }
}

#[test]
fn figures_of_one_list_are_those_of_pen_and_paper() {
    let (mut sums, coverage) = (Sums::new(&[1, 3, 10]), Coverage::new(8));
    sums.see(&[5, 2, 7, 0], &[0, 2, 4]);
    sums.see(&[1, 3], &[]);
    coverage.see(&[5, 2, 7, 0]);
    let means = sums.means(&coverage);
    let close = |name: &str, expected: f64| assert!((means[name] - expected).abs() < 1e-12, "{name} {}", means[name]);
    let [first, second, third, fourth] = [1.0, 1.0 / 3f64.log2(), 0.5, 1.0 / 5f64.log2()];
    close("recall@1", 0.0);
    close("recall@3", 1.0 / 3.0);
    close("recall@10", 2.0 / 3.0);
    close("hit_rate@3", 1.0);
    close("ndcg@3", second / (first + second + third));
    close("ndcg@10", (second + fourth) / (first + second + third));
    close("mrr@1", 0.0);
    close("mrr@10", 0.5);
    close("coverage@1", 0.125);
    close("coverage@10", 0.5);
}

fn report_of(world: &World, threads: usize) -> Report {
    let settings = settings(ALL_KINDS);
    let context = RetrievalContext { threads, ..world.context() };
    evaluate(&context, &world.retriever(&settings), &settings, Part::Test, &world.test_queries()).unwrap()
}

#[test]
fn the_report_says_what_requests_would_have_got() {
    let world = World::new();
    let (report, chosen) = (report_of(&world, 2), settings(ALL_KINDS));
    let (retriever, table) = (world.retriever(&chosen), world.test_queries());
    let truth = Truth { queries: &table, histories: retriever.bundle().histories() };
    for (position, row) in report.rows.iter().enumerate().take(5) {
        let channels = if row.name == MERGED { Vec::new() } else { vec![row.name.clone()] };
        for &k in chosen.lengths() {
            let (mut sums, coverage) = (Sums::new(&[k]), Coverage::new(ITEMS as usize));
            for user in 0..USERS {
                let answer = retriever.retrieve(&Query { channels: channels.clone(), ..of_user(user, k) }).unwrap();
                let items = answer.candidates.iter().map(|one| retriever.bundle().items().find(&one.item).unwrap());
                let list: Vec<u32> = items.collect();
                sums.see(&list, truth.of(user as usize).unwrap());
                coverage.see(&list);
            }
            for (name, value) in sums.means(&coverage) {
                assert!((row.metrics[&name] - value).abs() < 1e-12, "row {position}, {name}");
            }
        }
    }
}

#[test]
fn the_report_does_not_depend_on_threads_and_knows_better_than_popularity() {
    let world = World::new();
    let report = report_of(&world, 1);
    assert_eq!(report, report_of(&world, 4));
    let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["two_tower", "item_cf", "popular_by", "hot", MERGED, POPULARITY]);
    assert_eq!(
        (report.part.as_str(), report.queries, report.true_items, report.true_items_left_out),
        ("test", 40, 80, 0)
    );
    let recall = |name: &str| report.row(name).unwrap().metrics["recall@20"];
    assert_eq!(recall("hot"), recall(POPULARITY), "without a half-life the two are one");
    assert!(recall("two_tower") > recall(POPULARITY) && recall("item_cf") > recall(POPULARITY), "{report:?}");
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    let lines = report.lines();
    assert_eq!(lines.len(), 7);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{lines:#?}");
    assert!(lines[0].ends_with("recall@5  recall@20  recall@100  hit_rate@20  ndcg@20  mrr@20  coverage@20"));
}

#[test]
fn a_true_item_that_was_seen_counts_as_missed_unless_seen_items_stay() {
    let world = World::new();
    let chosen = settings(ALL_KINDS);
    let retriever = world.retriever(&chosen);
    let mut rows = world.queries();
    let seen: Vec<u32> = (0..USERS).map(|user| retriever.bundle().histories().items(user)[0]).collect();
    rows.truth = Some(((0..=USERS as i32).collect(), seen));
    let table = SampleTable::from_batch(&rows.into_batch(&world.encoder).unwrap()).unwrap();
    let judged =
        |chosen: &RetrievalSettings| evaluate(&world.context(), &retriever, chosen, Part::Test, &table).unwrap();
    let report = judged(&chosen);
    assert_eq!((report.true_items, report.true_items_left_out), (40, 40));
    assert!(report.rows.iter().all(|row| row.metrics["recall@100"] == 0.0));
    let (mut faults, evaluate) = (Faults::default(), EvaluateSection { leave_out_seen: false, ..Default::default() });
    let (index, channels) = (IndexSection::default(), ChannelsSection::default());
    let with_seen = RetrievalSettings::check(&evaluate, &index, &channels, &schema(), &mut faults).unwrap();
    let report = judged(&with_seen);
    assert_eq!((report.true_items_left_out, report.row(MERGED).unwrap().metrics["recall@100"]), (0, 1.0));
}

#[test]
fn events_without_users_are_judged_by_their_features() {
    let (world, chosen) = (World::without_users(), settings(ALL_KINDS));
    let (retriever, queries) = (world.retriever(&chosen), world.test_queries());
    let report = evaluate(&world.context(), &retriever, &chosen, Part::Test, &queries).unwrap();
    let recall = |name: &str| report.row(name).unwrap().metrics["recall@100"];
    assert_eq!((report.queries, report.true_items, report.true_items_left_out), (40, 80, 0));
    assert_eq!((recall("item_cf"), recall("two_tower"), recall(MERGED)), (0.0, 1.0, 1.0));
}

#[test]
fn a_part_without_queries_is_an_error_that_names_it() {
    let world = World::new();
    let (chosen, rows) = (
        settings(ALL_KINDS),
        SampleRows {
            user_features: world.encoder.empty_user_rows(),
            truth: Some((vec![0], Vec::new())),
            ..SampleRows::default()
        },
    );
    let table = SampleTable::from_batch(&rows.into_batch(&world.encoder).unwrap()).unwrap();
    let error = evaluate(&world.context(), &world.retriever(&chosen), &chosen, Part::Validation, &table).unwrap_err();
    assert_eq!(error.code(), "no-queries");
    assert!(error.to_string().contains("validation"), "{error}");
}

#[test]
fn training_hears_the_recall_that_evaluation_reports() {
    let world = World::new();
    let chosen = settings(ALL_KINDS);
    let (retriever, table) = (world.retriever(&chosen), world.test_queries());
    let bundle = retriever.bundle();
    let histories = (0..USERS).map(|user| bundle.histories().items(user)).collect();
    let batch = QueryBatch { features: table.user_features(), histories };
    let vectors = crate::channel::encode_each(bundle.query_encoder(), &batch).unwrap();
    let truth = Truth { queries: &table, histories: bundle.histories() };
    let items = bundle.item_embeddings();
    let recall = recall_at_k(&chosen, &truth, (&vectors, &items.values, items.dimension));
    let expected = &report_of(&world, 2).rows[0].metrics;
    assert_eq!(recall.len(), 3);
    recall.iter().for_each(|(name, value)| assert!((expected[name] - value).abs() < 1e-12, "{name}"));
}

#[test]
fn exported_user_vectors_find_what_requests_of_stored_users_find() {
    let world = World::new();
    let retriever = world.retriever(&settings(r#"{"leave_out_seen": false, "list": [{"kind": "two_tower"}]}"#));
    let (items, histories) = open_tables(&world);
    let folder = retriever.bundle().folder().to_owned();
    let tower = load(&folder.join(file::MODEL), &world.encoder, Arc::new(items.clone())).unwrap();
    let users = user_embeddings(&world.encoder, &items, &histories, tower.as_ref(), 2).unwrap();
    assert_eq!((users.ids.len(), users.ids[3].as_str()), (USERS as usize, "u03"));
    let vectors = retriever.bundle().item_embeddings();
    let blocks = ItemBlocks::new(&vectors.values, vectors.dimension);
    for user in 0..USERS {
        let query = ScanQueries { vectors: users.row(user as usize), excluded: &[&[]] };
        let found: Vec<String> = blocks.top_k(query, 9)[0].iter().map(|scored| item_id(scored.item)).collect();
        let answer = retriever.retrieve(&of_user(user, 9)).unwrap();
        let answered: Vec<String> = answer.candidates.into_iter().map(|candidate| candidate.item).collect();
        assert_eq!(found, answered);
    }
}
