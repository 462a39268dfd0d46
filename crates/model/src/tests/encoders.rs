//! Encoders of histories against PyTorch; `fixtures/model/make_self_attention.py`, `make_gru.py` and
//! its neighbours made the files.

use super::reference::{Tensors, assert_close, gradients, named, set};
use super::world::encoder_of;
use crate::batch::Samples;
use crate::config::{
    EncoderSection, KnownPositives, LossSection, ModelSection, ModelSettings, Temperature, TowerSection, TrainSection,
};
use crate::engine::{Batch, Engine, Objective, Pairing};
use crate::model::TwoTower;
use crate::negative::{Drawn, Mix};
use crate::sequence::Pass;
use crate::train::{Files, ListFiles};
use serde::Deserialize;
use serde_json::{Value, json};
use twinspire_core::check::Faults;
use twinspire_core::encode::{EncodedRows, FeatureEncoder};
use twinspire_core::history::{Histories, HistoryRows};
use twinspire_core::ids::MISSING;
use twinspire_core::items::ItemTable;
use twinspire_core::sample::{SampleRows, SampleSet, SampleTable};

const ITEMS: usize = 20;
/// A user's rows read one history.
const JOINED: Pass = Pass { joined: true, training: None };
const SCHEMA: &str = r#"[
    {"name": "seen", "side": "user", "kind": "history", "of": ["id"], "max_length": 6},
    {"name": "id", "side": "item", "kind": "hash", "buckets": 20}]"#;

#[derive(Deserialize)]
struct Reference {
    rate: f64,
    temperature: f64,
    histories: Vec<Vec<u32>>,
    /// Seconds of each user's items, and of a query after the last one.
    times: Option<Vec<Vec<i64>>>,
    /// User, length of the history, item.
    rows: Vec<(u32, u32, u32)>,
    initial: Tensors,
    losses: Vec<f64>,
    gradients: Tensors,
}

impl Reference {
    /// Microseconds of an event.
    fn time(&self, user: usize, event: usize) -> i64 {
        self.times.as_ref().map_or(0, |times| times[user][event] * 1_000_000)
    }

    fn files(&self, encoder: &FeatureEncoder) -> Files {
        let (count, no_features) = (self.rows.len(), EncodedRows { rows: self.rows.len(), ..EncodedRows::default() });
        let rows = SampleRows {
            user: self.rows.iter().map(|row| row.0).collect(),
            item: self.rows.iter().map(|row| row.2).collect(),
            label: vec![1.0; count],
            weight: vec![1.0; count],
            time: self.rows.iter().map(|row| self.time(row.0 as usize, row.1 as usize)).collect(),
            history_end: self.rows.iter().map(|row| row.1).collect(),
            history_skip: vec![MISSING; count],
            user_features: no_features,
            item_features: None,
            truth: None,
        };
        let mut histories = HistoryRows { offsets: vec![0], ..HistoryRows::default() };
        for (user, items) in self.histories.iter().enumerate() {
            histories.users.push(user.to_string());
            histories.items.extend(items);
            histories.times.extend((0..items.len()).map(|event| self.time(user, event)));
            histories.offsets.push(histories.items.len() as i32);
        }
        let ids: Vec<String> = (0..ITEMS).map(|item| format!("{item:02}")).collect();
        let features = EncodedRows { rows: ITEMS, single: (0..ITEMS as u32).collect(), ..EncodedRows::default() };
        Files {
            encoder: encoder.clone(),
            items: ItemTable::from_batch(&ItemTable::batch(&ids, &[1; ITEMS], features, encoder).unwrap()).unwrap(),
            histories: Histories::from_batch(histories.into_batch().unwrap()).unwrap(),
            train: SampleSet::new(vec![SampleTable::from_batch(&rows.into_batch(encoder).unwrap()).unwrap()]),
            validation: SampleSet::default(),
            queries: None,
            lists: ListFiles::default(),
        }
    }
}

fn compare(json: &str, section: Value, pass: Pass) {
    let reference: Reference = serde_json::from_str(json).unwrap();
    let encoder = encoder_of(SCHEMA);
    let files = reference.files(&encoder);
    let samples = Samples::new(&files.train, Some(&files.histories), &files.items);
    let tower = || TowerSection { hidden: Vec::new(), project: false, ..TowerSection::default() };
    let encoders: Vec<EncoderSection> = vec![serde_json::from_value(section).unwrap()];
    let (user_tower, item_tower) = (tower(), tower());
    let sizes = ModelSection { embedding_dimension: 8, output_dimension: 8, ..ModelSection::default() };
    let section = ModelSection { user_tower, item_tower, encoders, ..sizes };
    let loss = LossSection::FullSoftmax { temperature: Temperature::Fixed(reference.temperature) };
    let train = TrainSection { loss, known_positives: KnownPositives::History, ..TrainSection::default() };
    let mut faults = Faults::default();
    let settings = ModelSettings::check(&section, &train, encoder.schema(), false, &mut faults);
    let settings = settings.unwrap_or_else(|| panic!("{:?}", faults.into_vec()));
    let mut model = TwoTower::new(&section, &encoder, 0);
    let layout = model.layout.clone();
    set(&layout, &mut model.parameters, &reference.initial);
    let mix = Mix::new(&settings, &files, &samples).unwrap();
    let pairing = Pairing::of(&settings, Drawn { mix: &mix, seed: 0, purpose: "test" });
    let mut engine = Engine::new(&layout, Objective::new(settings.train(), &samples), settings.train());
    let rows: Vec<u32> = (0..samples.len() as u32).collect();
    let batch = Batch { samples: &samples, rows: &rows, pairing, number: 0, pass };
    let sum = engine.gradients(&model.parameters, &batch);
    assert_close(&named(&layout, &gradients(&layout, &engine, sum.weight)), &reference.gradients, ("gradient", 1e-5));
    for (step, expected) in reference.losses.iter().enumerate() {
        let loss = engine.step(&mut model.parameters, &batch, reference.rate, None).unwrap().mean();
        let allowed = if step == 0 { 1e-5 } else { 1e-3 };
        assert!((loss / expected - 1.0).abs() <= allowed, "step {}: loss {loss}, expected {expected}", step + 1);
    }
    assert_eq!(engine.steps(), 100);
}

#[test]
fn a_hundred_steps_at_all_positions_follow_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_self_attention_first.json");
    let section =
        json!({"kind": "self_attention", "feature": "seen", "blocks": 2, "heads": 1, "inner": 12, "dropout": 0.0});
    compare(json, section, JOINED);
}

#[test]
fn a_hundred_steps_of_the_mean_of_all_tokens_follow_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_self_attention_last.json");
    let section = json!({"kind": "self_attention", "feature": "seen", "heads": 2, "inner": 12, "dropout": 0.0,
        "norm": "last", "positions": "order", "causal": false, "output": "mean"});
    compare(json, section, Pass::default());
}

#[test]
fn a_hundred_steps_of_time_gaps_follow_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_self_attention_gaps.json");
    let section = json!({"kind": "self_attention", "feature": "seen", "inner": 12, "time_gaps": true, "dropout": 0.0});
    compare(json, section, JOINED);
}

#[test]
fn a_hundred_steps_of_a_block_with_gelu_follow_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_self_attention_gelu.json");
    let section =
        json!({"kind": "self_attention", "feature": "seen", "inner": 12, "activation": "gelu", "dropout": 0.0});
    compare(json, section, JOINED);
}

#[test]
fn a_hundred_steps_of_a_gru_follow_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_gru.json");
    compare(json, json!({"kind": "gru", "feature": "seen", "dropout": 0.0}), JOINED);
}

#[test]
fn a_hundred_steps_of_pooling_by_age_follow_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_recency.json");
    compare(json, json!({"kind": "recency", "feature": "seen", "half_life": 2}), JOINED);
}

#[test]
fn a_hundred_steps_of_din_follow_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_din_last_click.json");
    compare(json, json!({"kind": "din", "feature": "seen", "hidden": 12, "dropout": 0.0}), JOINED);
    let json = include_str!("../../../../fixtures/model/reference_din_learned.json");
    let learned = json!({"kind": "din", "feature": "seen", "hidden": 12, "attention_query": "learned", "softmax": true,
        "dropout": 0.0});
    compare(json, learned, JOINED);
}

#[test]
fn a_hundred_steps_of_several_interests_follow_pytorch() {
    let section = |count: u32, positions: &str| json!({"kind": "interests", "feature": "seen", "count": count, "hidden": 12, "positions": positions, "dropout": 0.0});
    let json = include_str!("../../../../fixtures/model/reference_interests_age.json");
    compare(json, section(3, "age"), Pass::default());
    let json = include_str!("../../../../fixtures/model/reference_interests_none.json");
    compare(json, section(2, "none"), JOINED);
}

#[test]
fn a_hundred_steps_of_dien_follow_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_dien_last_click.json");
    let last_click = json!({"kind": "dien", "feature": "seen", "auxiliary_weight": 0.5, "dropout": 0.0});
    compare(json, last_click, Pass { training: Some((1, 1)), ..JOINED });
    let json = include_str!("../../../../fixtures/model/reference_dien_learned.json");
    let learned = json!({"kind": "dien", "feature": "seen", "attention_query": "learned", "dropout": 0.0});
    compare(json, learned, JOINED);
}
