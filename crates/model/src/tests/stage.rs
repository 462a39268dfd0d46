//! The stage on a small world: it learns, it repeats to the byte, it refuses what it must.

use super::world::{
    self, ITEMS, USERS, World, context, dot_model, encoder, encoder_of, settings, settings_of, shared_items,
    write_samples,
};
use crate::batch::{Samples, UsersOf};
use crate::config::{Keep, LossSection, ModelSection, NegativesSection, Temperature, TrainSection};
use crate::error::ModelError;
use crate::model::TwoTower;
use crate::query::load_query_encoder;
use crate::train::{TrainReport, Validator, train};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use twinspire_core::CoreError;
use twinspire_core::progress::{Heard, Silent};
use twinspire_core::query::{PastItems, QueryBatch};
use twinspire_core::vfs::RealVfs;

const BCE: LossSection = LossSection::Bce {};
const SAMPLED: LossSection = LossSection::SampledSoftmax { temperature: Temperature::Fixed(0.1) };
const FULL: LossSection = LossSection::FullSoftmax { temperature: Temperature::Fixed(0.1) };

fn section(loss: LossSection) -> TrainSection {
    TrainSection { epochs: 8, batch_size: 64, learning_rate: 5e-3, loss, ..TrainSection::default() }
}

fn run_with(
    run_dir: &Path,
    train_section: &TrainSection,
    (labels_mode, threads): (bool, usize),
    validator: Option<Validator<'_>>,
) -> Result<TrainReport, ModelError> {
    run_model(run_dir, (&world::model(), train_section), (labels_mode, threads), validator)
}

fn run_model(
    run_dir: &Path,
    (model, train_section): (&ModelSection, &TrainSection),
    (labels_mode, threads): (bool, usize),
    validator: Option<Validator<'_>>,
) -> Result<TrainReport, ModelError> {
    let samples = write_samples(run_dir, labels_mode);
    let settings = settings_of(model, train_section.clone(), labels_mode);
    train(&context(&Silent, threads), &settings, &samples, run_dir, validator)
}

/// Share of queries whose true item is among the first five.
fn recall_at_5(queries: &[f32], items: &[f32], dimension: usize) -> BTreeMap<String, f64> {
    let world = World::new(false);
    assert_eq!((queries.len(), items.len()), (USERS * dimension, ITEMS * dimension));
    let truth: Vec<usize> = (0..USERS).map(|user| world.histories.items(user as u32)[6] as usize).collect();
    let hits = queries.chunks(dimension).zip(truth).filter(|(query, truth)| {
        let score = |item: usize| -> f32 { query.iter().zip(&items[item * dimension..]).map(|(a, b)| a * b).sum() };
        (0..ITEMS).filter(|&item| score(item) > score(*truth)).count() < 5
    });
    BTreeMap::from([("recall@5".to_owned(), hits.count() as f64 / USERS as f64)])
}

#[test]
fn all_losses_learn_the_planted_taste_in_both_modes() {
    let contrastive = LossSection::CosineContrastive { margin: 0.2, negative_weight: 4.0 };
    let over_pairs = [LossSection::Bpr { temperature: 0.2 }, LossSection::Hinge { margin: 0.3 }, contrastive];
    let losses = [BCE, LossSection::default(), SAMPLED, FULL].into_iter().chain(over_pairs);
    for (loss, labels_mode) in losses.flat_map(|loss| [(loss.clone(), false), (loss, true)]) {
        let folder = tempfile::tempdir().unwrap();
        let report = run_with(folder.path(), &section(loss.clone()), (labels_mode, 2), Some(&recall_at_5)).unwrap();
        let (first, last) = (&report.epochs[0], report.epochs.last().unwrap());
        assert!(last.loss < 0.95 * first.loss, "{loss:?} {labels_mode}: {} to {}", first.loss, last.loss);
        let auc = last.validation["auc"];
        assert!(auc > 0.7, "{loss:?} {labels_mode}: AUC {auc}");
        // Five of forty items at random would be one eighth.
        let recall = last.corpus["recall@5"];
        assert!(recall > 0.25, "{loss:?} {labels_mode}: {recall}");
        assert_eq!(last.validation.contains_key("precision"), loss == BCE);
        assert_eq!(last.samples, USERS as u64 * 6 * (1 + u64::from(labels_mode && loss == BCE)));
    }
}

#[test]
fn dot_products_learn_the_planted_taste_and_vectors_keep_their_lengths() {
    let softmax = |temperature| LossSection::InBatchSoftmax {
        temperature: Temperature::Fixed(temperature),
        logq_correction: true,
        mask_accidental_hits: true,
    };
    for loss in [softmax(1.0), LossSection::Bpr { temperature: 1.0 }, LossSection::Hinge { margin: 3.0 }] {
        let folder = tempfile::tempdir().unwrap();
        let sections = (&dot_model(), &TrainSection { epochs: 12, ..section(loss.clone()) });
        let report = run_model(folder.path(), sections, (false, 2), Some(&recall_at_5)).unwrap();
        let last = report.epochs.last().unwrap();
        let (auc, recall) = (last.validation["auc"], last.corpus["recall@5"]);
        assert!(auc > 0.7 && recall > 0.25, "{loss:?}: AUC {auc}, recall {recall}");
        let tower = TwoTower::load(&report.model, &encoder()).unwrap();
        assert_eq!(tower.section, dot_model());
        let items = tower.encode_items(&shared_items().features(), 1).unwrap();
        let lengths: Vec<f32> = items.chunks(8).map(|row| row.iter().map(|x| x * x).sum::<f32>().sqrt()).collect();
        let bounds = lengths.iter().fold((f32::MAX, 0f32), |(low, high), own| (low.min(*own), high.max(*own)));
        assert!(bounds.1 > 1.05 * bounds.0, "{bounds:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_with_one_to_eight_threads() {
    let mixed = serde_json::json!([{"kind": "in_batch"}, {"kind": "popularity", "count": 99, "shared": true},
        {"kind": "same_attribute", "feature": "genre", "count": 3}]);
    let mixed: Vec<NegativesSection> = serde_json::from_value(mixed).unwrap();
    let cases = [(BCE, false), (BCE, true), (LossSection::default(), false), (SAMPLED, false), (FULL, false)];
    for (loss, labels_mode) in cases {
        let bytes = [1, 2, 4, 8].map(|threads| {
            let folder = tempfile::tempdir().unwrap();
            let mut short = section(loss.clone());
            (short.epochs, short.batch_size) = (2, 300);
            if loss == SAMPLED {
                short.negatives = mixed.clone();
            }
            let report = run_with(folder.path(), &short, (labels_mode, threads), Some(&recall_at_5)).unwrap();
            let model = std::fs::read(&report.model).unwrap();
            let metrics = std::fs::read(report.model.with_file_name("metrics.jsonl")).unwrap();
            let tower = TwoTower::load(&report.model, &encoder()).unwrap();
            (model, metrics, tower.encode_items(&shared_items().features(), threads).unwrap())
        });
        assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "{loss:?} {labels_mode}");
    }
}

#[test]
fn a_finished_run_is_skipped_and_tells_what_it_told_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut short = section(BCE);
    short.epochs = 2;
    let first = run_with(folder.path(), &short, (false, 1), None).unwrap();
    let again = run_with(folder.path(), &short, (false, 1), None).unwrap();
    assert!(!first.outcome.is_skipped() && again.outcome.is_skipped());
    assert_eq!((first.epochs, first.kept_epoch), (again.epochs, again.kept_epoch));
    short.learning_rate = 1e-3;
    assert!(!run_with(folder.path(), &short, (false, 1), None).unwrap().outcome.is_skipped());
}

#[test]
fn the_best_epoch_is_kept_and_the_last_one_when_told() {
    // A validator that likes the second of three epochs best.
    let calls = Mutex::new(0);
    let second = |_: &[f32], _: &[f32], _: usize| {
        let mut calls = calls.lock().unwrap();
        *calls += 1;
        BTreeMap::from([
            ("a".to_owned(), [0.1, 0.9, 0.5][(*calls - 1) % 3]),
            ("b".to_owned(), f64::from(*calls as u32)),
        ])
    };
    let models = [(Keep::Best, 3, 2), (Keep::Last, 3, 3), (Keep::Last, 2, 2)].map(|(keep, epochs, expected)| {
        let folder = tempfile::tempdir().unwrap();
        *calls.lock().unwrap() = 0;
        let section = TrainSection { keep, epochs, ..section(BCE) };
        let report = run_with(folder.path(), &section, (false, 1), Some(&second)).unwrap();
        assert_eq!(report.kept_epoch, expected);
        std::fs::read(&report.model).unwrap()
    });
    assert_eq!(models[0], models[2], "the second epoch");
    assert_ne!(models[0], models[1]);
}

#[test]
fn steps_per_epoch_and_validation_steps_bound_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let bounded = TrainSection { steps_per_epoch: Some(2), validation_steps: Some(1), epochs: 2, ..section(BCE) };
    let report = run_with(folder.path(), &bounded, (false, 1), None).unwrap();
    assert_eq!((report.epochs[1].steps, report.epochs[1].samples), (4, 128));
    let whole = TrainSection { validation_steps: None, ..bounded };
    let other = run_with(folder.path(), &whole, (false, 1), None).unwrap();
    assert_eq!(report.epochs[1].loss, other.epochs[1].loss);
}

#[test]
fn a_loss_that_is_not_finite_stops_training_and_leaves_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let wild = TrainSection { learning_rate: 1e38, ..section(BCE) };
    let error = run_with(folder.path(), &wild, (false, 1), None).unwrap_err();
    assert!(matches!(error, ModelError::Diverged { epoch: 1, step: 2.., .. }), "{error}");
    assert_eq!(error.code(), "diverged");
    assert!(!folder.path().join("train").exists());
}

#[test]
fn negatives_that_are_not_there_are_asked_for_in_vain() {
    let folder = tempfile::tempdir().unwrap();
    let error = |negatives: serde_json::Value| {
        let negatives = serde_json::from_value(negatives).unwrap();
        run_with(folder.path(), &TrainSection { negatives, ..section(SAMPLED) }, (false, 1), None).unwrap_err()
    };
    let unmined = error(serde_json::json!([{"kind": "mined"}]));
    assert!(matches!(unmined, ModelError::Unmined { .. }) && unmined.hint().unwrap().contains("twinspire mine"));
    for kind in ["impressed", "rejected"] {
        let error = error(serde_json::json!([{"kind": kind}]));
        assert!(matches!(error, ModelError::Unsuitable { .. }) && error.to_string().contains(kind), "{error}");
    }
    assert!(!folder.path().join("train").exists());
}

#[test]
fn a_query_has_the_bits_of_batch_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let report = run_with(folder.path(), &TrainSection { epochs: 1, ..section(BCE) }, (false, 2), None).unwrap();
    let world = World::new(false);
    let tower = TwoTower::load(&report.model, &encoder()).unwrap();
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let rows: Vec<u32> = (0..samples.len() as u32).collect();
    let whole = tower.user_vectors(samples.corpus(), rows.len(), |start| UsersOf(&samples, &rows[start..]));
    let queries = load_query_encoder(&report.model, &encoder(), shared_items()).unwrap();
    let table = &world.train.tables()[0];
    for row in (0..rows.len()).filter(|&row| table.history_skip()[row] == twinspire_core::ids::MISSING) {
        let history = world.histories.before(table.users()[row], table.history_end()[row]);
        let batch = QueryBatch {
            features: table.user_features().slice(row..row + 1),
            histories: vec![PastItems { items: history, ..PastItems::default() }],
        };
        let mut vector = vec![0.0; queries.dimension()];
        queries.encode(&batch, &mut vector).unwrap();
        assert_eq!(vector, whole[row * 8..row * 8 + 8], "row {row}");
    }
}

#[test]
fn a_query_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let report = run_with(folder.path(), &TrainSection { epochs: 1, ..section(BCE) }, (false, 1), None).unwrap();
    let queries = load_query_encoder(&report.model, &encoder(), shared_items()).unwrap();
    let world = World::new(false);
    let features = || world.train.tables()[0].user_features().slice(0..1);
    let mut vector = vec![0.0; 8];
    let mut encode = |histories: Vec<&[u32]>, features| {
        let histories = histories.into_iter().map(|items| PastItems { items, ..PastItems::default() }).collect();
        queries.encode(&QueryBatch { features, histories }, &mut vector)
    };
    assert!(encode(vec![&[0, 39]], features()).is_ok());
    assert!(encode(vec![&[40]], features()).is_err(), "an item outside the corpus");
    assert!(encode(vec![], features()).is_err(), "no history for the row");
    let mut foreign = features();
    let ids = [50, 0];
    foreign.single = &ids;
    assert!(encode(vec![&[]], foreign).is_err(), "an id outside its table");
}

#[test]
fn a_model_survives_its_file_and_a_damaged_or_foreign_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let model = TwoTower::new(&world::model(), &encoder(), 1);
    model.save(&RealVfs, &path, &encoder()).unwrap();
    assert_eq!(TwoTower::load(&path, &encoder()).unwrap(), model);
    let bytes = std::fs::read(&path).unwrap();
    let other = encoder_of(
        r#"[{"name": "u", "side": "user", "kind": "hash", "buckets": 5},
                               {"name": "i", "side": "item", "kind": "hash", "buckets": 5}]"#,
    );
    assert!(matches!(TwoTower::load(&path, &other).unwrap_err(), CoreError::Mismatch { .. }));
    let mut not_a_number = bytes.clone();
    let end = bytes.len();
    not_a_number[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    for damaged in [&bytes[..end - 4], &bytes[..100], b"", &not_a_number] {
        std::fs::write(&path, damaged).unwrap();
        assert!(matches!(TwoTower::load(&path, &encoder()).unwrap_err(), CoreError::Damaged { .. }));
    }
    let missing = TwoTower::load(&folder.path().join("none"), &encoder()).unwrap_err();
    assert!(matches!(missing, CoreError::Io { .. }));
}

#[test]
fn a_summary_of_the_model_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let (samples, lines) = (write_samples(folder.path(), false), Heard::default());
    let short = TrainSection { epochs: 1, ..section(BCE) };
    train(&context(&lines, 1), &settings(short, false), &samples, folder.path(), None).unwrap();
    let text = lines.lines().join("\n");
    let own = ["16 -> 8, unit length", "cosine -> logit -> 1"];
    let parts = ["embedding.item.id ", "64 x 8", "embedding.history.genres.genre", "user_tower.0", "relu, + input"];
    for part in parts.into_iter().chain(own) {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let of_dot = crate::summary::lines(&TwoTower::new(&dot_model(), &encoder(), 1).layout).join("\n");
    assert!(of_dot.contains("16 -> 8 ") && !own.iter().any(|part| of_dot.contains(part)), "{of_dot}");
    let model = TwoTower::new(&world::model(), &encoder(), 1);
    let tables: usize = model.parameters.tables.iter().map(|table| table.len()).sum();
    let total = format!("total{:>1$}", "", 0);
    assert!(text.contains(&total) && text.contains("epoch 1: loss"));
    let expected = (tables + model.parameters.dense.len()).to_string();
    assert!(text.replace(',', "").contains(&expected), "{expected} parameters in\n{text}");
}
