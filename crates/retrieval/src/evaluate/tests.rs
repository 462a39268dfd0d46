//! The report against requests one by one, against a public library, and at its edges.

use super::figures::{FigureTable, Scorer};
use super::impressions::Impressions;
use super::*;
use crate::config::{ChannelsSection, EvaluateSection, IndexKind, IndexSection};
use crate::embeddings::user_embeddings;
use crate::scan::{ItemBlocks, ScanQueries};
use crate::testing::{
    ALL_KINDS, ITEMS, USERS, World, item_id, load, of_user, open_tables, schema, settings, settings_with,
};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::bundle::file;
use twinspire_core::check::Faults;
use twinspire_core::query::{PastItems, Query};
use twinspire_core::sample::SampleRows;

#[derive(Deserialize)]
struct Reference {
    lengths: Vec<usize>,
    queries: Vec<Judged>,
    metrics: BTreeMap<String, f64>,
}

/// A list, best first, and the true items of its query, ascending.
#[derive(Deserialize)]
struct Judged {
    list: Vec<u32>,
    truth: Vec<u32>,
}

fn figures(judged: &[Judged], lengths: &[usize]) -> FigureTable {
    let scorer = Scorer::new(lengths);
    let mut values = vec![0.0; judged.len() * scorer.columns()];
    for (one, values) in judged.iter().zip(values.chunks_exact_mut(scorer.columns())) {
        let places = (0..).zip(&one.list).filter(|(_, item)| one.truth.contains(item));
        scorer.score(&places.map(|(place, _)| place).collect::<Vec<u16>>(), one.truth.len(), values);
    }
    FigureTable { names: scorer.names().collect(), values }
}

#[test]
fn figures_equal_those_of_a_public_library() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/metrics/reference.json");
    let reference: Reference = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let means = figures(&reference.queries, &reference.lengths).means();
    assert_eq!(reference.metrics.len(), FIGURES.len() * reference.lengths.len());
    for (name, expected) in &reference.metrics {
        assert!((means[name] - expected).abs() < 1e-12, "{name}: {} {expected}", means[name]);
    }
}

#[test]
fn figures_of_one_list_are_those_of_pen_and_paper() {
    let means = figures(&[Judged { list: vec![5, 2, 7, 0], truth: vec![0, 2, 4] }], &[1, 3, 10]).means();
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
    close("map@3", 0.5 / 3.0);
    close("map@10", (0.5 + 0.5) / 3.0);
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
    let (truth, items) = (Truth::new(&table, retriever.bundle().histories()).unwrap(), retriever.bundle().items());
    for (position, row) in report.rows.iter().enumerate().take(5) {
        let channels = if row.name == MERGED { Vec::new() } else { vec![row.name.clone()] };
        for &k in chosen.lengths() {
            let impressions = Impressions::new(&[k], ITEMS as usize);
            let ask = |user| retriever.retrieve(&Query { channels: channels.clone(), ..of_user(user, k) }).unwrap();
            let judge = |user| {
                let list: Vec<u32> = ask(user).candidates.iter().map(|one| items.find(&one.item).unwrap()).collect();
                impressions.see(&list);
                Judged { list, truth: truth.of(user as usize).to_vec() }
            };
            let judged: Vec<Judged> = (0..USERS).map(judge).collect();
            let expected = figures(&judged, &[k]).means().into_iter().chain(impressions.figures(items.counts()));
            for (name, value) in expected {
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
}

#[test]
fn the_report_shows_figures_intervals_and_segments_as_aligned_tables() {
    let report = report_of(&World::new(), 2);
    let lines = report.lines();
    let tables: Vec<&[String]> = lines.split(String::is_empty).collect();
    assert_eq!(tables.iter().map(|table| table.len()).collect::<Vec<_>>(), [7, 7, 8]);
    for table in &tables {
        assert!(table.iter().all(|line| line.len() == table[0].len()), "{table:#?}");
    }
    assert!(tables[0][0].contains("recall@5  recall@20  recall@100  hit_rate@20  ndcg@20  mrr@20  map@20"));
    let low = format!("{:.4}", report.row(MERGED).unwrap().intervals["recall@20"].low);
    assert!(tables[1][5].starts_with(MERGED) && tables[1][5].contains(&low), "{:#?}", tables[1]);
    let tail = format!("{:.4}", report.rows[0].segments["tail"]["recall@20"]);
    assert!(tables[2][0].contains("tail") && tables[2][2].contains(&tail), "{:#?}", tables[2]);
}

#[test]
fn segments_make_up_the_whole() {
    let (world, report) = (World::new(), report_of(&World::new(), 2));
    let (items, users) = report.segments.split_at(ItemSegment::ALL.len());
    assert_eq!(items.iter().filter_map(|segment| segment.items).sum::<usize>(), ITEMS as usize);
    assert_eq!(items.iter().map(|segment| segment.true_items).sum::<usize>(), report.true_items);
    assert_eq!(users.iter().map(|segment| segment.queries).sum::<usize>(), report.queries);
    for row in &report.rows {
        let of_users = users.iter().filter(|segment| segment.queries > 0);
        let sum: f64 = of_users.map(|one| one.queries as f64 * row.segments[&one.name]["ndcg@20"]).sum();
        assert!((sum / report.queries as f64 - row.metrics["ndcg@20"]).abs() < 1e-12, "{}", row.name);
    }
    let (retriever, table) = (world.retriever(&settings(ALL_KINDS)), world.test_queries());
    let segments = ItemSegment::of_items(retriever.bundle().items().counts());
    let of_tail = |items: &[u32]| items.iter().filter(|&&item| segments[item as usize] == ItemSegment::Tail).count();
    let truth = Truth::new(&table, retriever.bundle().histories()).unwrap();
    let true_items: usize = (0..truth.len()).map(|row| of_tail(truth.of(row))).sum();
    assert_eq!(report.segments[2].true_items, true_items);
    assert!(true_items > 0);
}

#[test]
fn every_mean_over_queries_lies_in_its_interval() {
    let report = report_of(&World::new(), 2);
    for row in &report.rows {
        assert_eq!(row.intervals.len(), FIGURES.len() * report.lengths.len());
        for (name, interval) in &row.intervals {
            let mean = row.metrics[name];
            assert!(interval.low <= mean && mean <= interval.high, "{} {name}: {mean} {interval:?}", row.name);
        }
        let wide = row.intervals["recall@20"];
        assert!(wide.high - wide.low > 0.01, "40 queries leave much open: {wide:?}");
    }
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
fn what_an_index_misses_stands_beside_what_it_finds() {
    let (world, index) = (World::new(), IndexSection { kind: IndexKind::Ivf, k: 5, recall_target: 0.5 });
    let chosen = settings_with(r#"{"list": [{"kind": "two_tower"}]}"#, &index);
    let report =
        evaluate(&world.context(), &world.retriever(&chosen), &chosen, Part::Test, &world.test_queries()).unwrap();
    let names: Vec<&str> = report.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["two_tower", "two_tower, exact", MERGED, POPULARITY]);
    let judged = report.index.as_ref().unwrap();
    assert_eq!((judged.k, judged.queries, judged.stored.len()), (5, USERS as usize, judged.measured.len()));
    assert!(
        judged.measured.is_sorted_by(|left, right| left.looked_at <= right.looked_at && left.recall <= right.recall)
    );
    assert!(judged.measured[0].recall < judged.measured[7].recall, "{judged:?}");
    let exact = settings(r#"{"list": [{"kind": "two_tower"}]}"#);
    let scanned =
        evaluate(&world.context(), &world.retriever(&exact), &exact, Part::Test, &world.test_queries()).unwrap();
    assert_eq!(scanned.index, None);
    assert_eq!(scanned.row("two_tower").unwrap().metrics["recall@5"], report.rows[1].metrics["recall@5"]);
    assert!(report.lines().iter().any(|line| line.contains("recall (here)")));
    assert!(report_page("run", &report).contains("What the index misses"));
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
    let past = |user| PastItems { items: bundle.histories().items(user), ..PastItems::default() };
    let histories = (0..USERS).map(past).collect();
    let batch = twinspire_core::query::QueryBatch { features: table.user_features(), histories };
    let vectors = crate::channel::encode_each(bundle.query_encoder(), &batch).unwrap();
    let truth = Truth::new(&table, bundle.histories()).unwrap();
    let (items, counts) = (bundle.item_embeddings(), bundle.items().counts());
    let vectors = (&vectors[..], &items.values[..], items.dimension);
    let expected = &report_of(&world, 2).rows[0];
    let recall = recall_at_k(&chosen, &truth, vectors);
    assert_eq!(recall.len(), 3);
    recall.iter().for_each(|(name, value)| assert_eq!(expected.metrics[name], *value, "{name}"));
    assert_eq!(judge_vectors(&chosen, (&truth, counts), vectors, ("two_tower", world.context().seed)), *expected);
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

#[test]
fn a_page_holds_every_figure_of_the_report_and_asks_for_nothing_from_a_network() {
    let report = report_of(&World::new(), 2);
    let page = report_page("run <2026>", &report);
    assert!(page.contains("<h1>run &lt;2026&gt;</h1>") && !page.contains("<script") && !page.contains("http"));
    for row in &report.rows {
        for value in row.metrics.values() {
            assert!(page.contains(&format!("{value:.4}")), "{} {value}", row.name);
        }
    }
    let count = |text: &str| page.matches(text).count();
    assert_eq!(count("<polyline"), report.rows.len());
    let segments = report.segments.iter().filter(|segment| segment.queries > 0).count();
    assert_eq!(count("<rect"), report.rows.len() * segments);
    assert_eq!((count("<svg"), count("</svg>"), count("<table>")), (2, 2, report.lengths.len()));
}

fn judgement(world: &World) -> (Retriever, Judgement) {
    let retriever = world.retriever(&settings(ALL_KINDS));
    let found = Judgement::new(&world.context(), &retriever, &settings(ALL_KINDS), &world.test_queries()).unwrap();
    (retriever, found)
}

const BOOTSTRAP: Bootstrap = Bootstrap { seed: 1, resamples: 200 };

#[test]
fn a_way_against_another_has_the_difference_of_their_means() {
    let world = World::new();
    let (report, (_, judgement)) = (report_of(&world, 2), judgement(&world));
    let comparison = judgement.against_way(POPULARITY, BOOTSTRAP).unwrap();
    assert_eq!((comparison.queries, comparison.rows.len()), (40, 5));
    let mean = |name: &str, figure: &str| report.row(name).unwrap().metrics[figure];
    for row in &comparison.rows {
        for (figure, paired) in &row.metrics {
            assert!((paired.ours - mean(&row.name, figure)).abs() < 1e-12);
            assert!((paired.difference - (paired.ours - mean(POPULARITY, figure))).abs() < 1e-12);
            let interval = paired.interval.unwrap();
            assert!(interval.low <= paired.difference && paired.difference <= interval.high);
        }
    }
    let paired = |name: &str| comparison.rows.iter().find(|row| row.name == name).unwrap().metrics["recall@20"];
    assert!(paired("two_tower").is_clear() && !paired("hot").is_clear(), "hot is popularity by another name");
    assert_eq!(comparison.lines(20).len(), 1 + 3 * 5);
    assert!(judgement.against_way("nobody", BOOTSTRAP).is_none());
}

#[test]
fn a_bundle_against_itself_differs_nowhere() {
    let world = World::new();
    let (retriever, ours) = judgement(&world);
    let (context, chosen, queries) = (world.context(), settings(ALL_KINDS), world.test_queries());
    let again = Judgement::of_another(&context, (&retriever, &retriever), &chosen, &queries).unwrap();
    assert_eq!(ours, again);
    let comparison = ours.against(&again, "itself", BOOTSTRAP);
    let nothing = Some(Interval { low: 0.0, high: 0.0 });
    let same = |paired: &Paired| paired.difference == 0.0 && paired.interval == nothing;
    assert!(comparison.rows.len() == 6 && comparison.rows.iter().all(|row| row.metrics.values().all(same)));
}

#[test]
fn the_figures_of_every_query_are_a_table_whose_means_are_those_of_the_report() {
    use arrow_array::cast::AsArray;
    use arrow_array::types::{Float64Type, UInt32Type};
    let world = World::new();
    let (report, (_, judgement)) = (report_of(&world, 2), judgement(&world));
    let batch = judgement.to_batch().unwrap();
    assert_eq!(batch.num_rows(), report.queries);
    assert_eq!(batch.column_by_name("user").unwrap().as_string::<i32>().value(7), "u07");
    let true_items = batch.column_by_name("true_items").unwrap().as_primitive::<UInt32Type>();
    assert_eq!(true_items.values().iter().sum::<u32>() as usize, report.true_items);
    for row in &report.rows {
        for figure in row.intervals.keys() {
            let column = batch.column_by_name(&format!("{}.{figure}", row.name)).unwrap();
            let sum: f64 = column.as_primitive::<Float64Type>().values().iter().sum();
            assert!((sum / report.queries as f64 - row.metrics[figure]).abs() < 1e-12, "{} {figure}", row.name);
        }
    }
}

#[test]
fn figures_do_not_depend_on_how_queries_are_put_into_blocks() {
    let (world, chosen) = (World::new(), settings(ALL_KINDS));
    let (retriever, table) = (world.retriever(&chosen), world.test_queries());
    let truth = Truth::new(&table, retriever.bundle().histories()).unwrap();
    let maker = ListMaker::new(&retriever, truth, &chosen, None);
    let at = |block| {
        let tallier = Tallier { truth, lengths: chosen.lengths(), items: maker.items(), block };
        let tallies = tallier.tally(maker.names().len(), |rows| maker.make(rows)).unwrap();
        let counts = retriever.bundle().items().counts();
        tallies.into_iter().map(|tally| (tally.impressions.figures(counts), tally.places)).collect::<Vec<_>>()
    };
    let together = at(table.len());
    assert_eq!(together.len(), 6);
    for block in [1, 3, 7, 1000] {
        assert_eq!(at(block), together, "blocks of {block}");
    }
}
