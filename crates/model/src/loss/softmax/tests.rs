//! Loss and gradients against the definition in `f64`: hidden candidates, shifts, own negatives, extreme temperatures.

use super::*;
use crate::config::{LossSection, Score, TrainSection};
use crate::engine::Objective;
use serde::Deserialize;
use twinspire_core::rng::Rng;

const WIDTH: usize = 8;

/// Unit vectors, `[rows, WIDTH]`.
fn vectors(rows: usize, stream: u64) -> Vec<f32> {
    let mut rng = Rng::stream(1, "test", stream);
    let mut values: Vec<f32> = (0..rows * WIDTH).map(|_| rng.normal() as f32).collect();
    crate::layer::normalize::forward(&mut values, WIDTH, &mut vec![0.0; rows]);
    values
}

/// Vectors of length 0.1 to 6.
fn of_any_length(rows: usize, stream: u64) -> Vec<f32> {
    let mut values = vectors(rows, stream);
    let lengths = [0.1, 1.0, 2.5, 6.0].into_iter().cycle();
    values.chunks_mut(WIDTH).zip(lengths).for_each(|(row, length)| row.iter_mut().for_each(|value| *value *= length));
    values
}

fn softmax(temperature: f32) -> Criterion {
    Criterion::Softmax { temperature, smoothing: 0.0 }
}

/// Loss, gradients of users, items and candidates.
type Outcome = (f64, [Vec<f64>; 3]);

/// The definition, in `f64`.
fn exact(users: &[f32], batch: &Batch<'_>) -> Outcome {
    let (group, inverse) = (batch.group(), 1.0 / f64::from(batch.criterion.temperature()));
    let own: Vec<f32> = batch
        .places
        .iter()
        .flat_map(|&place| &batch.items[place as usize * batch.dimension..][..batch.dimension])
        .copied()
        .collect();
    let mut gradients = [users, &own, batch.candidates].map(|vectors| vec![0.0; vectors.len()]);
    let mut loss = 0.0;
    for (row, &weight) in batch.weights.iter().enumerate() {
        let mut hidden = Vec::new();
        (batch.hidden)(row, &mut hidden);
        // (which matrix, its row, shift) of everything that the row meets.
        let of_row = (0..group).map(|number| (1, row * group + number, batch.item_shifts[row * group + number]));
        let seen = (0..batch.candidate_shifts.len()).filter(|&number| !hidden.contains(&(number as u32)));
        let met: Vec<_> = of_row.chain(seen.map(|number| (2, number, batch.candidate_shifts[number]))).collect();
        let value =
            |matrix: usize, row: usize, n: usize| f64::from([users, &own, batch.candidates][matrix][row * WIDTH + n]);
        let score = |&(matrix, number, shift): &(usize, usize, f32)| {
            let cosine: f64 = (0..WIDTH).map(|n| value(0, row, n) * value(matrix, number, n)).sum();
            (cosine * inverse + f64::from(shift)).exp()
        };
        let total: f64 = met.iter().map(score).sum();
        loss -= f64::from(weight) * (score(&met[0]) / total).ln();
        for (place, what) in met.iter().enumerate() {
            let slope = f64::from(weight) * inverse * (score(what) / total - f64::from(place == 0));
            for n in 0..WIDTH {
                gradients[0][row * WIDTH + n] += slope * value(what.0, what.1, n);
                gradients[what.0][what.1 * WIDTH + n] += slope * value(0, row, n);
            }
        }
    }
    (loss, gradients)
}

/// Loss and gradients; two groups take the rows in chunks that are no multiples of a tile.
fn ours(users: &[f32], batch: &Batch<'_>) -> (f64, [Vec<f32>; 3]) {
    let cells = [users.len(), batch.places.len() * batch.dimension, batch.candidates.len()];
    let [mut of_users, mut of_items, mut of_candidates] = cells.map(|cells| vec![9.0; cells]);
    let (mut workspace, mut loss) = (Workspace::default(), 0.0);
    let (dimension, rows) = (batch.dimension, batch.rows());
    let cells = 41 * dimension;
    // Twice: nothing of the first pass may stay.
    for _ in 0..2 {
        let shape = (if rows > 41 { 2 } else { 1 }, batch.candidate_shifts.len());
        let (prepared, groups) = workspace.prepare(batch, shape);
        let gradients = of_users.chunks_mut(cells).zip(of_items.chunks_mut(cells * batch.group()));
        for (number, (users, (user_gradients, item_gradients))) in users.chunks(cells).zip(gradients).enumerate() {
            let rows = Rows { first: number * 41, users, user_gradients, item_gradients };
            groups[number % shape.0].pass(prepared, rows);
        }
        groups.iter_mut().for_each(|group| group.end(prepared));
        loss = workspace.finish(&mut of_candidates, dimension, &Team::default());
    }
    (loss, [of_users, of_items, of_candidates])
}

fn compare(users: &[f32], batch: &Batch<'_>, what: &str) {
    let ((found, gradients), (loss, expected)) = (ours(users, batch), exact(users, batch));
    assert!((found - loss).abs() < 1e-5 * loss.max(1.0), "{what}: {found} {loss}");
    for (ours, exact) in gradients.iter().flatten().zip(expected.iter().flatten()) {
        let longest = if batch.score == Score::Dot { 6.0 } else { 1.0 };
        let allowed = 2e-5 * longest / f64::from(batch.criterion.temperature());
        assert!((f64::from(*ours) - exact).abs() < allowed, "{what}: {ours} {exact}");
    }
}

fn check(rows: usize, (group, candidates): (usize, usize), (temperature, score): (f32, Score)) {
    let mut rng = Rng::stream(1, "test", 3);
    let mut shifts = |count: usize| -> Vec<f32> {
        (0..count).map(|_| if rng.below(9) == 0 { f32::NEG_INFINITY } else { rng.uniform(-9.0, 2.0) as f32 }).collect()
    };
    let (mut item_shifts, candidate_shifts) = (shifts(rows * group), shifts(candidates));
    item_shifts.iter_mut().step_by(group).for_each(|positive| *positive = 0.0);
    let weights: Vec<f32> = (0..rows).map(|row| [1.0, 0.5, 2.0, 0.0][row % 4]).collect();
    // Some items are held by several rows, and in no order.
    let items = (rows * group).div_ceil(2);
    let places: Vec<u32> = (0..rows * group).map(|place| (place * 7 % items) as u32).collect();
    let hidden = |row: usize, hidden: &mut Vec<u32>| {
        hidden.extend((0..candidates as u32).filter(|candidate| (candidate + row as u32).is_multiple_of(5)));
    };
    let of_score = |rows: usize, stream: u64| match score {
        Score::Cosine => vectors(rows, stream),
        Score::Dot => of_any_length(rows, stream),
    };
    let batch = Batch {
        items: &of_score(items, 2),
        places: &places,
        item_shifts: &item_shifts,
        candidates: &of_score(candidates, 3),
        candidate_shifts: &candidate_shifts,
        hidden: &hidden,
        dimension: WIDTH,
        score,
        weights: &weights,
        criterion: softmax(temperature),
    };
    compare(
        &of_score(rows, 1),
        &batch,
        &format!("{rows} rows of {group}, {candidates} candidates, temperature {temperature}"),
    );
}

#[test]
fn loss_and_gradients_equal_the_definition() {
    for rows in [1, 2, 31, 33, 300] {
        for shape in [(1, rows), (3, 40), (1, 1), (4, 0)] {
            check(rows, shape, (0.05, Score::Cosine));
            check(rows, shape, (1.0, Score::Dot));
        }
    }
    check(600, (2, 700), (0.2, Score::Cosine));
}

#[test]
fn the_fixed_shift_holds_over_all_allowed_temperatures() {
    for temperature in [0.02, 0.05, 1.0, 10.0] {
        check(64, (2, 64), (temperature, Score::Cosine));
    }
    // The positive is the worst item of all, the coldest temperature, a large spread of shifts.
    let batch = Batch {
        items: &[-1.0, 0.0],
        places: &[0],
        item_shifts: &[0.0],
        candidates: &[1.0, 0.0],
        candidate_shifts: &[25.0],
        hidden: &|_, _| {},
        dimension: 2,
        score: Score::Cosine,
        weights: &[1.0],
        criterion: softmax(0.02),
    };
    let loss = ours(&[1.0, 0.0], &batch).0;
    assert!((loss - 125.0).abs() < 1e-3, "{loss}");
}

#[test]
fn no_length_of_vectors_takes_a_loss_out_of_range() {
    let loss = |user: f32, positive: f32, negative: f32| {
        let batch = Batch {
            items: &[positive, 0.0],
            places: &[0],
            item_shifts: &[0.0],
            candidates: &[negative, 1.0],
            candidate_shifts: &[0.0],
            hidden: &|_, _| {},
            dimension: 2,
            score: Score::Dot,
            weights: &[1.0],
            criterion: softmax(1.0),
        };
        ours(&[user, 0.0], &batch).0
    };
    let half = 2f64.ln();
    for (found, expected) in [
        (loss(100.0, -100.0, 100.0), 20_000.0),
        (loss(100.0, 100.0, -100.0), 0.0),
        (loss(100.0, -100.0, -100.0), half),
        (loss(100.0, 100.0, 100.0), half),
    ] {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

#[test]
fn a_row_that_meets_no_negative_learns_nothing() {
    let batch = Batch {
        items: &vectors(3, 2),
        places: &[0, 1, 2],
        item_shifts: &[0.0; 3],
        candidates: &vectors(2, 3),
        candidate_shifts: &[0.0; 2],
        hidden: &|_, hidden| hidden.extend([0, 1]),
        dimension: WIDTH,
        score: Score::Cosine,
        weights: &[1.0; 3],
        criterion: softmax(0.1),
    };
    let (loss, gradients) = ours(&vectors(3, 1), &batch);
    assert!(loss.abs() < 1e-5);
    assert!(gradients.iter().flatten().all(|gradient| gradient.abs() < 1e-5));
}

/// What `fixtures/model/make_losses.py` wrote; a shift of nothing is negative infinity.
#[derive(Deserialize)]
struct Reference {
    users: Vec<f32>,
    items: Vec<f32>,
    candidates: Vec<f32>,
    item_shifts: Vec<Option<f32>>,
    candidate_shifts: Vec<Option<f32>>,
    weights: Vec<f32>,
    hidden: Vec<Vec<u32>>,
    width: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    loss: LossSection,
    label_smoothing: f64,
    value: f64,
    gradients: [Vec<f64>; 3],
}

#[test]
fn every_loss_and_its_gradients_equal_pytorch() {
    let reference: Reference = serde_json::from_str(include_str!("../../../../../fixtures/model/losses.json")).unwrap();
    let shifts = |shifts: &[Option<f32>]| -> Vec<f32> {
        shifts.iter().map(|shift| shift.unwrap_or(f32::NEG_INFINITY)).collect()
    };
    assert_eq!(reference.cases.len(), 7);
    // Vectors of length 1 have the same loss either way.
    let scores = [Score::Cosine, Score::Dot];
    for (case, score) in reference.cases.iter().flat_map(|case| scores.map(|score| (case, score))) {
        let Case { loss, label_smoothing, value, gradients } = case;
        let section = TrainSection { loss: loss.clone(), label_smoothing: *label_smoothing, ..TrainSection::default() };
        let batch = Batch {
            items: &reference.items,
            places: &(0..reference.item_shifts.len() as u32).collect::<Vec<_>>(),
            item_shifts: &shifts(&reference.item_shifts),
            candidates: &reference.candidates,
            candidate_shifts: &shifts(&reference.candidate_shifts),
            hidden: &|row, hidden| hidden.extend(&reference.hidden[row]),
            dimension: reference.width,
            score,
            weights: &reference.weights,
            criterion: Objective::criterion_of(&section).unwrap(),
        };
        let (sum, found) = ours(&reference.users, &batch);
        assert!((sum - value).abs() <= 1e-5 * value.abs(), "{loss:?}: {sum} {value}");
        for (found, expected) in found.iter().zip(gradients) {
            let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
            let far = found.iter().zip(expected).any(|(a, b)| (f64::from(*a) - b).abs() > 1e-5 * largest);
            assert!(!far && found.len() == expected.len(), "{loss:?}: {found:?}, expected {expected:?}");
        }
    }
}

#[test]
fn over_pairs_a_row_without_negatives_has_the_loss_of_its_positive_alone() {
    let contrastive = Criterion::Contrastive { margin: 0.1, negative_weight: 5.0 };
    let users = vectors(3, 1);
    for (criterion, expected) in [
        (Criterion::Bpr { temperature: 0.1 }, [0.0; 3]),
        (Criterion::Hinge { margin: 0.5 }, [0.0; 3]),
        (contrastive, [0.0, 1.0, 2.0]),
    ] {
        let mut items = users.clone();
        // The same direction, at right angles, the opposite one.
        items[WIDTH..2 * WIDTH].copy_from_slice(&[&[-users[WIDTH + 1], users[WIDTH]], &[0.0; WIDTH - 2][..]].concat());
        items[2 * WIDTH..].iter_mut().for_each(|value| *value = -*value);
        for (row, expected) in expected.into_iter().enumerate() {
            let own = row * WIDTH..(row + 1) * WIDTH;
            let batch = Batch {
                items: &items[own.clone()],
                places: &[0],
                item_shifts: &[0.0],
                candidates: &vectors(2, 3),
                candidate_shifts: &[0.0, f32::NEG_INFINITY],
                hidden: &|_, hidden| hidden.push(0),
                dimension: WIDTH,
                score: Score::Cosine,
                weights: &[1.0],
                criterion,
            };
            let (loss, [user, item, candidates]) = ours(&users[own], &batch);
            assert!((loss - expected).abs() < 1e-6, "{criterion:?} {row}: {loss}");
            let is_pulled = criterion == contrastive;
            assert!(
                user.iter().chain(&item).any(|value| *value != 0.0) == is_pulled,
                "{criterion:?}: {user:?} {item:?}"
            );
            assert!(candidates.iter().all(|value| *value == 0.0));
        }
    }
}
