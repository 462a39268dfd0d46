//! Early stopping, schedules and the metric that ranks epochs, in the whole stage.

use super::world::{context, settings, write_samples};
use crate::config::{EarlyStoppingSection, LossSection, ScheduleSection, TrainSection};
use crate::error::{ModelError, Result};
use crate::train::{TrainReport, train};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use twinspire_core::progress::Silent;

/// What the judge says after each epoch.
const RECALLS: [f64; 8] = [0.1, 0.5, 0.4, 0.505, 0.6, 0.2, 0.3, 0.1];

fn run(section: &TrainSection) -> Result<TrainReport> {
    let (folder, judged) = (tempfile::tempdir().unwrap(), AtomicUsize::new(0));
    let judge = |_: &[f32], _: &[f32], _: usize| {
        let recall = RECALLS[judged.fetch_add(1, Ordering::Relaxed)];
        BTreeMap::from([("a".to_owned(), 0.0), ("recall@5".to_owned(), recall)])
    };
    let samples = write_samples(folder.path(), false);
    train(&context(&Silent, 1), &settings(section.clone(), false), &samples, folder.path(), Some(&judge))
}

fn section() -> TrainSection {
    let metric = Some("recall@5".to_owned());
    TrainSection { epochs: 8, batch_size: 64, loss: LossSection::default(), metric, ..TrainSection::default() }
}

#[test]
fn training_ends_when_epochs_do_not_get_better_and_the_best_one_is_kept() {
    for (patience, min_delta, epochs, kept) in [(2, 0.0, 7, 5), (2, 0.05, 4, 2), (1, 0.0, 3, 2), (4, 0.0, 8, 5)] {
        let early_stopping = Some(EarlyStoppingSection { patience, min_delta });
        let report = run(&TrainSection { early_stopping, ..section() }).unwrap();
        let found = (report.epochs.len(), report.kept_epoch);
        // What is kept is the best epoch, were it better by ever so little.
        let kept = if min_delta > 0.0 { 4 } else { kept };
        assert_eq!(found, (epochs, kept), "patience {patience}, {min_delta}");
    }
}

#[test]
fn a_plateau_and_a_cosine_let_the_learning_rate_fall() {
    let rates = |schedule| -> Vec<f64> {
        let report = run(&TrainSection { learning_rate: 8e-3, schedule, ..section() }).unwrap();
        report.epochs.iter().map(|epoch| epoch.learning_rate).collect()
    };
    let plateau = rates(ScheduleSection::Plateau { factor: 0.5, patience: 0, min_delta: 0.01 });
    assert_eq!(plateau, [8e-3, 8e-3, 8e-3, 4e-3, 2e-3, 2e-3, 1e-3, 5e-4]);
    let cosine = rates(ScheduleSection::Cosine { floor: 0.0 });
    assert!(cosine.is_sorted_by(|a, b| a > b) && cosine[0] < 8e-3 && cosine[7] < 1e-5, "{cosine:?}");
}

#[test]
fn a_metric_that_is_not_there_is_refused_with_those_that_are() {
    let error = run(&TrainSection { metric: Some("recall@7".into()), ..section() }).unwrap_err();
    assert!(matches!(error, ModelError::Unsuitable { .. }), "{error}");
    assert!(error.to_string().contains("recall@5, auc, loss"), "{error}");
    let by_loss = run(&TrainSection { metric: Some("loss".into()), ..section() }).unwrap();
    let losses: Vec<f64> = by_loss.epochs.iter().map(|epoch| epoch.validation["loss"]).collect();
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(losses[by_loss.kept_epoch as usize - 1], least);
}
