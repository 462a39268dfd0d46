//! Ten steps of training against PyTorch; `fixtures/model/make_reference.py` made the files.

use super::world::encoder_of;
use crate::batch::Samples;
use crate::config::{
    Activation, CrossSection, InBatchSection, KnownPositives, LearnedTemperature, LossSection, ModelSection,
    ModelSettings, NegativesSection, Score, Temperature, TowerSection, TrainSection,
};
use crate::engine::{Batch, Engine, Objective, Pairing};
use crate::export::tensors;
use crate::kernel::Buffer;
use crate::layout::ModelLayout;
use crate::model::{Parameters, TwoTower};
use crate::negative::{Drawn, Mix};
use crate::sequence::Pass;
use crate::train::{Files, ListFiles};
use serde::Deserialize;
use std::collections::BTreeMap;
use twinspire_core::check::Faults;
use twinspire_core::encode::{EncodedRows, FeatureEncoder, MultiColumn};
use twinspire_core::history::{Histories, HistoryRows};
use twinspire_core::items::ItemTable;
use twinspire_core::sample::{SampleRows, SampleSet, SampleTable};

const SCHEMA: &str = r#"[
    {"name": "city", "side": "user", "kind": "hash", "buckets": 12},
    {"name": "device", "side": "context", "kind": "hash", "buckets": 7},
    {"name": "hour", "side": "context", "kind": "hash", "buckets": 5},
    {"name": "likes", "side": "user", "kind": "hash", "buckets": 9, "list": {"weighted": true}},
    {"name": "age", "side": "user", "kind": "numeric", "normalise": "none"},
    {"name": "seen", "side": "user", "kind": "history", "of": ["id"], "max_length": 5},
    {"name": "id", "side": "item", "kind": "hash", "buckets": 20},
    {"name": "genre", "side": "item", "kind": "hash", "buckets": 5},
    {"name": "brand", "side": "item", "kind": "hash", "buckets": 6}]"#;

/// Allowed difference, relative to the largest number of the tensor.
const TOLERANCE: f64 = 1e-5;

pub(super) type Tensors = BTreeMap<String, Vec<f64>>;

#[derive(Deserialize)]
struct Reference {
    batch: usize,
    rate: f64,
    temperature: f64,
    inputs: Inputs,
    initial: Tensors,
    losses: Vec<f64>,
    /// Of the user tower and of the item tower.
    #[serde(default)]
    crosses: [Option<CrossSection>; 2],
    #[serde(default)]
    learned: Option<LearnedReference>,
    gradients: Vec<Tensors>,
    r#final: Tensors,
}

/// A temperature that moves: by `-ln` of it, whose gradients these are, and what it is after each step.
#[derive(Deserialize)]
struct LearnedReference {
    lowest: f64,
    highest: f64,
    gradients: Vec<f64>,
    temperatures: Vec<f64>,
}

impl Reference {
    fn temperature(&self) -> Temperature {
        let of = |learned: &LearnedReference| LearnedTemperature {
            start: self.temperature,
            lowest: learned.lowest,
            highest: learned.highest,
        };
        self.learned.as_ref().map_or(Temperature::Fixed(self.temperature), |own| Temperature::Within(of(own)))
    }
}

#[derive(Deserialize)]
struct Inputs {
    corpus: Vec<[u32; 3]>,
    histories: Vec<Vec<u32>>,
    rows: Vec<Row>,
    counts: Vec<u64>,
}

#[derive(Deserialize)]
struct Row {
    single: [u32; 3],
    likes: Vec<(u32, f32)>,
    age: f32,
    user: u32,
    end: u32,
    skip: u32,
    item: u32,
    label: f32,
    weight: f32,
}

impl Inputs {
    fn samples(&self, encoder: &FeatureEncoder) -> SampleSet {
        let mut likes = MultiColumn { offsets: vec![0], ..MultiColumn::default() };
        for row in &self.rows {
            likes.ids.extend(row.likes.iter().map(|like| like.0));
            likes.weights.extend(row.likes.iter().map(|like| like.1));
            likes.offsets.push(likes.ids.len() as i32);
        }
        let column = |of: fn(&Row) -> u32| self.rows.iter().map(of).collect::<Vec<u32>>();
        let rows = SampleRows {
            user: column(|row| row.user),
            item: column(|row| row.item),
            label: self.rows.iter().map(|row| row.label).collect(),
            weight: self.rows.iter().map(|row| row.weight).collect(),
            time: vec![0; self.rows.len()],
            history_end: column(|row| row.end),
            history_skip: column(|row| row.skip),
            user_features: EncodedRows {
                rows: self.rows.len(),
                single: self.rows.iter().flat_map(|row| row.single).collect(),
                dense: self.rows.iter().map(|row| row.age).collect(),
                multi: vec![likes],
            },
            item_features: None,
            truth: None,
        };
        SampleSet::new(vec![SampleTable::from_batch(&rows.into_batch(encoder).unwrap()).unwrap()])
    }

    fn items(&self, encoder: &FeatureEncoder) -> ItemTable {
        let ids: Vec<String> = (0..self.corpus.len()).map(|item| format!("{item:02}")).collect();
        let single = self.corpus.iter().flatten().copied().collect();
        let rows = EncodedRows { rows: ids.len(), single, ..EncodedRows::default() };
        ItemTable::from_batch(&ItemTable::batch(&ids, &self.counts, rows, encoder).unwrap()).unwrap()
    }

    fn histories(&self) -> Histories {
        let mut rows = HistoryRows { offsets: vec![0], ..HistoryRows::default() };
        for (user, items) in self.histories.iter().enumerate() {
            rows.users.push(user.to_string());
            rows.items.extend(items);
            rows.offsets.push(rows.items.len() as i32);
        }
        rows.times = vec![0; rows.items.len()];
        Histories::from_batch(rows.into_batch().unwrap()).unwrap()
    }
}

/// The model of the reference, its towers with these cross layers.
fn model(
    encoder: &FeatureEncoder,
    (activation, score): (Activation, Score),
    crosses: [Option<CrossSection>; 2],
) -> TwoTower {
    let tower = |cross| TowerSection { hidden: vec![16, 8], activation, cross, ..TowerSection::default() };
    let [user, item] = crosses;
    let section = ModelSection {
        embedding_dimension: 4,
        output_dimension: 6,
        score,
        user_tower: tower(user),
        item_tower: tower(item),
        encoders: vec![],
    };
    TwoTower::new(&section, encoder, 0)
}

/// Takes tensors by name.
pub(super) fn set(layout: &ModelLayout, parameters: &mut Parameters, from: &Tensors) {
    let floats = |name: &str| from[name].iter().map(|&value| value as f32).collect::<Vec<f32>>();
    for (spec, table) in layout.tables.iter().zip(&mut parameters.tables) {
        *table = floats(&spec.name).into();
    }
    let dense: Vec<f32> = {
        let names = tensors(layout, parameters).into_iter().skip(layout.tables.len()).map(|(name, _, _)| name);
        names.flat_map(|name| floats(&name)).collect()
    };
    assert_eq!(dense.len(), layout.dense_len());
    parameters.dense = dense;
}

pub(super) fn named(layout: &ModelLayout, parameters: &Parameters) -> Tensors {
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
    tensors(layout, parameters).into_iter().map(|(name, _, values)| (name, wide(values))).collect()
}

/// Gradients of the mean loss, as parameters.
pub(super) fn gradients(layout: &ModelLayout, engine: &Engine<'_>, weight: f64) -> Parameters {
    let scaled = |value: f64| (value / weight) as f32;
    let table = |(number, spec): (usize, &crate::layout::TableSpec)| {
        let mut dense = Buffer::zeros(spec.cardinality * spec.dimension);
        for (id, row) in engine.table_gradients(number) {
            let cells = &mut dense[id as usize * spec.dimension..][..spec.dimension];
            cells.iter_mut().zip(row).for_each(|(cell, value)| *cell = scaled(f64::from(value)));
        }
        dense
    };
    Parameters {
        tables: layout.tables.iter().enumerate().map(table).collect(),
        dense: engine.dense_gradient().into_iter().map(scaled).collect(),
    }
}

pub(super) fn assert_close(ours: &Tensors, theirs: &Tensors, (what, tolerance): (&str, f64)) {
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, expected) in theirs {
        let scale = expected.iter().fold(0.0f64, |scale, value| scale.max(value.abs()));
        for (at, (value, expected)) in ours[name].iter().zip(expected).enumerate() {
            let difference = (value - expected).abs();
            assert!(difference <= tolerance * scale, "{what}, {name}[{at}]: {value}, expected {expected}");
        }
    }
}

fn settings(loss: LossSection, encoder: &FeatureEncoder) -> ModelSettings {
    let mut train = TrainSection { loss, known_positives: KnownPositives::History, ..TrainSection::default() };
    if let LossSection::SampledSoftmax { .. } = train.loss {
        train.negatives = vec![NegativesSection::InBatch(InBatchSection::default())];
    }
    let mut faults = Faults::default();
    let checked = ModelSettings::check(&ModelSection::default(), &train, encoder.schema(), true, &mut faults);
    checked.unwrap_or_else(|| panic!("{:?}", faults.into_vec()))
}

/// What is compared. A bias that all items share adds the same to all scores of a user, so that no softmax of dot products
/// sees it: its gradient is rounding, which Adam makes steps of.
fn seen(mut tensors: Tensors, score: Score) -> Tensors {
    tensors.retain(|name, _| score == Score::Cosine || name != "item_tower.2.bias");
    tensors
}

fn compare(json: &str, how: (Activation, Score), loss: impl Fn(Temperature) -> LossSection) {
    let reference: Reference = serde_json::from_str(json).unwrap();
    let encoder = encoder_of(SCHEMA);
    let inputs = &reference.inputs;
    let files = Files {
        items: inputs.items(&encoder),
        histories: inputs.histories(),
        train: inputs.samples(&encoder),
        encoder: encoder.clone(),
        validation: SampleSet::default(),
        queries: None,
        lists: ListFiles::default(),
    };
    let samples = Samples::new(&files.train, Some(&files.histories), &files.items);
    let mut model = model(&encoder, how, reference.crosses.clone());
    let layout = model.layout.clone();
    set(&layout, &mut model.parameters, &reference.initial);
    let settings = settings(loss(reference.temperature()), &encoder);
    let objective = Objective::new(settings.train(), &samples);
    let mix = Mix::new(&settings, &files, &samples).unwrap();
    let pairing = Pairing::of(&settings, Drawn { mix: &mix, seed: 0, purpose: "test" });
    let mut engine = Engine::new(&layout, objective, settings.train());
    let rows: Vec<u32> = (0..samples.len() as u32).collect();
    for (step, rows) in rows.chunks(reference.batch).enumerate() {
        let batch = Batch { samples: &samples, rows, pairing, number: 0, pass: Pass::default() };
        let sum = engine.gradients(&model.parameters, &batch);
        let (ours, theirs) = (sum.mean(), reference.losses[step]);
        assert!((ours / theirs - 1.0).abs() <= TOLERANCE, "step {}: loss {ours}, expected {theirs}", step + 1);
        let ours = named(&layout, &gradients(&layout, &engine, sum.weight));
        let what = format!("gradient of step {}", step + 1);
        let [ours, theirs] = [ours, reference.gradients[step].clone()].map(|tensors| seen(tensors, how.1));
        assert_close(&ours, &theirs, (&what, TOLERANCE));
        let gradient = engine.temperature_gradient().map(|gradient| f64::from(gradient) / sum.weight);
        engine.step(&mut model.parameters, &batch, reference.rate, None).unwrap();
        if let Some(learned) = &reference.learned {
            let ours = [gradient.unwrap(), engine.temperature().unwrap()];
            for (ours, theirs) in ours.into_iter().zip([learned.gradients[step], learned.temperatures[step]]) {
                assert!((ours / theirs - 1.0).abs() <= TOLERANCE, "step {}: {ours}, expected {theirs}", step + 1);
            }
        }
    }
    assert_eq!(engine.steps(), 10);
    let ours = named(&layout, &model.parameters);
    let [ours, theirs] = [ours, reference.r#final].map(|tensors| seen(tensors, how.1));
    assert_close(&ours, &theirs, ("parameters after ten steps", TOLERANCE));
}

/// Towers as they are where nothing is said.
const USUAL: (Activation, Score) = (Activation::Relu, Score::Cosine);

#[test]
fn ten_steps_of_bce_equal_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_bce.json");
    compare(json, USUAL, |_| LossSection::Bce {});
}

fn in_batch(temperature: Temperature) -> LossSection {
    LossSection::InBatchSoftmax { temperature, logq_correction: true, mask_accidental_hits: true }
}

#[test]
fn ten_steps_of_in_batch_softmax_equal_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_in_batch.json");
    compare(json, USUAL, in_batch);
}

#[test]
fn ten_steps_of_towers_with_gelu_equal_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_gelu.json");
    compare(json, (Activation::Gelu, Score::Cosine), in_batch);
}

#[test]
fn ten_steps_with_a_learned_temperature_equal_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_learned.json");
    compare(json, USUAL, in_batch);
    let learned = serde_json::from_str::<Reference>(json).unwrap().learned.unwrap();
    let at_bound = learned.temperatures.iter().filter(|&&temperature| temperature == learned.highest).count();
    assert!((1..9).contains(&at_bound), "it moves, and is cut to its bound: {:?}", learned.temperatures);
}

#[test]
fn ten_steps_with_cross_layers_equal_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_cross.json");
    let crosses = serde_json::from_str::<Reference>(json).unwrap().crosses;
    let ranks = crosses.map(|cross| cross.map(|cross| (cross.layers, cross.rank)));
    assert_eq!(ranks, [Some((2, None)), Some((2, Some(3)))], "both forms");
    compare(json, USUAL, |temperature| LossSection::FullSoftmax { temperature });
}

#[test]
fn ten_steps_of_sampled_softmax_equal_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_sampled.json");
    compare(json, USUAL, |temperature| LossSection::SampledSoftmax { temperature });
}

#[test]
fn ten_steps_of_dot_products_equal_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_dot.json");
    compare(json, (Activation::Relu, Score::Dot), |temperature| LossSection::SampledSoftmax { temperature });
}

#[test]
fn ten_steps_of_full_softmax_equal_pytorch() {
    let json = include_str!("../../../../fixtures/model/reference_full.json");
    compare(json, USUAL, |temperature| LossSection::FullSoftmax { temperature });
}
