//! A run that is stopped after any step goes on and makes the bytes of one that was not; a step that cannot be used leaves
//! the last good checkpoint.

use super::world::{context, settings, write_samples};
use crate::config::{CheckpointsSection, LossSection, NegativesSection, Temperature, TrainSection};
use crate::error::{ModelError, Result};
use crate::train::{METRICS_FILE, TrainContext, TrainReport, train};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use twinspire_core::progress::Progress;

/// Tells the run to end in the n-th step after the start, and hears what it says.
#[derive(Default)]
pub(super) struct Watcher {
    pub(super) stop: AtomicBool,
    left: AtomicUsize,
    lines: Mutex<Vec<String>>,
}

impl Watcher {
    pub(super) fn after(steps: usize) -> Self {
        // The first call tells how far the epoch is.
        Self { left: AtomicUsize::new(steps + 1), ..Self::default() }
    }

    pub(super) fn said(&self, part: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|line| line.contains(part))
    }
}

impl Progress for Watcher {
    fn start(&self, _: &str, _: Option<u64>, _: &str) {}
    fn advance(&self, _: u64) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
    fn state(&self, _: &str) {}
    fn line(&self, text: &str) {
        self.lines.lock().unwrap().push(text.to_owned());
    }
    fn finish(&self) {}
}

/// Three epochs of six steps with drawn negatives, and rows of earlier batches after three steps.
pub(super) fn section() -> TrainSection {
    let negatives = serde_json::json!([
        {"kind": "in_batch"},
        {"kind": "popularity", "count": 40, "shared": true},
        {"kind": "cross_batch", "batches": 2, "warm_up_steps": 3}]);
    let negatives: Vec<NegativesSection> = serde_json::from_value(negatives).unwrap();
    let loss = LossSection::SampledSoftmax { temperature: Temperature::Fixed(0.1) };
    TrainSection { epochs: 3, batch_size: 64, learning_rate: 5e-3, loss, negatives, ..TrainSection::default() }
}

/// A judge that likes the second epoch of a run best, whoever asks: the sum of the vectors decides.
pub(super) fn judge(queries: &[f32], items: &[f32], _: usize) -> BTreeMap<String, f64> {
    let sum = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>();
    BTreeMap::from([("sum".to_owned(), sum(queries).sin() + sum(items))])
}

fn run(folder: &Path, section: &TrainSection, threads: usize, watcher: &Watcher) -> Result<TrainReport> {
    let samples = write_samples(folder, false);
    let context = TrainContext { stop: &watcher.stop, ..context(watcher, threads) };
    train(&context, &settings(section.clone(), false), &samples, folder, Some(&judge))
}

pub(super) fn bytes(report: &TrainReport) -> [Vec<u8>; 2] {
    [report.model.clone(), report.model.with_file_name(METRICS_FILE)].map(|path| std::fs::read(path).unwrap())
}

#[test]
fn a_run_that_is_stopped_after_any_step_ends_with_the_bytes_of_one_that_is_not() {
    let undisturbed = tempfile::tempdir().unwrap();
    let expected = bytes(&run(undisturbed.path(), &section(), 1, &Watcher::default()).unwrap());
    for (steps, threads) in (1..=17).zip([1, 2, 4, 8].into_iter().cycle()) {
        let folder = tempfile::tempdir().unwrap();
        let stopped = run(folder.path(), &section(), threads, &Watcher::after(steps + (steps - 1) / 6)).unwrap_err();
        let ModelError::Stopped { step, checkpoint, .. } = &stopped else { panic!("{stopped}") };
        assert_eq!(*step, steps as u64);
        assert!(checkpoint.exists() && stopped.to_string().contains(&format!("after step {steps}")), "{stopped}");
        let again = Watcher::default();
        let report = run(folder.path(), &section(), 9 - threads, &again).unwrap();
        assert!(again.said(&format!("goes on from the checkpoint of step {steps}")));
        assert!(bytes(&report) == expected, "stopped after step {steps}");
    }
}

/// Other optimizers and schedules, with a limit on the gradient.
fn others() -> [TrainSection; 3] {
    let of = |value: serde_json::Value| {
        let mut whole = serde_json::json!(section());
        whole.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    };
    [
        of(serde_json::json!({"optimizer": {"kind": "adagrad", "row_wise": true, "initial": 0.1}, "warm_up_steps": 5,
            "schedule": {"kind": "cosine", "floor": 0.1}, "clip": {"norm": 0.5},
            "loss": {"kind": "sampled_softmax", "temperature": {"start": 0.1, "lowest": 0.05}}})),
        of(serde_json::json!({"optimizer": {"kind": "sgd", "momentum": 0.9, "nesterov": true}, "epochs": 5,
            "schedule": {"kind": "plateau", "patience": 0, "factor": 0.25}, "early_stopping": {"patience": 2}})),
        of(
            serde_json::json!({"optimizer": {"kind": "adam_w", "weight_decay": 0.1}, "clip": {"norm": 0.2, "value": 0.01},
            "schedule": {"kind": "exponential", "rate": 0.5}, "metric": "loss",
            "loss": {"kind": "sampled_softmax", "temperature": "learned"}}),
        ),
    ]
}

#[test]
fn a_run_that_is_stopped_in_each_step_ends_with_the_bytes_of_one_that_is_not() {
    for section in [section()].into_iter().chain(others()) {
        let (undisturbed, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let expected = bytes(&run(undisturbed.path(), &section, 1, &Watcher::default()).unwrap());
        let (mut stops, mut ends) = (0, None);
        while ends.is_none() {
            match run(folder.path(), &section, 2, &Watcher::after(1)) {
                Ok(report) => ends = Some(report),
                Err(ModelError::Stopped { .. }) => stops += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(stops >= 12 && bytes(&ends.unwrap()) == expected, "{stops} stops, {section:?}");
    }
}

#[test]
fn checkpoints_by_steps_decide_nothing_of_the_model_and_the_best_epoch_stays_on_disk() {
    let names = |checkpoints: CheckpointsSection| {
        let folder = tempfile::tempdir().unwrap();
        let report = run(folder.path(), &TrainSection { checkpoints, ..section() }, 1, &Watcher::default()).unwrap();
        let best = report.epochs.iter().rfind(|epoch| epoch.best).unwrap().steps;
        let entries = std::fs::read_dir(folder.path().join("checkpoints")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert!(names.contains(&format!("step-{best:012}-judged")), "{names:?}");
        let again = run(folder.path(), &section(), 1, &Watcher::default()).unwrap();
        assert!(again.outcome.is_skipped(), "how often a checkpoint is written does not make it anew");
        (names, bytes(&report))
    };
    let (seldom, expected) = names(CheckpointsSection::default());
    let (often, found) = names(CheckpointsSection { steps: Some(4), keep: 5, ..CheckpointsSection::default() });
    assert!(expected == found);
    assert!(seldom.len() <= 3, "{seldom:?}");
    assert_eq!(often[often.len() - 3..], ["step-000000000012-judged", "step-000000000016", "step-000000000018-judged"]);
}

#[test]
fn other_settings_begin_anew_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &section(), 1, &Watcher::after(3)).unwrap_err();
    let other = TrainSection { learning_rate: 1e-3, ..section() };
    let watcher = Watcher::default();
    let report = run(folder.path(), &other, 1, &watcher).unwrap();
    assert!(watcher.said("is not used: train.learning_rate changed since") && !watcher.said("goes on"));
    let fresh = tempfile::tempdir().unwrap();
    assert!(bytes(&report) == bytes(&run(fresh.path(), &other, 1, &Watcher::default()).unwrap()));
}

#[test]
fn a_step_that_cannot_be_used_names_its_samples_and_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = CheckpointsSection { steps: Some(1), ..CheckpointsSection::default() };
    let wild = TrainSection { learning_rate: 1e30, checkpoints, ..section() };
    for _ in 0..2 {
        let error = run(folder.path(), &wild, 1, &Watcher::default()).unwrap_err();
        let text = format!("{error}; {}", error.hint().unwrap());
        let ModelError::Diverged { epoch: 1, step: 2, rows, checkpoint: Some(path), .. } = error else {
            panic!("{error}")
        };
        assert_eq!((rows.len(), path.file_name().unwrap()), (64, "step-000000000001".as_ref()));
        assert!(path.join("checkpoint.json").exists(), "it is kept");
        for part in ["epoch 1, step 2", &format!("{}, {}, ", rows[0], rows[1]), "step-000000000001 is kept"] {
            assert!(text.contains(part), "`{part}` is not in {text}");
        }
    }
}
