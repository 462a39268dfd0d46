//! Fields with few distinct values are multiplied once a batch: the vectors and gradients are those of the plain way.

use super::world::{World, model};
use crate::batch::{ItemsOf, Samples};
use crate::config::OptimizerSection;
use crate::input::ChunkInput;
use crate::kernel::add_to;
use crate::layer::linear::{Layers, Linear, transpose};
use crate::model::TwoTower;
use crate::optimizer::{Memory, Table};
use crate::shared::Shared;
use crate::team::Team;
use crate::tower::Weights;

const ROWS: usize = 200;

/// Rows of the first of two chunks.
const FIRST: usize = 120;

/// Vectors, gradient of the dense parameters, gradients of the genre's table, number of shared fields.
fn pass(share: bool) -> (Vec<f32>, Vec<f32>, Vec<f32>, usize) {
    let world = World::new(true);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let tower = TwoTower::new(&model(), &world.encoder, 1);
    let parameters = &tower.parameters;
    let (item_tower, layout) = (&tower.layout.item_tower, &tower.layout.item);
    let rows: Vec<u32> = (0..ROWS as u32).collect();
    let (mut inputs, mut shared) = ([(); 2].map(|()| ChunkInput::default()), Shared::default());
    for (input, rows) in inputs.iter_mut().zip([&rows[..FIRST], &rows[FIRST..]]) {
        input.read(layout, samples.corpus(), (&ItemsOf(&samples, rows), rows.len()));
    }
    if share {
        shared.fields((item_tower, layout), inputs.iter()).for_each(|field| field.find(parameters));
    }
    let mut transposed = vec![0.0; tower.layout.dense_len()];
    let layers: Vec<Linear> = item_tower.linear().collect();
    transpose(&layers, &parameters.dense, &mut transposed, &Team::default());
    let (mut vectors, mut gradient) = (Vec::new(), vec![0.0; tower.layout.dense_len()]);
    for (input, start) in inputs.iter_mut().zip([0, FIRST]) {
        let (rows, mut workspace) = (input.rows(), item_tower.workspace(ROWS, true));
        input.look_up(layout, &parameters.tables, (&shared, start));
        item_tower.forward(&parameters.dense, (input, &shared), &mut workspace);
        vectors.extend_from_slice(workspace.vectors(rows));
        let upstream: Vec<f32> = (0..rows * tower.dimension()).map(|n| ((n + start) % 7) as f32 - 3.0).collect();
        let mut part = vec![0.0; gradient.len()];
        let layers = Layers { dense: &parameters.dense, transposed: &transposed };
        let weights = Weights { layers, gradient: &mut part };
        item_tower.backward(weights, input, &upstream, &mut workspace);
        add_to(&mut gradient, &part);
    }
    shared.fields((item_tower, layout), inputs.iter()).for_each(|field| field.backward(parameters));
    shared.dense_gradient(item_tower, &mut gradient);
    let genre = tower.layout.tables.iter().position(|table| table.name == "embedding.item.genre").unwrap();
    let rows = Table::new(&tower.layout.tables[genre], &Memory::new(&OptimizerSection::default())).gradients(|shard| {
        shared.collect(genre, shard);
        inputs.iter().for_each(|input| input.collect(layout, genre, shard));
    });
    let fields = (0..layout.single.len()).filter(|&number| shared.has(number)).count();
    (vectors, gradient, rows.into_values().flatten().collect(), fields)
}

#[test]
fn shared_fields_change_nothing_but_the_rounding() {
    let (plain, shared) = (pass(false), pass(true));
    assert_eq!((plain.3, shared.3), (0, 2), "forty ids and five genres in two hundred rows");
    let columns = [(&plain.0, &shared.0), (&plain.1, &shared.1), (&plain.2, &shared.2)];
    for (plain, shared) in columns {
        assert_eq!(plain.len(), shared.len());
        let scale = plain.iter().fold(0.0f32, |scale, value| scale.max(value.abs()));
        assert!(scale > 0.0);
        for (a, b) in plain.iter().zip(shared) {
            assert!((a - b).abs() <= 1e-5 * scale, "{a} {b}, scale {scale}");
        }
    }
}
