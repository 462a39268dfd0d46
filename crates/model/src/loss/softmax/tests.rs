//! Loss and gradients against the definition in `f64`: masks, logQ, weights, extreme temperatures.

use super::*;
use twinspire_core::rng::Rng;

const WIDTH: usize = 8;

/// Unit vectors, `[rows, WIDTH]`.
fn vectors(rows: usize, stream: u64) -> Vec<f32> {
    let mut rng = Rng::stream(1, "test", stream);
    let mut values: Vec<f32> = (0..rows * WIDTH).map(|_| rng.normal() as f32).collect();
    crate::layer::normalize::forward(&mut values, WIDTH, &mut vec![0.0; rows]);
    values
}

/// The definition, in `f64`: loss, gradients of users and items.
fn exact(batch: &Batch<'_>) -> (f64, Vec<f64>, Vec<f64>) {
    let rows = batch.weights.len();
    let value = |matrix: &[f32], row: usize, column: usize| f64::from(matrix[row * WIDTH + column]);
    let (mut loss, mut users, mut items) = (0.0, vec![0.0; rows * WIDTH], vec![0.0; rows * WIDTH]);
    for row in 0..rows {
        let hidden =
            |other: usize| other != row && batch.same_item.get(row).is_some_and(|item| *item == batch.same_item[other]);
        let score = |other: usize| {
            let cosine: f64 = (0..WIDTH).map(|n| value(batch.users, row, n) * value(batch.items, other, n)).sum();
            let log = batch.log_probability.get(other).map_or(0.0, |&log| f64::from(log));
            if hidden(other) { 0.0 } else { (cosine / f64::from(batch.temperature) - log).exp() }
        };
        let total: f64 = (0..rows).map(score).sum();
        let weight = f64::from(batch.weights[row]);
        loss -= weight * (score(row) / total).ln();
        for other in 0..rows {
            let slope = weight / f64::from(batch.temperature) * (score(other) / total - f64::from(other == row));
            for n in 0..WIDTH {
                users[row * WIDTH + n] += slope * value(batch.items, other, n);
                items[other * WIDTH + n] += slope * value(batch.users, row, n);
            }
        }
    }
    (loss, users, items)
}

fn check(rows: usize, temperature: f32, mask: bool, correct: bool) {
    let (users, items) = (vectors(rows, 1), vectors(rows, 2));
    let mut rng = Rng::stream(1, "test", 3);
    let same: Vec<u32> = (0..rows).map(|_| rng.below(rows as u32 / 2 + 1)).collect();
    let log: Vec<f32> = (0..rows).map(|_| rng.uniform(1e-6, 0.2).ln() as f32).collect();
    let weights: Vec<f32> = (0..rows).map(|row| [1.0, 0.5, 2.0, 0.0][row % 4]).collect();
    let batch = Batch {
        users: &users,
        items: &items,
        dimension: WIDTH,
        weights: &weights,
        same_item: if mask { &same } else { &[] },
        log_probability: if correct { &log } else { &[] },
        temperature,
    };
    let (mut user_gradients, mut item_gradients) = (vec![9.0; users.len()], vec![9.0; items.len()]);
    let mut workspace = Workspace::default();
    workspace.pass(&batch, &mut user_gradients, &mut item_gradients);
    let sum = workspace.pass(&batch, &mut user_gradients, &mut item_gradients);
    let (loss, users, items) = exact(&batch);
    assert!(
        (sum.loss - loss).abs() < 1e-5 * loss.max(1.0),
        "{rows} rows, temperature {temperature}: {} {loss}",
        sum.loss
    );
    assert_eq!(sum.weight, weights.iter().map(|&weight| f64::from(weight)).sum::<f64>());
    for (ours, exact) in user_gradients.iter().zip(users).chain(item_gradients.iter().zip(items)) {
        let allowed = 2e-5 / f64::from(temperature);
        assert!((f64::from(*ours) - exact).abs() < allowed, "{rows} rows, {temperature}: {ours} {exact}");
    }
}

#[test]
fn loss_and_gradients_equal_the_definition() {
    for rows in [2, 3, 31, 33, 300] {
        for (mask, correct) in [(false, false), (true, false), (false, true), (true, true)] {
            check(rows, 0.05, mask, correct);
        }
    }
    check(600, 0.2, true, true);
}

#[test]
fn the_fixed_shift_holds_over_all_allowed_temperatures() {
    for temperature in [0.02, 0.05, 1.0, 10.0] {
        check(64, temperature, true, true);
    }
    // The positive is the worst item of all, the coldest temperature, a large spread of log q.
    let users = [1.0, 0.0, 1.0, 0.0];
    let items = [-1.0, 0.0, 1.0, 0.0];
    let (weights, log) = ([1.0, 0.0], [0.0, -25.0]);
    let batch = Batch {
        users: &users,
        items: &items,
        dimension: 2,
        weights: &weights,
        same_item: &[],
        log_probability: &log,
        temperature: 0.02,
    };
    let sum = Workspace::default().pass(&batch, &mut [0.0; 4], &mut [0.0; 4]);
    assert!((sum.loss - 125.0).abs() < 1e-3, "{}", sum.loss);
}

#[test]
fn a_row_alone_with_its_item_learns_nothing() {
    let (users, items) = (vectors(3, 1), vectors(3, 2));
    let batch = Batch {
        users: &users,
        items: &items,
        dimension: WIDTH,
        weights: &[1.0; 3],
        same_item: &[4, 4, 4],
        log_probability: &[],
        temperature: 0.1,
    };
    let (mut user_gradients, mut item_gradients) = (vec![9.0; 24], vec![9.0; 24]);
    let sum = Workspace::default().pass(&batch, &mut user_gradients, &mut item_gradients);
    assert!(sum.loss.abs() < 1e-5);
    assert!(user_gradients.iter().chain(&item_gradients).all(|gradient| gradient.abs() < 1e-5));
}
