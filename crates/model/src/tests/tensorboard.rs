//! Files for TensorBoard of whole runs: they decide nothing of the model, and no entry is there twice, however a run ends.

use super::world::{ITEMS, World, context, settings, write_samples};
use crate::batch::Samples;
use crate::config::{CheckpointsSection, Frequency, LossSection, Moment, TrainSection};
use crate::engine::{Batch, Engine, Look, Objective, Pairing};
use crate::error::Result;
use crate::model::TwoTower;
use crate::sequence::Pass;
use crate::train::{METRICS_FILE, TrainReport, train};
use serde_json::json;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use twinspire_core::progress::{Progress, Silent};
use twinspire_core::tfrecord::{HEAD, TAIL, front_record};

/// Dies in the n-th step that is left, once its entries are written.
struct Dying(AtomicUsize);

impl Progress for Dying {
    fn start(&self, _: &str, _: Option<u64>, _: &str) {}
    fn advance(&self, _: u64) {
        assert_ne!(self.0.fetch_sub(1, Ordering::Relaxed), 0, "killed");
    }
    fn state(&self, _: &str) {}
    fn line(&self, _: &str) {}
    fn finish(&self) {}
}

/// Three epochs of six steps, with every kind of entry in every step.
fn section(more: serde_json::Value) -> TrainSection {
    let mut whole = json!({"epochs": 3, "batch_size": 64, "learning_rate": 5e-3, "checkpoints": {"steps": 4, "keep": 9},
        "tensorboard": {"update_freq": {"scalars": 1, "histograms": 1, "projector": "epoch"}, "projector_items": 10}});
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn judge(queries: &[f32], _: &[f32], _: usize) -> BTreeMap<String, f64> {
    BTreeMap::from([("recall@5".to_owned(), f64::from(queries[0].abs()))])
}

fn run(folder: &Path, section: &TrainSection, progress: &dyn Progress) -> Result<TrainReport> {
    let samples = write_samples(folder, false);
    train(&context(progress, 2), &settings(section.clone(), false), &samples, folder, Some(&judge))
}

fn bytes(report: &TrainReport) -> [Vec<u8>; 2] {
    [report.model.clone(), report.model.with_file_name(METRICS_FILE)].map(|path| std::fs::read(path).unwrap())
}

/// The events of a run's files in order, without what says that a process began.
fn events(folder: &Path, run: &str) -> Vec<Vec<u8>> {
    let folder = folder.join("tensorboard").join(run);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().contains("tfevents"));
    paths.sort();
    let mut events = Vec::new();
    for path in paths {
        let (bytes, mut at, first) = (std::fs::read(path).unwrap(), 0, events.len());
        while let Some(record) = front_record(&bytes[at..]) {
            events.push(record.to_vec());
            at += HEAD + record.len() + TAIL;
        }
        assert_eq!(at, bytes.len());
        events.drain(first..first + 2);
    }
    events
}

#[test]
fn what_tensorboard_shows_decides_nothing_of_the_model() {
    let losses = [
        json!({}),
        json!({"clip": {"norm": 0.5}}),
        json!({"loss": {"kind": "bce"}}),
        json!({"loss": {"kind": "sampled_softmax"}, "optimizer": {"kind": "sgd", "momentum": 0.9}}),
    ];
    for more in losses {
        let seen = section(more.clone());
        let mut unseen = seen.clone();
        unseen.tensorboard.enabled = false;
        let (shown, hidden) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let report = run(shown.path(), &seen, &Silent).unwrap();
        assert!(bytes(&report) == bytes(&run(hidden.path(), &unseen, &Silent).unwrap()), "{more}");
        assert!(!hidden.path().join("tensorboard").exists());
        assert!(run(shown.path(), &unseen, &Silent).unwrap().outcome.is_skipped(), "the model is not made anew");
        // Graph, then two events a step, and one an epoch.
        assert_eq!((events(shown.path(), "train").len(), events(shown.path(), "validation").len()), (1 + 2 * 18, 3));
    }
}

#[test]
fn no_entry_is_lost_or_there_twice_wherever_a_run_dies() {
    let (undisturbed, section) = (tempfile::tempdir().unwrap(), section(json!({})));
    run(undisturbed.path(), &section, &Silent).unwrap();
    let expected = ["train", "validation"].map(|run| events(undisturbed.path(), run));
    for steps in [1, 3, 4, 6, 7, 13, 18] {
        let folder = tempfile::tempdir().unwrap();
        // The first call of each epoch says how far it is.
        let dying = Dying(AtomicUsize::new(steps + (steps - 1) / 6));
        catch_unwind(AssertUnwindSafe(|| run(folder.path(), &section, &dying))).unwrap_err();
        // Then what judged an epoch is lost as well, though its entries are written.
        run(folder.path(), &section, &Dying(AtomicUsize::new(100))).unwrap();
        assert!(["train", "validation"].map(|run| events(folder.path(), run)) == expected, "died in step {steps}");
    }
}

#[test]
fn an_epoch_that_is_judged_again_is_shown_once() {
    let checkpoints = CheckpointsSection { steps: Some(6), keep: 9, seconds: 0 };
    let (section, folder) = (TrainSection { checkpoints, ..section(json!({})) }, tempfile::tempdir().unwrap());
    run(folder.path(), &section, &Silent).unwrap();
    let expected = ["train", "validation"].map(|run| events(folder.path(), run));
    for (judged, unjudged) in [(12, 12), (18, 18)] {
        std::fs::remove_dir_all(folder.path().join("train")).unwrap();
        for step in (judged..=18).step_by(6) {
            let _ = std::fs::remove_dir_all(folder.path().join(format!("checkpoints/step-{step:012}-judged")));
        }
        for step in (unjudged + 6..=18).step_by(6) {
            let _ = std::fs::remove_dir_all(folder.path().join(format!("checkpoints/step-{step:012}")));
        }
        run(folder.path(), &section, &Silent).unwrap();
        assert!(["train", "validation"].map(|run| events(folder.path(), run)) == expected, "from step {unjudged}");
    }
}

#[test]
fn the_projector_shows_the_vectors_of_the_kept_model_with_labels() {
    let folder = tempfile::tempdir().unwrap();
    let report = run(folder.path(), &section(json!({})), &Silent).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join("tensorboard/train").join(name)).unwrap();
    let (tensors, metadata, world) = (read("tensors.tsv"), read("metadata.tsv"), World::new(false));
    let model = TwoTower::load(&report.model, &world.encoder).unwrap();
    let vectors = model.encode_items(&world.items.features(), 1).unwrap();
    let lines: Vec<Vec<&str>> = metadata.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!((lines.len(), &lines[0][..]), (11, &["item", "positives"][..]));
    let counts: Vec<u64> = lines[1..].iter().map(|line| line[1].parse().unwrap()).collect();
    let coldest = world.items.counts().iter().min().unwrap();
    assert!(counts.is_sorted_by(|a, b| a >= b) && counts[0] == *world.items.counts().iter().max().unwrap());
    assert!(counts[9] < counts[0] && counts[9] >= *coldest, "from hot to cold: {counts:?}");
    for (line, row) in lines[1..].iter().zip(tensors.lines()) {
        let item = world.items.find(line[0]).unwrap() as usize;
        let own = &vectors[item * model.dimension()..][..model.dimension()];
        let shown: Vec<f32> = row.split('\t').map(|number| number.parse().unwrap()).collect();
        assert!(own.len() == shown.len() && own.iter().zip(shown).all(|(a, b)| (a - b).abs() < 1e-6));
    }
    assert_eq!(tensors.lines().count(), 10);
    let all = TrainSection {
        tensorboard: serde_json::from_value(json!({"projector_items": 1000})).unwrap(),
        ..section(json!({}))
    };
    let whole = tempfile::tempdir().unwrap();
    run(whole.path(), &all, &Silent).unwrap();
    let lines = std::fs::read_to_string(whole.path().join("tensorboard/train/tensors.tsv")).unwrap().lines().count();
    assert_eq!(lines, ITEMS, "no more than there are");
}

#[test]
fn kinds_of_entries_come_as_often_as_the_settings_say() {
    let (epoch, never) = (Frequency::Moment(Moment::Epoch), Frequency::Moment(Moment::Never));
    for (scalars, histograms, expected) in [(never, never, 1), (epoch, epoch, 7), (Frequency::Steps(5), never, 7)] {
        let mut section = section(json!({}));
        let frequency = &mut section.tensorboard.update_freq;
        (frequency.scalars, frequency.histograms, frequency.projector) = (scalars, histograms, never);
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &section, &Silent).unwrap();
        // The graph, and each kind at its time: scalars after steps 5, 10, 15 and at the ends of three epochs.
        assert_eq!(events(folder.path(), "train").len(), expected, "{scalars:?}, {histograms:?}");
        assert_eq!(events(folder.path(), "validation").is_empty(), scalars == never);
        assert!(!folder.path().join("tensorboard/train/tensors.tsv").exists());
        assert!(folder.path().join("tensorboard/model.svg").exists());
    }
}

#[test]
fn the_length_that_is_shown_is_that_of_all_gradients() {
    let world = World::new(false);
    let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
    let section = TrainSection { loss: LossSection::default(), ..TrainSection::default() };
    let mut model = TwoTower::new(&super::world::model(), &world.encoder, 3);
    let (layout, objective) = (model.layout.clone(), Objective::new(&section, &samples));
    let rows: Vec<u32> = (0..100).collect();
    let batch = Batch { samples: &samples, rows: &rows, pairing: Pairing::Own, number: 0, pass: Pass::default() };
    let mut engine = Engine::new(&layout, objective, &section);
    let weight = engine.gradients(&model.parameters, &batch).weight;
    let tables = (0..layout.tables.len()).flat_map(|table| engine.table_gradients(table).into_values().flatten());
    let numbers: Vec<f64> = engine.dense_gradient().into_iter().chain(tables.map(f64::from)).collect();
    let expected = numbers.iter().map(|number| number * number).sum::<f64>().sqrt() / weight;
    let mut look = Look::new(true);
    engine.step(&mut model.parameters, &batch, 0.1, Some(&mut look)).unwrap();
    assert!((look.norm.unwrap() / expected - 1.0).abs() < 1e-5, "{:?}, {expected}", look.norm);
    let squares: f64 = look.histograms.iter().map(|(_, histogram)| histogram.squares).sum();
    assert!((squares.sqrt() / expected - 1.0).abs() < 1e-5, "{squares}");
    let names: Vec<&str> = look.histograms.iter().map(|(name, _)| &name[..]).collect();
    assert!(names.contains(&"embedding.item.id") && names.contains(&"user_tower.0.weight"), "{names:?}");
}

/// A Python that has TensorBoard: that of `TWINSPIRE_TENSORBOARD_PYTHON`, or one of a new environment from PyPI.
fn python() -> std::path::PathBuf {
    if let Some(path) = std::env::var_os("TWINSPIRE_TENSORBOARD_PYTHON") {
        return path.into();
    }
    let folder = std::env::temp_dir().join("twinspire-tensorboard-2.20.0");
    let python = folder.join("bin/python");
    if !folder.join("ready").exists() {
        let call = |program: &Path, arguments: &[&str]| {
            assert!(std::process::Command::new(program).args(arguments).status().unwrap().success(), "{program:?}");
        };
        call(Path::new("python3"), &["-m", "venv", folder.to_str().unwrap()]);
        call(&python, &["-m", "pip", "install", "--quiet", "tensorboard==2.20.0", "setuptools<81"]);
        std::fs::write(folder.join("ready"), "").unwrap();
    }
    python
}

/// What TensorBoard sees in a folder.
fn read_by_tensorboard(folder: &Path) -> serde_json::Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/tensorboard/read_events.py");
    let output = std::process::Command::new(python()).arg(script).arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "long: installs TensorBoard from PyPI"]
fn tensorboard_reads_every_kind_of_entry_of_a_run_that_died_once() {
    let (folder, section) = (tempfile::tempdir().unwrap(), section(json!({})));
    let dying = Dying(AtomicUsize::new(8));
    catch_unwind(AssertUnwindSafe(|| run(folder.path(), &section, &dying))).unwrap_err();
    let report = run(folder.path(), &section, &Silent).unwrap();
    let seen = read_by_tensorboard(&folder.path().join("tensorboard"));
    let train = &seen["runs"]["train"];
    let steps = |entries: &serde_json::Value| -> Vec<u64> {
        entries.as_array().unwrap().iter().map(|entry| entry[0].as_u64().unwrap()).collect()
    };
    let each_step: Vec<u64> = (1..=18).collect();
    for tag in ["loss", "learning_rate", "gradient_norm"] {
        assert_eq!(steps(&train["scalars"][tag]), each_step, "{tag}");
    }
    assert_eq!(steps(&train["scalars"]["epoch_loss"]), [6, 12, 18]);
    for (epoch, record) in report.epochs.iter().enumerate() {
        let value = |entries: &serde_json::Value| entries[epoch][1].as_f64().unwrap() as f32;
        assert_eq!(value(&train["scalars"]["epoch_loss"]), record.loss as f32);
        let validation = &seen["runs"]["validation"]["scalars"];
        assert_eq!(value(&validation["epoch_loss"]), record.validation["loss"] as f32);
        assert_eq!(value(&validation["recall@5"]), record.corpus["recall@5"] as f32);
    }
    for tag in ["weights/embedding.item.id", "gradients/embedding.item.id", "weights/user_tower.0.weight"] {
        let entries = train["histograms"][tag].as_array().unwrap_or_else(|| panic!("{tag}"));
        assert_eq!(steps(&train["histograms"][tag]), each_step, "{tag}");
        assert!(entries.iter().all(|entry| entry[1].as_f64() > Some(0.0) && entry[1] == entry[2]), "{entries:?}");
    }
    assert_eq!(train["graph"]["score"], json!(["Cosine", ["user_tower/unit_length", "item_tower/unit_length"]]));
    let projected = json!({"name": "item vectors", "shape": [10, 8], "columns": ["item", "positives"]});
    assert_eq!(seen["projector"], json!({"train": projected}));
}
