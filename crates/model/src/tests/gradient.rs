//! Gradients of the whole model against finite differences, for all losses and ways of pairing.

use super::world::{World, dot_model, model, settings_of};
use crate::batch::Samples;
use crate::config::{Activation, CrossSection, LossSection, ModelSection, Temperature, TowerSection, TrainSection};
use crate::engine::{Batch, CHUNK_ROWS, Engine, Objective, Pairing};
use crate::model::TwoTower;
use crate::negative::{Drawn, Mix};
use crate::sequence::Pass;
use crate::train::ListFiles;
use serde_json::json;
use twinspire_core::rng::Rng;

const ROWS: [u32; 40] = {
    let mut rows = [0; 40];
    let mut row = 0;
    while row < 40 {
        rows[row] = row as u32 * 7;
        row += 1;
    }
    rows
};

/// What is minimised, as sections.
fn trainings(labels_mode: bool) -> Vec<TrainSection> {
    let in_batch = |temperature, mask_accidental_hits, logq_correction| LossSection::InBatchSoftmax {
        temperature: Temperature::Fixed(temperature),
        logq_correction,
        mask_accidental_hits,
    };
    let drawn = |loss: LossSection, negatives: serde_json::Value| TrainSection {
        loss,
        negatives: serde_json::from_value(negatives).unwrap(),
        ..TrainSection::default()
    };
    let sampled = || LossSection::SampledSoftmax { temperature: Temperature::Fixed(0.5) };
    let mut all = vec![
        drawn(LossSection::Bce {}, json!([])),
        drawn(in_batch(0.5, true, true), json!([])),
        drawn(in_batch(1.0, false, false), json!([])),
    ];
    if !labels_mode {
        all.push(drawn(LossSection::FullSoftmax { temperature: Temperature::Fixed(0.5) }, json!([])));
        all.push(drawn(
            sampled(),
            json!([{"kind": "in_batch"}, {"kind": "uniform", "count": 20, "shared": true},
            {"kind": "same_attribute", "feature": "genre", "count": 3, "weight": 0.5}]),
        ));
        all.push(drawn(sampled(), json!([{"kind": "uniform", "count": 2}, {"kind": "popularity", "count": 3}])));
        let shared_and_own = json!([{"kind": "in_batch", "weight": 0.5}, {"kind": "uniform", "count": 20, "shared": true},
            {"kind": "popularity", "count": 3, "weight": 2.0}]);
        all.push(TrainSection { label_smoothing: 0.1, ..drawn(sampled(), json!([{"kind": "uniform", "count": 9}])) });
        all.push(drawn(LossSection::Bpr { temperature: 0.5 }, shared_and_own.clone()));
        all.push(drawn(LossSection::Bpr { temperature: 0.5 }, json!([])));
        // Margins that no pair is near to: there a hinge has no derivative.
        all.push(drawn(LossSection::Hinge { margin: 2.0 }, shared_and_own.clone()));
        all.push(drawn(LossSection::CosineContrastive { margin: -1.0, negative_weight: 2.0 }, shared_and_own));
    }
    all
}

/// The gradient of one table as the optimizer sees it, before it is divided by the sum of weights.
fn table_gradient(engine: &Engine<'_>, table: usize, id: usize, width: usize) -> Vec<f64> {
    let rows = engine.table_gradients(table);
    rows.get(&(id as u32)).map_or(vec![0.0; width], |row| row.iter().map(|&value| f64::from(value)).collect())
}

#[test]
fn every_gradient_equals_the_finite_difference() {
    for labels_mode in [false, true] {
        let world = World::new(labels_mode);
        for section in trainings(labels_mode) {
            check(&world, &model(), section, (labels_mode, Pass::default()));
        }
        let mut bent = model();
        (bent.user_tower.activation, bent.item_tower.activation) = (Activation::Gelu, Activation::Gelu);
        check(&world, &bent, TrainSection::default(), (labels_mode, Pass::default()));
    }
}

#[test]
fn gradients_of_dot_products_equal_finite_differences() {
    let world = World::new(false);
    let on_cosines =
        |section: &TrainSection| matches!(section.loss, LossSection::Bce {} | LossSection::CosineContrastive { .. });
    for mut section in trainings(false).into_iter().filter(|section| !on_cosines(section)) {
        if let LossSection::Hinge { margin } = &mut section.loss {
            *margin = 50.0;
        }
        check(&world, &dot_model(), section, (false, Pass::default()));
    }
}

#[test]
fn gradients_of_cross_layers_equal_finite_differences() {
    let world = World::new(false);
    let tower = |hidden: Vec<u32>, rank, project| {
        let cross = Some(CrossSection { layers: 3, rank });
        TowerSection { hidden, residual: true, project, cross, ..TowerSection::default() }
    };
    // The item tower's input has 25 columns: with a hidden layer as wide, its residual starts at what was crossed.
    let towers = [
        (tower(vec![16], None, true), tower(vec![25], Some(4), true)),
        (tower(vec![], Some(1), true), tower(vec![25, 16], None, true)),
    ];
    for (user_tower, item_tower) in towers {
        let crossed = ModelSection { user_tower, item_tower, ..model() };
        for section in trainings(false).into_iter().take(2) {
            check(&world, &crossed, section, (false, Pass::default()));
        }
    }
}

/// Compares gradients of a model over the small world with finite differences.
pub(super) fn check(world: &World, model: &ModelSection, section: TrainSection, (labels_mode, pass): (bool, Pass)) {
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let objective = Objective::new(&section, &samples);
    let settings = settings_of(model, section, labels_mode);
    let mix = Mix::new(&settings, &world.files(ListFiles::default()), &samples).unwrap();
    let pairing = Pairing::of(&settings, Drawn { mix: &mix, seed: 2, purpose: "test" });
    let mut tower = TwoTower::new(model, &world.encoder, 3);
    // Larger embeddings, so that differences stand out of the rounding.
    tower.parameters.tables.iter_mut().flat_map(|table| table.iter_mut()).for_each(|value| *value *= 10.0);
    let layout = tower.layout.clone();
    let mut engine = Engine::new(&layout, objective, &TrainSection::default());
    let batch = Batch { samples: &samples, rows: &ROWS, pairing, number: 0, pass };
    engine.gradients(&tower.parameters, &batch);
    let analytic_dense: Vec<f64> = engine.dense_gradient();
    let mut rng = Rng::stream(1, "test", 0);
    for _ in 0..60 {
        let at = rng.below(layout.dense_len() as u32) as usize;
        let expected = (analytic_dense[at], format!("dense {at}"));
        compare(&mut engine, &mut tower, &batch, |parameters| &mut parameters.dense[at], expected);
    }
    for (number, table) in layout.tables.iter().enumerate() {
        for _ in 0..8 {
            let id = rng.below(table.cardinality as u32) as usize;
            let column = rng.below(table.dimension as u32) as usize;
            engine.gradients(&tower.parameters, &batch);
            let analytic = table_gradient(&engine, number, id, table.dimension)[column];
            let cell = id * table.dimension + column;
            let expected = (analytic, format!("{} {id} {column}", table.name));
            compare(&mut engine, &mut tower, &batch, |parameters| &mut parameters.tables[number][cell], expected);
        }
    }
}

/// What the rounding of a loss may be.
const ROUNDING: f64 = 6e-6;

/// Compares a gradient with differences of several widths: the narrower, the fewer kinks of ReLU between the two points, and
/// the more rounding.
fn compare(
    engine: &mut Engine<'_>,
    tower: &mut TwoTower,
    batch: &Batch<'_>,
    cell: impl Fn(&mut crate::model::Parameters) -> &mut f32,
    (analytic, what): (f64, String),
) {
    let value = *cell(&mut tower.parameters);
    let mut at = |moved: f32| {
        *cell(&mut tower.parameters) = moved;
        (f64::from(moved), engine.loss(&tower.parameters, batch).loss)
    };
    let numeric = [2e-3, 5e-4, 1.25e-4].map(|step| {
        let ((high, above), (low, below)) = (at(value + step), at(value - step));
        ((above - below) / (high - low), ROUNDING / f64::from(step))
    });
    at(value);
    let near = |(numeric, rounding): &(f64, f64)| (numeric - analytic).abs() < 0.02 + 0.02 * analytic.abs() + rounding;
    let is_close = numeric.iter().any(near);
    assert!(is_close, "{what}: {numeric:?} by differences, {analytic}");
}

#[test]
fn the_chunks_of_a_group_add_up_to_the_gradient_of_their_rows() {
    let world = World::new(true);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let tower = TwoTower::new(&model(), &world.encoder, 3);
    let gradient = |rows: &[u32]| {
        let mut engine = Engine::new(&tower.layout, Objective::Bce, &TrainSection::default());
        engine.gradients(
            &tower.parameters,
            &Batch { samples: &samples, rows, pairing: Pairing::Own, number: 0, pass: Pass::default() },
        );
        engine.dense_gradient()
    };
    // Ten chunks in five groups.
    let rows: Vec<u32> = (0..1_200).map(|row| row * 7 % samples.len() as u32).collect();
    let (whole, parts) = (gradient(&rows), rows.chunks(CHUNK_ROWS).map(gradient).collect::<Vec<_>>());
    let scale = whole.iter().fold(0.0f64, |scale, value| scale.max(value.abs()));
    assert!(scale > 0.0 && parts.len() == 10);
    for (at, value) in whole.iter().enumerate() {
        let sum: f64 = parts.iter().map(|part| part[at]).sum();
        assert!((value - sum).abs() <= 1e-5 * scale, "{at}: {value} and {sum}, scale {scale}");
    }
}
