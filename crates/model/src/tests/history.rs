//! Encoded histories in the whole model: gradients, joined histories, the bits of a row on every way.

use super::gradient;
use super::world::{World, context, encoder, model, settings_of, shared_items, write_samples};
use crate::batch::{Samples, UsersOf};
use crate::config::{
    Activation, EncoderSection, LossSection, ModelSection, Temperature, TrainSection, TrainedPositions,
};
use crate::engine::{Batch, Engine, Objective, Pairing};
use crate::model::TwoTower;
use crate::query::load_query_encoder;
use crate::sequence::Pass;
use crate::train::train;
use serde_json::{Value, json};
use twinspire_core::ids::MISSING;
use twinspire_core::progress::Silent;
use twinspire_core::query::{PastItems, QueryBatch};
use twinspire_core::vfs::RealVfs;

/// Both kinds of blocks, with what differs between them, then the other encoders.
fn encoders() -> Vec<Value> {
    let first =
        json!({"kind": "self_attention", "feature": "seen", "blocks": 2, "heads": 2, "inner": 12, "dropout": 0.0});
    let last = json!({"kind": "self_attention", "feature": "seen", "heads": 4, "inner": 6, "dropout": 0.0, "norm": "last",
        "positions": "order", "causal": false, "output": "mean"});
    let gru = json!({"kind": "gru", "feature": "seen", "dropout": 0.0});
    let din = json!({"kind": "din", "feature": "seen", "hidden": 12, "dropout": 0.0});
    let learned = json!({"kind": "din", "feature": "seen", "hidden": 5, "attention_query": "learned", "softmax": true,
        "dropout": 0.0});
    let profile = json!({"kind": "din", "feature": "seen", "hidden": 6, "attention_query": "profile", "dropout": 0.0});
    let dien = json!({"kind": "dien", "feature": "seen", "auxiliary_weight": 0.5, "dropout": 0.0});
    let interests = json!({"kind": "interests", "feature": "seen", "count": 3, "hidden": 7, "positions": "order",
        "dropout": 0.0});
    let recency = json!({"kind": "recency", "feature": "seen", "half_life": 2});
    let timed = json!({"kind": "self_attention", "feature": "seen", "inner": 12, "dropout": 0.0, "positions": "none",
        "time_gaps": true, "activation": "gelu"});
    vec![first, last, gru, din, learned, profile, dien, interests, recency, timed]
}

fn with(encoder: &Value, changes: Value) -> ModelSection {
    let mut encoder = encoder.clone();
    encoder.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let section: EncoderSection = serde_json::from_value(encoder).unwrap();
    ModelSection { encoders: vec![section], ..model() }
}

/// Interests of one history, which share what a GRU makes of another.
fn two_encoders() -> ModelSection {
    let mut section = with(&encoders()[7], json!({}));
    section.encoders.push(serde_json::from_value(json!({"kind": "gru", "feature": "genres", "dropout": 0.0})).unwrap());
    section
}

#[test]
fn every_gradient_equals_the_finite_difference() {
    let dropping = Pass { joined: false, training: Some((1, 1)) };
    for encoder in encoders() {
        let drops = encoder.get("dropout").is_some();
        for (changes, pass) in
            [(json!({}), Pass::default()), (json!({"dropout": 0.3}), dropping)].into_iter().take(1 + usize::from(drops))
        {
            let (world, mut section) = (World::new(false), with(&encoder, changes));
            if encoder["activation"] == "gelu" {
                // Towers without kinks, so that no difference crosses one.
                (section.user_tower.activation, section.item_tower.activation) = (Activation::Gelu, Activation::Gelu);
            }
            gradient::check(&world, &section, TrainSection::default(), (false, pass));
        }
    }
    let sampled = TrainSection {
        loss: LossSection::SampledSoftmax { temperature: Temperature::Fixed(0.5) },
        negatives: serde_json::from_value(json!([{"kind": "uniform", "count": 2}, {"kind": "popularity", "count": 3}]))
            .unwrap(),
        ..TrainSection::default()
    };
    let interests = two_encoders();
    gradient::check(&World::new(false), &interests, sampled, (false, Pass::default()));
    let pairs = TrainSection { loss: LossSection::Bce {}, ..TrainSection::default() };
    gradient::check(&World::new(false), &with(&encoders()[0], json!({})), pairs, (false, Pass::default()));
}

/// Loss and gradients of all samples, a user's in a row.
fn gradients(model: &ModelSection, pass: Pass) -> (f64, Vec<f64>, Vec<Vec<f32>>) {
    let world = World::new(false);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let mut rows: Vec<u32> = (0..samples.len() as u32).filter(|&row| samples.user(row).skip == MISSING).collect();
    rows.sort_by_key(|&row| (samples.event(row).user, samples.event(row).history_end));
    let tower = TwoTower::new(model, &world.encoder, 3);
    let mut engine =
        Engine::new(&tower.layout, Objective::new(&TrainSection::default(), &samples), &TrainSection::default());
    let batch = Batch { samples: &samples, rows: &rows, pairing: Pairing::Own, number: 0, pass };
    let loss = engine.gradients(&tower.parameters, &batch).mean();
    let tables =
        (0..tower.layout.tables.len()).map(|table| engine.table_gradients(table).into_values().flatten().collect());
    (loss, engine.dense_gradient(), tables.collect())
}

#[test]
fn a_pass_that_is_kept_and_one_that_is_computed_again_give_the_same_bits() {
    let kept = Pass { joined: false, training: Some((1, 1)) };
    for encoder in encoders().into_iter().filter(|encoder| encoder["kind"] != "dien") {
        let section = with(&encoder, json!({}));
        assert!(gradients(&section, kept) == gradients(&section, Pass::default()), "{encoder}");
    }
}

#[test]
fn users_without_a_history_train_on_what_else_is_known() {
    let world = World::new(false);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let rows: Vec<u32> = (0..samples.len() as u32).filter(|&row| samples.user(row).history.is_empty()).collect();
    assert!(rows.len() > 20, "{} rows", rows.len());
    for encoder in encoders() {
        let tower = TwoTower::new(&with(&encoder, json!({})), &world.encoder, 3);
        let train = TrainSection::default();
        let mut engine = Engine::new(&tower.layout, Objective::new(&train, &samples), &train);
        let pass = Pass { joined: false, training: Some((1, 1)) };
        let batch = Batch { samples: &samples, rows: &rows, pairing: Pairing::Own, number: 0, pass };
        let loss = engine.gradients(&tower.parameters, &batch).mean();
        let gradient = engine.dense_gradient();
        assert!(loss.is_finite() && loss > 0.0 && gradient.iter().all(|value| value.is_finite()), "{encoder}: {loss}");
        let history = &tower.layout.user.histories[0];
        let own = &gradient[history.offset..history.offset + history.encoder.len()];
        assert!(own.iter().all(|value| *value == 0.0), "{encoder}: nothing was read");
    }
}

#[test]
fn joined_histories_give_the_gradients_of_single_ones() {
    // Histories of up to four items are not cut, and places that count from the oldest are the same in both.
    let [blocks, _, others @ ..] = &encoders()[..] else { panic!("too few encoders") };
    let orders = [json!({"positions": "order"}), json!({"positions": "none", "output": "mean"})];
    let sections = orders.map(|changes| with(blocks, changes)).into_iter();
    for section in sections.chain(others.iter().map(|encoder| with(encoder, json!({})))) {
        let ((single_loss, single, single_tables), (loss, joined, tables)) =
            (gradients(&section, Pass::default()), gradients(&section, Pass { joined: true, training: None }));
        assert!((loss / single_loss - 1.0).abs() < 1e-6, "{loss} {single_loss}");
        let close = |a: f64, b: f64, scale: f64| assert!((a - b).abs() <= 1e-5 * scale, "{a} {b}, scale {scale}");
        let scale = single.iter().fold(0.0f64, |scale, value| scale.max(value.abs()));
        single.iter().zip(&joined).for_each(|(a, b)| close(*a, *b, scale));
        let numbers = tables.iter().flatten().zip(single_tables.iter().flatten());
        numbers.for_each(|(a, b)| close(f64::from(*a), f64::from(*b), scale));
    }
}

#[test]
fn all_positions_train_to_the_same_bytes_with_one_two_and_four_threads_and_learn() {
    let encoders = encoders();
    let positions = [TrainedPositions::All, TrainedPositions::Single, TrainedPositions::All].into_iter();
    let trained = encoders.iter().filter(|encoder| encoder["kind"] != "recency");
    for (encoder, positions) in trained.zip(positions.cycle()) {
        let model = with(encoder, json!({"dropout": 0.2}));
        let section =
            TrainSection { epochs: 4, batch_size: 300, learning_rate: 5e-3, positions, ..TrainSection::default() };
        let files: Vec<(Vec<u8>, f64)> = [1, 2, 4]
            .into_iter()
            .map(|threads| {
                let folder = tempfile::tempdir().unwrap();
                let samples = write_samples(folder.path(), false);
                let settings = settings_of(&model, section.clone(), false);
                let report = train(&context(&Silent, threads), &settings, &samples, folder.path(), None).unwrap();
                (std::fs::read(report.model).unwrap(), report.epochs[3].loss / report.epochs[0].loss)
            })
            .collect();
        assert!(files[0].1 < 0.97, "the loss fell to {}", files[0].1);
        assert!(files.iter().all(|file| file.0 == files[0].0));
    }
}

#[test]
fn a_query_has_the_bits_of_batch_encoding() {
    for encoder_section in encoders() {
        let (world, folder) = (World::new(false), tempfile::tempdir().unwrap());
        let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
        let tower = TwoTower::new(&with(&encoder_section, json!({})), &world.encoder, 3);
        let rows: Vec<u32> = (0..samples.len() as u32).filter(|&row| samples.user(row).skip == MISSING).collect();
        let vectors = tower.user_vectors(samples.corpus(), rows.len(), |start| UsersOf(&samples, &rows[start..]));
        let path = folder.path().join("model.safetensors");
        tower.save(&RealVfs, &path, &encoder()).unwrap();
        let query_encoder = load_query_encoder(&path, &encoder(), shared_items()).unwrap();
        for (row, vector) in rows.iter().zip(vectors.chunks(tower.interests() * tower.dimension())) {
            let own = samples.user(*row);
            let features = own.features.slice(own.row..own.row + 1);
            let (times, asked) = samples.times(*row);
            let past = PastItems { items: own.history, times, asked };
            let mut found = vec![0.0; vector.len()];
            query_encoder.encode(&QueryBatch { features, histories: vec![past] }, &mut found).unwrap();
            assert_eq!(found, vector, "row {row}");
        }
    }
}
