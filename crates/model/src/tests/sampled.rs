//! What the correction of the sampling probability is for: the mean gradient of a sampled softmax approaches that of the
//! full softmax as negatives become more, for every kind of corrected mix, and without the correction it does not.
//!
//! No parameter moves here, so that the vectors of earlier batches are exact: what is tested of them is the correction, and
//! that the rows of this batch push items in their stead, but not what it costs that vectors are out of date.

use super::world::{ITEMS, USERS, World, model, settings};
use crate::batch::Samples;
use crate::config::{KnownPositives, LossSection, NegativesSection, Temperature, TrainSection};
use crate::engine::{Batch, Engine, Objective, Pairing};
use crate::model::TwoTower;
use crate::negative::{Drawn, Mix};
use crate::sequence::Pass;
use crate::train::{Files, ListFiles};
use serde_json::{Value, json};
use std::path::Path;
use twinspire_core::rng::Rng;
use twinspire_core::sample::SampleLayout;
use twinspire_core::table::write_table;
use twinspire_core::user_items::UserItemRows;
use twinspire_core::vfs::RealVfs;

const TEMPERATURE: f64 = 0.3;

/// Batches that are kept.
const EARLIER: u64 = 2;

/// Lists of every user, in files: a few items that depend on her.
fn lists(folder: &Path) -> ListFiles {
    let mut rows = UserItemRows::default();
    for user in 0..USERS {
        let entries = (0..12).map(|number| (((user * 7 + number * 3) % ITEMS) as u32, -1));
        rows.push(user as u32, entries).unwrap();
    }
    let batch = rows.into_batch().unwrap();
    let layout = SampleLayout { folder: folder.to_owned() };
    let mined = folder.join("mined");
    for folder in [layout.impressions(), layout.rejections(), mined.clone()] {
        std::fs::create_dir(&folder).unwrap();
        write_table(&RealVfs, &folder.join("0.arrow"), &batch).unwrap();
    }
    ListFiles { samples: Some(layout), mined: Some(mined), users: USERS, items: ITEMS }
}

fn mix_of(files: &Files, samples: &Samples<'_>, loss: LossSection, (negatives, known): (Value, KnownPositives)) -> Mix {
    let negatives: Vec<NegativesSection> = serde_json::from_value(negatives).unwrap();
    let train = TrainSection { loss, negatives, known_positives: known, ..TrainSection::default() };
    Mix::new(&settings(train, false), files, samples).unwrap()
}

/// Length of the mean difference between the gradients of the mix and those of the full softmax, over random batches and
/// draws, relative to the length of the mean full gradient; `has_earlier` says that rows of earlier batches are met.
fn distance(files: &Files, rows: usize, negatives: Value, (known, has_earlier): (KnownPositives, bool)) -> f64 {
    let samples = Samples::new(&files.train, Some(&files.histories), &files.items);
    let tower = TwoTower::new(&model(), &files.encoder, 3);
    let full = mix_of(
        files,
        &samples,
        LossSection::FullSoftmax { temperature: Temperature::Fixed(TEMPERATURE) },
        (json!([]), known),
    );
    let sampled = LossSection::SampledSoftmax { temperature: Temperature::Fixed(TEMPERATURE) };
    let sections = serde_json::from_value(negatives.clone()).unwrap();
    let batch_size = rows as u32;
    let train = TrainSection { loss: sampled.clone(), negatives: sections, batch_size, ..TrainSection::default() };
    let mix = mix_of(files, &samples, sampled, (negatives, known));
    // Two engines: their chunks differ in size, and a gradient is read from all chunks of an engine.
    let without = TrainSection { negatives: Vec::new(), ..train.clone() };
    let mut engines = [&train, &without].map(|own| Engine::new(&tower.layout, Objective::new(own, &samples), own));
    let gradient = |engine: &mut Engine<'_>, mix, number, rows: &[u32]| {
        let pairing = Pairing::Drawn(Drawn { mix, seed: 4, purpose: "test" });
        let batch = Batch { samples: &samples, rows, pairing, number, pass: Pass::default() };
        engine.gradients(&tower.parameters, &batch);
        engine.remember(&batch);
        engine.dense_gradient()
    };
    // Enough batches for the mean, where a batch is large too, and that have no earlier batch in common.
    let draws = (6_000 / rows as u64).max(200) * if has_earlier { EARLIER + 1 } else { 1 };
    let mut rng = Rng::stream(5, "test", 0);
    let len = tower.layout.dense_len();
    let (mut difference, mut length) = (vec![0.0; len], vec![0.0; len]);
    for number in 0..draws {
        let rows: Vec<u32> = (0..rows).map(|_| rng.below(samples.len() as u32)).collect();
        let [first, second] = &mut engines;
        let ours = gradient(first, &mix, number, &rows);
        if has_earlier && number % (EARLIER + 1) < EARLIER {
            continue;
        }
        let theirs = gradient(second, &full, number, &rows);
        for at in 0..len {
            difference[at] += ours[at] - theirs[at];
            length[at] += theirs[at];
        }
    }
    let norm = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>().sqrt();
    norm(&difference) / norm(&length)
}

/// The mixes, with the correction or without it; `n` is the number of negatives.
fn mixes(n: usize, logq: bool) -> Vec<(&'static str, usize, Value)> {
    let own = |kind: &str| json!([{"kind": "uniform", "count": n / 2, "logq": logq}, {"kind": kind, "count": n / 2, "logq": logq}]);
    let attribute = json!([
        {"kind": "uniform", "count": n / 2, "logq": logq},
        {"kind": "same_attribute", "feature": "genre", "count": n / 2, "logq": logq}]);
    vec![
        ("popularity with a floor", 16, json!([{"kind": "popularity", "alpha": 2.0, "count": n, "logq": logq}])),
        (
            "shared popularity",
            16,
            json!([
            {"kind": "popularity", "alpha": 2.0, "count": n, "shared": true, "logq": logq}]),
        ),
        ("rows of the batch", n, json!([{"kind": "in_batch", "logq": logq}])),
        (
            "rows and shared uniform",
            n / 2,
            json!([
            {"kind": "in_batch", "logq": logq}, {"kind": "uniform", "count": n / 2, "shared": true, "logq": logq}]),
        ),
        ("drawn rows", 64, own("in_batch")),
        ("impressed", 16, own("impressed")),
        ("rejected", 16, own("rejected")),
        ("mined", 16, own("mined")),
        ("same attribute", 16, attribute),
    ]
}

/// Those with rows of earlier batches.
fn mixes_of_earlier(n: usize, logq: bool) -> Vec<(&'static str, usize, Value)> {
    let earlier = json!({"kind": "cross_batch", "batches": EARLIER, "warm_up_steps": 0, "logq": logq});
    let rows = json!({"kind": "in_batch", "logq": logq});
    vec![
        ("rows of this batch and of earlier ones", n / 2, json!([rows, earlier])),
        (
            "those and shared uniform",
            n / 2,
            json!([rows, earlier, {"kind": "uniform", "count": n / 2, "shared": true, "logq": logq}]),
        ),
    ]
}

#[test]
fn the_corrected_gradient_approaches_the_full_one_and_the_uncorrected_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(false);
    let files = world.files(lists(folder.path()));
    let known = KnownPositives::Own;
    let of_this = |n, logq| mixes(n, logq).into_iter().map(|mix| (mix, (known, false)));
    let all = |n, logq| of_this(n, logq).chain(mixes_of_earlier(n, logq).into_iter().map(|mix| (mix, (known, true))));
    let both = |n| all(n, true).zip(all(n, false));
    let mut faults = Vec::new();
    for ((((name, few, corrected), of), _), (((_, many, more), _), ((_, _, uncorrected), _))) in both(8).zip(both(128))
    {
        let far = distance(&files, few, corrected, of);
        let near = distance(&files, many, more, of);
        let biased = distance(&files, many, uncorrected, of);
        println!("{name}: {far:.4} with 8, {near:.4} with 128, {biased:.4} uncorrected");
        if near > far / 2.0 || near > 0.1 || biased < 1.4 * near {
            faults.push(name);
        }
    }
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn uniform_negatives_need_the_correction_for_their_number_only() {
    let world = World::new(false);
    let files = world.files(ListFiles::default());
    for (known, shared) in [(KnownPositives::Own, false), (KnownPositives::Own, true), (KnownPositives::Train, false)] {
        let (of, uniform) = ((known, false), |n: usize| json!([{"kind": "uniform", "count": n, "shared": shared}]));
        let (far, near) = (distance(&files, 16, uniform(8), of), distance(&files, 16, uniform(256), of));
        assert!(near < far / 2.0 && near < 0.05, "{known:?} {shared}: {far} with 8 negatives, {near} with 256");
    }
}
