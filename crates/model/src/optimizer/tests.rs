//! Optimizers and clipping against PyTorch; `fixtures/model/make_optimizers.py` made the file.

use super::{Apart, Dense, Memory, Step, Table};
use crate::config::{ClipSection, OptimizerSection};
use crate::kernel::Buffer;
use crate::layer::embedding::Columns;
use crate::layout::TableSpec;
use crate::team::Team;
use serde::Deserialize;
use twinspire_core::ids::MISSING;

#[derive(Deserialize)]
struct Numbers {
    table: Vec<f32>,
    dense: Vec<f32>,
}

#[derive(Deserialize)]
struct Case {
    optimizer: OptimizerSection,
    clip: ClipSection,
    r#final: Numbers,
}

#[derive(Deserialize)]
struct Reference {
    rate: f64,
    width: usize,
    start: Numbers,
    gradients: Vec<Numbers>,
    cases: Vec<Case>,
}

/// Allowed difference, relative to the largest number of the tensor.
const TOLERANCE: f32 = 1e-5;

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../fixtures/model/optimizers.json")).unwrap()
}

fn assert_close(found: &[f32], expected: &[f32], what: &str) {
    let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let far = found.iter().zip(expected).any(|(a, b)| (a - b).abs() > TOLERANCE * largest);
    assert!(!far && found.len() == expected.len(), "{what}: {found:?}, expected {expected:?}");
}

/// Both kinds of parameters after all steps, whose gradients come in two parts that `scale` makes whole.
fn trained(reference: &Reference, case: &Case, (scale, norm): (f64, Option<f64>)) -> Numbers {
    let (width, memory) = (reference.width, Memory::new(&case.optimizer));
    let cardinality = reference.start.table.len() / width;
    let mut rows =
        Table::new(&TableSpec { name: "t".into(), feature: "t".into(), cardinality, dimension: width }, &memory);
    let mut dense = Dense::new(reference.start.dense.len(), &memory);
    let (mut table, mut numbers) = (reference.start.table.clone(), reference.start.dense.clone());
    let ids: Vec<u32> = (0..cardinality as u32).collect();
    let (columns, team) = (Columns { stride: width, first: 0, width }, Team::default());
    for (number, gradients) in reference.gradients.iter().enumerate() {
        let part = |values: &[f32], share: f64| -> Vec<f32> {
            values.iter().map(|value| (f64::from(*value) * share / scale) as f32).collect()
        };
        let parts = [0.25, 0.75].map(|share| part(&gradients.table, share));
        let collect = |shard: &mut super::Shard| parts.iter().for_each(|part| shard.add_rows(&ids, part, columns));
        let mut groups = [0.25, 0.75].map(|share| Buffer::from(part(&gradients.dense, share)));
        let step = Step::new(&case.optimizer, &case.clip, (reference.rate, number as u64 + 1), scale);
        let Some(most) = norm else {
            rows.parts(&mut table).for_each(|part| part.step(step, collect));
            assert!(dense.step(step, &mut numbers, (&groups, &Apart::default()), &team));
            continue;
        };
        let found = (Dense::sum(&mut groups, &Apart::default(), &team) + rows.collect(&team, collect)).sqrt() * scale;
        let step = step.scaled((most / (found + 1e-6)).min(1.0));
        rows.parts(&mut table).for_each(|part| part.step_collected(step));
        assert!(dense.step(step, &mut numbers, (&groups[..1], &Apart::default()), &team));
    }
    Numbers { table, dense: numbers }
}

#[test]
fn every_optimizer_moves_rows_and_dense_parameters_as_pytorch_does() {
    let reference = reference();
    assert_eq!(reference.cases.len(), 12);
    for case in &reference.cases {
        for scale in [1.0, 0.125] {
            let found = trained(&reference, case, (scale, case.clip.norm));
            let what = format!("{:?} {:?} {scale}", case.optimizer, case.clip);
            assert_close(&found.table, &case.r#final.table, &what);
            assert_close(&found.dense, &case.r#final.dense, &what);
        }
    }
}

#[test]
fn a_limit_that_no_gradient_reaches_changes_no_bit() {
    let reference = reference();
    for case in reference.cases.iter().filter(|case| case.clip == ClipSection::default()) {
        let [free, bound] = [None, Some(1e9)].map(|norm| trained(&reference, case, (1.0, norm)));
        assert!(free.table == bound.table && free.dense == bound.dense, "{:?}", case.optimizer);
    }
}

#[test]
fn rows_that_no_step_reads_neither_move_nor_decay() {
    for case in reference().cases {
        let memory = Memory::new(&case.optimizer);
        let mut rows =
            Table::new(&TableSpec { name: "t".into(), feature: "t".into(), cardinality: 3, dimension: 2 }, &memory);
        let mut table = vec![0.5; 6];
        let before = format!("{:?}", rows.memory("t"));
        let step = |number| Step::new(&case.optimizer, &case.clip, (0.1, number), 1.0);
        let columns = Columns { stride: 2, first: 0, width: 2 };
        let moved = |rows: &mut Table, step, table: &mut [f32], ids: &[u32], values: &[f32]| {
            rows.parts(table).for_each(|part| part.step(step, |shard| shard.add_rows(ids, values, columns)));
        };
        moved(&mut rows, step(1), &mut table, &[MISSING], &[1.0, 1.0]);
        assert_eq!((&table[..], format!("{:?}", rows.memory("t"))), (&[0.5; 6][..], before));
        moved(&mut rows, step(2), &mut table, &[1], &[1.0, -1.0]);
        assert!(table[2] < 0.5 && table[3] != 0.5 && table[..2] == [0.5; 2] && table[4..] == [0.5; 2], "{table:?}");
    }
}

#[test]
fn a_gradient_that_is_not_finite_is_seen_with_and_without_a_limit() {
    for value in [f32::NAN, f32::INFINITY] {
        for case in reference().cases {
            let mut dense = Dense::new(2, &Memory::new(&case.optimizer));
            let step = Step::new(&case.optimizer, &case.clip, (0.1, 1), 1.0);
            let mut gradients = [Buffer::from(vec![1.0, value])];
            assert!(
                !dense.step(step, &mut [0.0; 2], (&gradients, &Apart::default()), &Team::default()),
                "{value} {:?}",
                case.optimizer
            );
            assert!(!Dense::sum(&mut gradients, &Apart::default(), &Team::default()).is_finite());
        }
    }
}
