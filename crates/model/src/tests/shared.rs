//! Fields with few distinct values are multiplied once a value: the vectors and gradients are those of the plain way.

use super::world::{World, model};
use crate::batch::{ItemsOf, Samples};
use crate::input::ChunkInput;
use crate::model::TwoTower;
use crate::optimizer::TableAdam;

const ROWS: usize = 200;

/// Vectors, gradient of the dense parameters, gradients of the genre's table, number of shared fields.
fn pass(share: bool) -> (Vec<f32>, Vec<f32>, Vec<f32>, usize) {
    let world = World::new(true);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let tower = TwoTower::new(&model(), &world.encoder, 1);
    let (layout, parameters) = (&tower.layout, &tower.parameters);
    let rows: Vec<u32> = (0..ROWS as u32).collect();
    let mut input = ChunkInput::default();
    let source = (&ItemsOf(&samples, &rows), ROWS);
    input.fill(&layout.item, (&parameters.tables, share), samples.corpus(), source);
    let shared = input.shared();
    let mut workspace = layout.item_tower.workspace(ROWS, true);
    layout.item_tower.forward(&parameters.dense, &mut input, &mut workspace);
    let vectors = workspace.vectors(ROWS).to_vec();
    let upstream: Vec<f32> = (0..vectors.len()).map(|n| (n % 7) as f32 - 3.0).collect();
    let mut gradient = vec![0.0; layout.dense_len()];
    layout.item_tower.backward((&parameters.dense, &mut gradient), &mut input, &upstream, &mut workspace);
    let genre = layout.tables.iter().position(|table| table.name == "embedding.item.genre").unwrap();
    let adam = TableAdam::new(&layout.tables[genre]);
    let rows = adam.gradients(|shard| input.collect(&layout.item, genre, shard));
    (vectors, gradient, rows.into_values().flatten().collect(), shared)
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
