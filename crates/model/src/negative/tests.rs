//! The contract of every sampler, and what a mix adds to it.

use super::mix::Draw;
use super::*;
use crate::batch::Samples;
use crate::config::{KnownPositives, LossSection, NegativesSection, Temperature, TrainSection};
use crate::engine::Objective;
use crate::tests::world::{self, ITEMS, USERS, World};
use std::sync::Arc;
use twinspire_core::ids::MISSING;
use twinspire_core::user_items::{UserItemRows, UserItems};

/// The contract: draws lie in the corpus, repeat with the stream, and come as often as the stated probability says, which
/// sums to 1 (chi-square; its mean is the degrees of freedom, its variance twice that).
fn check_contract(sampler: &dyn NegativeSampler, positive: &Positive<'_>, corpus: u32) {
    const DRAWS: u32 = 200_000;
    let probability: Vec<f64> = (0..corpus).map(|item| sampler.probability(positive, item)).collect();
    let total: f64 = probability.iter().sum();
    assert!((total - 1.0).abs() < 1e-9, "the probabilities sum to {total}");
    let draws = |stream| {
        let mut rng = Rng::stream(1, "contract", stream);
        (0..DRAWS).map(|_| sampler.draw(positive, &mut rng).unwrap()).collect::<Vec<_>>()
    };
    let first = draws(0);
    assert_eq!(first, draws(0));
    check_frequencies(&first, &probability);
}

/// Chi-square of the draws, `probability` of each item of the corpus.
fn check_frequencies(drawn: &[u32], probability: &[f64]) {
    let mut counts = vec![0u32; probability.len()];
    drawn.iter().for_each(|&item| counts[item as usize] += 1);
    let (mut chi_square, mut cells) = (0.0, 0);
    for (item, (count, probability)) in counts.into_iter().zip(probability).enumerate() {
        let expected = drawn.len() as f64 * probability;
        assert!(expected > 0.0 || count == 0, "item {item} was drawn without a probability");
        if expected > 5.0 {
            chi_square += (f64::from(count) - expected).powi(2) / expected;
            cells += 1;
        }
    }
    let freedom = f64::from(cells - 1);
    assert!(chi_square <= freedom + 5.0 * (2.0 * freedom).sqrt(), "chi-square {chi_square} of {freedom}");
}

fn nobody(batch: &[u32]) -> Positive<'_> {
    Positive { item: 0, user: MISSING, time: 0, batch }
}

fn lists() -> Listed {
    let mut rows = UserItemRows::default();
    rows.push(0, [(3, 10), (1, 20), (3, 20), (4, 30), (0, 40)].into_iter()).unwrap();
    Listed::new(Arc::new(UserItems::from_batch(&rows.into_batch().unwrap()).unwrap()), Some(3))
}

#[test]
fn samplers_of_the_corpus_keep_the_contract() {
    for corpus in [1, 2, 50] {
        check_contract(&Uniform { corpus }, &nobody(&[]), corpus);
    }
    let counts: Vec<u64> = (0..60).map(|item| if item % 7 == 0 { 0 } else { 4_000 / (item + 1) }).collect();
    for (alpha, floor) in [(0.75, 0.1), (0.0, 0.0), (1.0, 0.0), (1.5, 0.5), (1.0, 1.0)] {
        check_contract(&Popularity::new(&counts, alpha, floor), &nobody(&[]), 60);
    }
    check_contract(&Popularity::new(&[0; 9], 1.0, 0.0), &nobody(&[]), 9);
    let batch: Vec<u32> = [2, 0, 5].iter().enumerate().flat_map(|(item, &count)| vec![item as u32; count]).collect();
    let sampler = InBatch::new(&[2, 0, 5]);
    assert_eq!(sampler.probability(&nobody(&batch), 1), 1.0 / 8.0, "an item that was never a positive counts once");
    check_contract(&InBatch::new(&[2, 1, 5]), &nobody(&[0, 0, 1, 2, 2, 2, 2, 2]), 3);
    assert_eq!(sampler.draw(&nobody(&[]), &mut Rng::stream(1, "test", 0)), None);
}

#[test]
fn the_floor_reaches_cold_items_and_alpha_the_popular_ones() {
    let sampler = Popularity::new(&[90, 10, 0, 0], 1.0, 0.2);
    let shares: Vec<f64> = (0..4).map(|item| sampler.probability(&nobody(&[]), item)).collect();
    for (share, expected) in shares.iter().zip([0.77, 0.13, 0.05, 0.05]) {
        assert!((share - expected).abs() < 1e-12, "{shares:?}");
    }
}

#[test]
fn a_list_is_drawn_from_as_it_was_known_at_the_event() {
    let sampler = lists();
    let at = |user, time| Positive { item: 9, user, time, batch: &[] };
    check_contract(&sampler, &at(0, 40), 5);
    check_contract(&sampler, &at(0, 20), 5);
    assert_eq!(sampler.probability(&at(0, 20), 3), 2.0 / 3.0, "3, 1 and 3 are known at time 20");
    assert_eq!(sampler.probability(&at(0, 40), 0), 1.0 / 3.0, "3, 4 and 0 are the newest at time 40");
    let mut rng = Rng::stream(1, "test", 0);
    for (user, time) in [(0, 9), (1, 40), (MISSING, 40)] {
        assert_eq!(sampler.draw(&at(user, time), &mut rng), None);
        assert_eq!(sampler.probability(&at(user, time), 3), 0.0);
    }
}

#[test]
fn an_attribute_is_shared_by_all_that_is_drawn() {
    let world = World::new(false);
    let layout = world.encoder.item_layout();
    let by = |name: &str| SameAttribute::new(layout, &world.items.features(), name);
    for item in [1, 7, 12] {
        // Item 7 has a genre, but no tag.
        check_contract(&by("genre").unwrap(), &Positive { item, ..nobody(&[]) }, ITEMS as u32);
        let tags = by("tags").unwrap();
        match item {
            7 => assert_eq!(tags.draw(&Positive { item, ..nobody(&[]) }, &mut Rng::stream(1, "test", 0)), None),
            _ => check_contract(&tags, &Positive { item, ..nobody(&[]) }, ITEMS as u32),
        }
    }
    let genre = by("genre").unwrap();
    assert!(
        (0..ITEMS as u32)
            .all(|item| (genre.probability(&Positive { item: 3, ..nobody(&[]) }, item) > 0.0) == (item % 5 == 3))
    );
    assert!(by("price").is_none() && by("city").is_none(), "a number, and nothing");
}

fn mix(world: &World, known: KnownPositives, negatives: serde_json::Value) -> Mix {
    let negatives: Vec<NegativesSection> = serde_json::from_value(negatives).unwrap();
    let loss = LossSection::SampledSoftmax { temperature: Temperature::Fixed(0.1) };
    let train = TrainSection { loss, negatives, known_positives: known, ..TrainSection::default() };
    let files = world.files(Default::default());
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    Mix::new(&world::settings(train, false), &files, &samples).unwrap()
}

/// All draws for the first `rows` samples.
fn draws(world: &World, mix: &Mix, rows: u32) -> Vec<(u32, Draw)> {
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let (mut rng, mut all) = (Rng::stream(1, "test", 0), Vec::new());
    for row in 0..rows {
        let event = samples.event(row);
        let item = samples.outcome(row).item;
        let positive = Positive { item, user: event.user, time: event.time, batch: &[] };
        mix.draw_own(&positive, mix.known(&samples, row), &mut rng, |draw| all.push((row, draw)));
    }
    all
}

#[test]
fn known_positives_and_the_item_itself_count_nothing() {
    let world = World::new(false);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let positives = |row: u32| -> Vec<u32> {
        let user = samples.event(row).user;
        let rows = (0..samples.len() as u32).filter(|&other| user != MISSING && samples.event(other).user == user);
        rows.map(|other| samples.outcome(other).item).collect()
    };
    for known in [KnownPositives::Train, KnownPositives::History, KnownPositives::Own] {
        let mix = mix(&world, known, serde_json::json!([{"kind": "uniform", "count": 50}]));
        let (mut masked, mut counted) = (0, 0);
        for (row, draw) in draws(&world, &mix, USERS as u32 * 6) {
            let own = samples.outcome(row).item;
            if draw.weight == 0.0 {
                assert_eq!((draw.item, draw.shift), (own, f32::NEG_INFINITY));
                masked += 1;
                continue;
            }
            counted += 1;
            let event = samples.event(row);
            let refused = match known {
                KnownPositives::Train => positives(row),
                KnownPositives::History => world.histories.before(event.user, event.history_end).to_vec(),
                KnownPositives::Own => Vec::new(),
            };
            assert!(draw.item != own && !refused.contains(&draw.item), "{known:?}: {draw:?}");
        }
        assert!(masked > counted / 100 && counted > masked, "{known:?}: {masked} of {counted}");
    }
}

#[test]
fn rows_of_the_batch_are_corrected_by_what_is_sampled_where_popular_positives_are_down_sampled() {
    for labels_mode in [false, true] {
        let world = World::down_sampled(labels_mode, 4);
        let samples = Samples::new(&world.train, None, &world.items);
        let rows = samples.numbers(true);
        let items: Vec<u32> = rows.iter().map(|&row| samples.outcome(row).item).collect();
        let known: Vec<u64> = world.items.counts().iter().map(|&count| count.min(4)).collect();
        assert_eq!(samples.positives_by_item(), known);
        assert!(world.items.counts().iter().any(|&count| count > 8), "the item table keeps the popularity");
        let whole = mix(&world, KnownPositives::Own, serde_json::json!([{"kind": "in_batch"}]));
        let one = mix(&world, KnownPositives::Own, serde_json::json!([{"kind": "in_batch", "count": 1}]));
        let mut probability = vec![0.0; ITEMS];
        let (mut rng, mut drawn) = (Rng::stream(1, "test", 0), Vec::new());
        let positive = Positive { item: MISSING, user: MISSING, time: 0, batch: &items };
        for _ in 0..50_000 {
            one.draw_own(&positive, &[], &mut rng, |draw| {
                drawn.push(draw.item);
                probability[draw.item as usize] = f64::from(-draw.shift).exp();
            });
        }
        check_frequencies(&drawn, &probability);
        let Objective::InBatch { log_probability, .. } = Objective::new(&TrainSection::default(), &samples) else {
            panic!("in-batch is the default")
        };
        for item in drawn {
            let share = known[item as usize] as f64 / items.len() as f64;
            let others = (items.len() - 1) as f64;
            let met = Met { rows: &items, earlier: &[] };
            assert!((f64::from(whole.row_shift(met, item)) + (others * share).ln()).abs() < 1e-5);
            assert!((f64::from(log_probability[item as usize]) - share.ln()).abs() < 1e-5);
        }
    }
}

#[test]
fn rows_of_earlier_batches_come_as_often_as_their_correction_says() {
    let world = World::down_sampled(false, 4);
    let samples = Samples::new(&world.train, None, &world.items);
    let rows = samples.numbers(true);
    let negatives =
        serde_json::json!([{"kind": "in_batch"}, {"kind": "cross_batch", "batches": 3, "warm_up_steps": 0}]);
    let mix = mix(&world, KnownPositives::Own, negatives.clone());
    let train = TrainSection {
        negatives: serde_json::from_value(negatives).unwrap(),
        batch_size: 20,
        ..TrainSection::default()
    };
    let (mut earlier, mut rng, mut met) = (Earlier::new(&train, 1), Rng::stream(1, "test", 0), Vec::new());
    for step in 0..3_000 {
        let batch: Vec<u32> = (0..20).map(|_| rows[rng.below(rows.len() as u32) as usize]).collect();
        let items: Vec<u32> = batch.iter().map(|&row| samples.outcome(row).item).collect();
        earlier.push(&items, items.iter().map(|_| &[0.0][..]));
        // Batches that share no row with those that were looked at before.
        if step % 3 == 2 {
            met.extend_from_slice(earlier.met(0, 20).0);
        }
    }
    assert_eq!(met.len(), 60_000);
    let expected = |item| f64::from(-mix.earlier_shift(Met { rows: &[], earlier: earlier.met(0, 20).0 }, item)).exp();
    let never = |item: &u32| samples.positives_by_item()[*item as usize] == 0;
    let probability: Vec<f64> = (0..ITEMS as u32).map(|item| expected(item) / 60.0).collect();
    assert!((probability.iter().sum::<f64>() - 1.0).abs() < 1e-6 && !(0..ITEMS as u32).any(|item| never(&item)));
    check_frequencies(&met, &probability);
}

#[test]
fn rows_of_this_batch_and_of_earlier_ones_are_corrected_together() {
    let world = World::new(false);
    let mix = mix(
        &world,
        KnownPositives::Own,
        serde_json::json!([
            {"kind": "in_batch", "weight": 2.0},
            {"kind": "cross_batch", "weight": 0.5},
            {"kind": "uniform", "count": 6, "shared": true}]),
    );
    let samples = Samples::new(&world.train, None, &world.items);
    let counts = samples.positives_by_item();
    let (rows, earlier) = ([1, 2, 3], [3, 4, 5, 6, 3]);
    for (rows, earlier) in [(&rows[..], &earlier[..]), (&rows[..], &[][..]), (&rows[..1], &earlier[..])] {
        let met = Met { rows, earlier };
        for item in [0, 3, 39] {
            let share = counts[item as usize] as f64 / samples.len() as f64;
            let expected = 6.0 / ITEMS as f64 + (rows.len() - 1 + earlier.len()) as f64 * share;
            for (shift, weight) in [(mix.row_shift(met, item), 2.0), (mix.earlier_shift(met, item), 0.5)] {
                assert!((f64::from(shift) - (weight / expected).ln()).abs() < 1e-6, "{item}: {shift}");
            }
            let still = 0.5 * earlier.len() as f64 * share;
            let moving = 6.0 / ITEMS as f64 + 2.0 * (rows.len() - 1) as f64 * share;
            assert!((f64::from(mix.push(met, item)) - (1.0 + still / moving)).abs() < 1e-6);
        }
    }
}

#[test]
fn rows_whose_bias_is_wanted_push_for_as_many_as_are_met() {
    let world = World::new(false);
    let negatives = serde_json::json!([
        {"kind": "in_batch", "logq": false}, {"kind": "cross_batch", "logq": false}]);
    let mix = mix(&world, KnownPositives::Own, negatives);
    let push = |rows: &[u32], earlier: &[u32]| mix.push(Met { rows, earlier }, 3);
    assert_eq!([push(&[1, 2, 3], &[4, 5, 6]), push(&[1, 2, 3], &[]), push(&[1], &[4])], [2.5, 1.0, 1.0]);
}

#[test]
fn a_corrected_draw_is_divided_by_what_all_corrected_samplers_give() {
    let world = World::new(false);
    let mixed = mix(
        &world,
        KnownPositives::Own,
        serde_json::json!([
            {"kind": "uniform", "count": 3},
            {"kind": "popularity", "count": 5, "uniform_floor": 0.0, "weight": 2.0},
            {"kind": "same_attribute", "feature": "genre", "count": 2, "weight": 0.5}]),
    );
    let popular = Popularity::new(world.items.counts(), 0.75, 0.0);
    assert_eq!(mixed.own_len(), 10);
    let all = draws(&world, &mixed, 20);
    for (number, (_, draw)) in all.iter().enumerate().filter(|(_, (_, draw))| draw.weight > 0.0) {
        let expected = 3.0 / ITEMS as f64 + 5.0 * popular.probability(&nobody(&[]), draw.item);
        let (weight, shift) = match number % 10 {
            0..3 => (1.0, (1.0 / expected).ln()),
            3..8 => (2.0, (2.0 / expected).ln()),
            _ => (0.5, 0.5f64.ln()),
        };
        assert_eq!(f64::from(draw.weight), weight);
        assert!((f64::from(draw.shift) - shift).abs() < 1e-6, "{draw:?} {shift}");
    }
}
