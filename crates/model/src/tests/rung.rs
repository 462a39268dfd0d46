//! A run that is judged at steps on its way makes the steps of one that is not, goes on from each, and can be stopped.

use super::resume::{Watcher, bytes, judge, section};
use super::world::{context, settings, write_samples};
use crate::config::TrainSection;
use crate::error::ModelError;
use crate::train::{RungRecord, TrainContext, train, train_to};
use std::path::Path;
use twinspire_core::progress::Silent;

fn rung(folder: &Path, section: &TrainSection, steps: u64, watcher: &Watcher) -> Result<RungRecord, ModelError> {
    let samples = write_samples(folder, false);
    let context = TrainContext { stop: &watcher.stop, ..context(watcher, 2) };
    train_to(&context, &settings(section.clone(), false), &samples, folder, (Some(&judge), steps))
}

/// Three epochs of six steps, as [`section`] says.
const STEPS: [u64; 4] = [2, 6, 11, 18];

#[test]
fn rungs_stand_on_the_way_of_one_run_wherever_it_is_stopped() {
    let whole = tempfile::tempdir().unwrap();
    let samples = write_samples(whole.path(), false);
    let expected = train(&context(&Silent, 1), &settings(section(), false), &samples, whole.path(), Some(&judge));
    let expected = expected.unwrap();
    let (folder, disturbed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for steps in STEPS {
        let record = rung(folder.path(), &section(), steps, &Watcher::default()).unwrap();
        assert_eq!((record.steps, record.ended.as_ref()), (steps, None));
        if let Some(epoch) = expected.epochs.iter().find(|epoch| epoch.steps == steps) {
            assert_eq!(record.corpus, epoch.corpus);
        }
        let mut stops = 0;
        let again = loop {
            match rung(disturbed.path(), &section(), steps, &Watcher::after(1)) {
                Ok(record) => break record,
                Err(ModelError::Stopped { .. }) => stops += 1,
                Err(error) => panic!("{error}"),
            }
        };
        assert!(again == record && stops > 0, "{stops} stops before step {steps}");
    }
    // The checkpoint of the last rung is one of the whole run, which has nothing left to do but to write its model.
    let samples = write_samples(folder.path(), false);
    let after = train(&context(&Silent, 2), &settings(section(), false), &samples, folder.path(), Some(&judge));
    assert!(bytes(&after.unwrap()) == bytes(&expected));
}

#[test]
fn a_rung_beyond_the_last_epoch_is_judged_there_and_an_earlier_one_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let late = rung(folder.path(), &section(), 1_000, &Watcher::default()).unwrap();
    assert_eq!(late.steps, 18);
    let early = rung(folder.path(), &section(), 4, &Watcher::default()).unwrap();
    let alone = tempfile::tempdir().unwrap();
    assert_eq!(early, rung(alone.path(), &section(), 4, &Watcher::default()).unwrap());
    assert_eq!(early.steps, 4);
}

#[test]
fn a_run_that_diverges_is_a_record_and_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let wild = TrainSection { learning_rate: 1e38, ..section() };
    let record = rung(folder.path(), &wild, 18, &Watcher::default()).unwrap();
    assert_eq!((record.ended.as_deref(), record.corpus.len()), (Some("diverged"), 0));
    assert!(record.steps < 18, "{record:?}");
    assert_eq!(record, rung(folder.path(), &wild, 18, &Watcher::default()).unwrap(), "up to date");
}
