//! Alarms of whole runs: a collapsed model raises each of them, a sound one none, and what they do is what the settings say.

use super::world::{self, ITEMS, World, context, settings, write_samples};
use crate::batch::{CorpusItems, Samples, UsersOf};
use crate::collapse::{Sign, Watch};
use crate::config::{AlarmsSection, LossSection, ModelSettings, Temperature, TrainSection};
use crate::error::{ModelError, Result};
use crate::model::TwoTower;
use crate::train::{METRICS_FILE, TrainReport, train};
use crate::validate::ItemVectors;
use serde_json::json;
use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::progress::{Heard, Progress, Silent};

/// Eight epochs of six steps.
fn section(alarms: serde_json::Value) -> TrainSection {
    let loss = LossSection::InBatchSoftmax {
        temperature: Temperature::Fixed(0.1),
        logq_correction: true,
        mask_accidental_hits: true,
    };
    let alarms: AlarmsSection = serde_json::from_value(alarms).unwrap();
    TrainSection { epochs: 8, batch_size: 64, learning_rate: 5e-3, loss, alarms, ..TrainSection::default() }
}

fn run(folder: &Path, section: &TrainSection, progress: &dyn Progress) -> Result<TrainReport> {
    let samples = write_samples(folder, false);
    train(&context(progress, 2), &settings(section.clone(), false), &samples, folder, None)
}

/// A model whose user vectors are all the same: the last layer of the user tower has only its bias.
fn collapsed(world: &World) -> TwoTower {
    let mut model = TwoTower::new(&world::model(), &world.encoder, 3);
    let last = *model.layout.user_tower.layers().last().unwrap();
    model.parameters.dense[last.offset..last.offset + last.inputs * last.outputs].fill(0.0);
    model.parameters.dense[last.offset + last.inputs * last.outputs..last.offset + last.len()].fill(1.0);
    model
}

/// A model of dot products whose user vectors have one direction and many lengths: what is below the last layer is not negative.
fn collapsed_to_a_line(world: &World) -> TwoTower {
    let mut model = TwoTower::new(&world::dot_model(), &world.encoder, 3);
    let last = *model.layout.user_tower.layers().last().unwrap();
    model.parameters.dense[last.offset..last.offset + last.len()].fill(1.0);
    model
}

/// The item that a collapsed model puts first in every list.
fn first_item(model: &TwoTower, samples: &Samples<'_>) -> usize {
    let items: Vec<u32> = (0..ITEMS as u32).collect();
    let source = |start: usize| CorpusItems(samples, &items[start..]);
    let vectors = model.chosen_item_vectors(samples.corpus(), ITEMS, source);
    let score = |item: &usize| vectors[item * model.dimension()..][..model.dimension()].iter().sum::<f32>();
    (0..ITEMS).max_by(|a, b| score(a).total_cmp(&score(b))).unwrap()
}

fn item_vectors<'a>(model: &'a TwoTower, samples: &'a Samples<'a>) -> ItemVectors<'a> {
    LazyCell::new(Box::new(|| model.item_vectors(samples.corpus())))
}

fn raised(watch: &Watch<'_>, figures: &BTreeMap<String, f64>) -> Vec<Sign> {
    watch.alarms(figures, (1, 1000)).iter().map(|alarm| alarm.sign).collect()
}

const ALL: [Sign; 4] = [Sign::MeanCosine, Sign::EffectiveRank, Sign::HotShare, Sign::LossShare];

#[test]
fn a_collapsed_model_raises_each_alarm_and_none_before_the_warm_up_ends() {
    let world = World::new(false);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let (settings, model) = (settings(section(json!({})), false), collapsed(&world));
    let items = item_vectors(&model, &samples);
    let mut counts = vec![1; ITEMS];
    counts[first_item(&model, &samples)] = 9;
    let watch = Watch::new(&settings, &samples, &counts, 5);
    let figures = watch.figures(&model, 64f64.ln(), Some(&items));
    assert_eq!(raised(&watch, &figures), ALL, "{figures:?}");
    assert!((figures["mean_cosine"] - 1.0).abs() < 1e-6 && (figures["loss_share"] - 1.0).abs() < 1e-9);
    assert_eq!((figures["effective_rank"], figures["hot_share"]), (0.0, 1.0));
    let alarms = [(0, 999), (0, 1000), (1, 7)].map(|moment| watch.alarms(&figures, moment).len());
    assert_eq!(alarms, [0, 4, 4], "the first epoch, or its first thousand steps, raises none");
    let later = world::settings(section(json!({"warm_up_steps": 200})), false);
    let later = Watch::new(&later, &samples, &counts, 5);
    assert_eq!([(9, 199), (0, 200)].map(|moment| later.alarms(&figures, moment).len()), [0, 4]);
    // Without lists nothing is said of hot items.
    assert_eq!(watch.figures(&model, 1.0, None).len(), 3);
    let off =
        json!({"mean_cosine": {"action": "off"}, "hot_share": {"action": "off"}, "loss_share": {"action": "off"}});
    let settings = world::settings(section(off), false);
    let watch = Watch::new(&settings, &samples, &counts, 5);
    let figures = watch.figures(&model, 64f64.ln(), Some(&items));
    assert_eq!((figures.len(), raised(&watch, &figures)), (1, vec![Sign::EffectiveRank]));
}

#[test]
fn users_of_one_direction_are_one_user_whatever_their_lengths_are() {
    let world = World::new(false);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let (settings, model) = (settings(section(json!({})), false), collapsed_to_a_line(&world));
    let watch = Watch::new(&settings, &samples, &[1; ITEMS], 5);
    let figures = watch.figures(&model, 1.0, None);
    assert!((figures["mean_cosine"] - 1.0).abs() < 1e-6 && figures["effective_rank"] == 0.0, "{figures:?}");
    let first = model.user_vectors(samples.corpus(), 2, |start| UsersOf(&samples, &[0, 100][start..]));
    assert!(first[0] > 1.0 && (first[0] / first[8] - 1.0).abs() > 0.01, "lengths differ: {first:?}");
}

#[test]
fn a_sound_run_raises_none() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Heard::default();
    // The world is small: after three epochs of six steps it has learnt something.
    let report = run(folder.path(), &section(json!({"warm_up_steps": 19})), &heard).unwrap();
    let last = report.epochs.last().unwrap();
    assert_eq!(last.collapse.len(), 4, "all are looked at");
    assert!(report.epochs.iter().all(|epoch| epoch.alarms.is_empty()), "{:?}", report.epochs);
    assert!(!heard.lines().iter().any(|line| line.contains("warning")));
}

#[test]
fn a_warning_is_heard_and_stands_in_the_metrics_and_decides_nothing_of_the_model() {
    let (warned, quiet, heard) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Heard::default());
    let always =
        json!({"warm_up_steps": 0, "every": 4, "mean_cosine": {"above": -1.0}, "loss_share": {"action": "off"}});
    let report = run(warned.path(), &section(always), &heard).unwrap();
    let off = json!({"mean_cosine": {"action": "off"}, "effective_rank": {"action": "off"},
        "hot_share": {"action": "off"}, "loss_share": {"action": "off"}});
    let other = run(quiet.path(), &section(off), &Silent).unwrap();
    assert!(std::fs::read(&report.model).unwrap() == std::fs::read(&other.model).unwrap());
    assert!(report.epochs.iter().all(|epoch| epoch.alarms == ["mean_cosine"]));
    let metrics = std::fs::read_to_string(report.model.with_file_name(METRICS_FILE)).unwrap();
    assert!(metrics.lines().all(|line| line.contains(r#""alarms":["mean_cosine"]"#)), "{metrics}");
    let warnings: Vec<String> = heard.lines().into_iter().filter(|line| line.starts_with("warning: ")).collect();
    // After steps 4, 8, … 48 of eight epochs of six, and after each epoch; 12, 24, 36 and 48 end one.
    assert_eq!(warnings.len(), 12 - 4 + 8, "{warnings:?}");
    assert!(warnings[0].contains("is above -1: the vectors of different users") && warnings[0].contains("try a tenth"));
}

fn stopped(result: Result<TrainReport>) -> (u32, u64) {
    let error = result.unwrap_err();
    let (text, hint) = (error.to_string(), error.hint().unwrap());
    let ModelError::Collapsed { epoch, step, alarms, checkpoint } = error else { panic!("{text}") };
    assert!(alarms.len() == 1 && alarms[0].sign == Sign::MeanCosine && checkpoint.exists(), "{text}");
    assert!(
        text.contains("mean_cosine") && text.contains("the vectors of different users point the same way"),
        "{text}"
    );
    let wanted = ["likely reasons of mean_cosine", "train.alarms.mean_cosine.action = \"warn\"", "checkpoints/step-"];
    assert!(wanted.iter().all(|part| hint.contains(part)), "{hint}");
    (epoch, step)
}

#[test]
fn an_alarm_that_stops_ends_the_run_each_time_until_it_only_warns() {
    let stop = json!({"warm_up_steps": 7, "mean_cosine": {"above": -1.0, "action": "stop"}});
    let warn = json!({"warm_up_steps": 7, "mean_cosine": {"above": -1.0}});
    let (folder, undisturbed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for _ in 0..2 {
        // The first epoch belongs to the warm-up.
        assert_eq!(stopped(run(folder.path(), &section(stop.clone()), &Silent)), (2, 12));
        assert!(!folder.path().join("train").exists(), "no model is written");
    }
    let heard = Heard::default();
    let report = run(folder.path(), &section(warn.clone()), &heard).unwrap();
    assert!(heard.lines().iter().any(|line| line.contains("goes on from the checkpoint of step 12")));
    let expected = run(undisturbed.path(), &section(warn), &Silent).unwrap();
    assert!(std::fs::read(&report.model).unwrap() == std::fs::read(&expected.model).unwrap());
    assert_eq!(report.epochs, expected.epochs);
}

#[test]
fn an_alarm_inside_an_epoch_stops_there() {
    let stop = json!({"warm_up_steps": 7, "every": 4, "mean_cosine": {"above": -1.0, "action": "stop"}});
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(stopped(run(folder.path(), &section(stop), &Silent)), (2, 8));
}

#[test]
fn a_loss_is_measured_by_what_a_model_that_knows_nothing_has() {
    let world = World::new(false);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let share = |settings: &ModelSettings, loss: f64| {
        let watch = Watch::new(settings, &samples, &[1; ITEMS], 5);
        watch.figures(&collapsed(&world), loss, None).get("loss_share").copied()
    };
    let of = |loss: serde_json::Value, negatives: serde_json::Value| {
        let value = json!({"batch_size": 64, "loss": loss, "negatives": negatives});
        settings(serde_json::from_value(value).unwrap(), false)
    };
    let uniform = |logq: bool| json!([{"kind": "uniform", "count": 9, "logq": logq}]);
    let cases = [
        (json!({"kind": "in_batch_softmax"}), json!([]), 64f64.ln()),
        (json!({"kind": "full_softmax"}), json!([]), (ITEMS as f64).ln()),
        (json!({"kind": "sampled_softmax"}), uniform(true), (ITEMS as f64).ln()),
        (json!({"kind": "sampled_softmax"}), uniform(false), 10f64.ln()),
        (json!({"kind": "bpr"}), json!([]), 2f64.ln()),
        (json!({"kind": "hinge", "margin": 0.3}), json!([]), 0.3),
        (json!({"kind": "bce"}), json!([]), -(0.2 * 0.2f64.ln() + 0.8 * 0.8f64.ln())),
    ];
    for (loss, negatives, expected) in cases {
        let found = share(&of(loss.clone(), negatives), expected).unwrap();
        assert!((found - 1.0).abs() < 1e-12, "{loss}: {found}");
    }
    assert_eq!(share(&of(json!({"kind": "cosine_contrastive"}), json!([])), 1.0), None);
}
