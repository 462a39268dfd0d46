//! Training that starts from an earlier model: rows are found by their values, nothing that does not fit is used, and the
//! bytes depend on the start and the seed alone.

use super::resume::{Watcher, bytes, judge, section};
use super::world::{context, encoder_of, model, settings, write_samples};
use crate::checkpoint::{CHECKPOINTS_FOLDER, Checkpoints, checksum};
use crate::config::{Activation, AdagradSection, ModelSection, OptimizerSection, Score, TowerSection, TrainSection};
use crate::engine::{Engine, Objective};
use crate::error::{ModelError, Result};
use crate::model::TwoTower;
use crate::train::{TrainContext, TrainReport, train};
use crate::warm::{Target, WarmStart};
use std::path::Path;
use tempfile::TempDir;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::progress::{Heard, Silent};
use twinspire_core::vfs::{RealVfs, write_file};

const STEPS: u64 = 13;

/// Items `a` to `c` in another order than [`LATER`] has them, and other users.
const EARLIER: [&str; 3] = [r#"["u", "v"]"#, "9", r#"["a", "b", "c"]"#];
const LATER: [&str; 3] = [r#"["v"]"#, "9", r#"["c", "d", "a", "e"]"#];

fn schema([users, buckets, items]: [&str; 3]) -> String {
    format!(
        r#"[{{"name": "user", "side": "user", "kind": "vocabulary", "values": {users}}},
            {{"name": "age", "side": "user", "kind": "bucketised", "boundaries": [18, 35]}},
            {{"name": "seen", "side": "user", "kind": "history", "of": ["id"], "shared": false}},
            {{"name": "id", "side": "item", "kind": "vocabulary", "values": {items}}},
            {{"name": "genre", "side": "item", "kind": "hash", "buckets": {buckets}}}]"#
    )
}

fn encoder(values: [&str; 3]) -> FeatureEncoder {
    encoder_of(&schema(values))
}

fn engine<'a>(model: &'a TwoTower, train: &TrainSection) -> Engine<'a> {
    Engine::new(&model.layout, Objective::Bce, train)
}

/// A model, and a checkpoint in which every number that the optimizer remembers is another one.
fn write_earlier(folder: &Path, train: &TrainSection) -> (TwoTower, WarmStart) {
    let encoder = encoder(EARLIER);
    let model = TwoTower::new(&model(), &encoder, 1);
    model.save(&RealVfs, &folder.join("model.safetensors"), &encoder).unwrap();
    write_file(&RealVfs, &folder.join("features.json"), encoder.to_json().as_bytes()).unwrap();
    let mut engine = engine(&model, train);
    fill_as_stored(&mut engine);
    let made_from = serde_json::json!({ "train": { "optimizer": train.optimizer } });
    let checkpoints = Checkpoints { vfs: &RealVfs, folder: folder.join(CHECKPOINTS_FOLDER), made_from, keep: 1 };
    let state = serde_json::json!({ "steps": STEPS - 3, "before": 3 });
    checkpoints.save("step-000000000010-judged", None, &state, &engine.memory()).unwrap();
    let checkpoint = checkpoints.folder.join("step-000000000010-judged");
    let start = WarmStart {
        name: "2026-11-19".into(),
        model: folder.join("model.safetensors"),
        features: folder.join("features.json"),
        sha256: checksum(&RealVfs, &checkpoint).unwrap().unwrap(),
        checkpoint,
    };
    (model, start)
}

/// What is remembered, by name; engines of the earlier and of the later model.
fn memory(engine: &Engine<'_>) -> Vec<(String, Vec<f32>)> {
    engine.memory().into_iter().map(|(name, pieces)| (name, pieces.concat())).collect()
}

#[test]
fn rows_keep_parameters_and_memory_by_their_value_and_new_ones_are_as_the_seed_made_them() {
    let row_wise =
        OptimizerSection::Adagrad(AdagradSection { row_wise: true, initial: 0.5, ..AdagradSection::default() });
    for optimizer in [OptimizerSection::default(), row_wise] {
        let train = TrainSection { optimizer, ..TrainSection::default() };
        let (folder, heard) = (tempfile::tempdir().unwrap(), Heard::default());
        let (earlier, start) = write_earlier(folder.path(), &train);
        let later = encoder(LATER);
        let (mut now, fresh) = (TwoTower::new(&model(), &later, 2), TwoTower::new(&model(), &later, 2));
        let untouched = memory(&engine(&fresh, &train));
        let layout = now.clone();
        let mut own = engine(&layout, &train);
        let target = Target { encoder: &later, model: &mut now, engine: &mut own };
        assert_eq!(start.begin((&RealVfs, &heard), &train, target).unwrap(), STEPS);
        assert_eq!((own.steps(), &now.parameters.dense), (STEPS, &earlier.parameters.dense));
        let mut before = engine(&earlier, &train);
        fill_as_stored(&mut before);
        let stored = memory(&before);
        // (table, its rows, which row of the earlier one each was).
        let all = [Some(0), Some(1), Some(2)];
        let items = [Some(2), None, Some(0), None];
        let hashed: Vec<Option<usize>> = (0..9).map(Some).collect();
        let rows: [&[Option<usize>]; 5] = [&items, &hashed, &[Some(1)], &all, &items];
        let names = ["item.id", "item.genre", "user.user", "user.age", "history.seen.id"];
        for (table, (name, rows)) in names.into_iter().zip(rows).enumerate() {
            assert_eq!(now.layout.tables[table].name, format!("embedding.{name}"));
            for (row, found) in rows.iter().enumerate() {
                let of = |model: &TwoTower, row: usize| model.parameters.tables[table][row * 8..][..8].to_vec();
                let expected = found.map_or_else(|| of(&fresh, row), |found| of(&earlier, found));
                assert_eq!(of(&now, row), expected, "{name}, row {row}");
            }
            for (slot, (name, remembered)) in memory(&own).iter().enumerate().skip(2 * table).take(2) {
                let width = remembered.len() / rows.len();
                for (row, found) in rows.iter().enumerate() {
                    let of = |all: &[(String, Vec<f32>)], row: usize| all[slot].1[row * width..][..width].to_vec();
                    let expected = found.map_or_else(|| of(&untouched, row), |found| of(&stored, found));
                    assert_eq!(remembered[row * width..][..width], expected, "{name}, row {row}");
                }
            }
        }
        assert_eq!(memory(&own)[10..], stored[10..], "dense parameters");
        assert!(heard.lines().contains(&"embedding.item.id: 2 rows kept, 2 new, 1 gone".to_owned()));
    }
}

/// Another number for everything that is remembered.
fn fill_as_stored(engine: &mut Engine<'_>) {
    let mut number = 0.0;
    for piece in engine.memory_mut().into_iter().flat_map(|(_, pieces)| pieces) {
        piece.fill_with(|| {
            number += 1.0;
            number
        });
    }
}

/// Starts a model of these features and sections from the earlier one, and says why it cannot.
fn refused(features: &FeatureEncoder, section: &ModelSection, train: &TrainSection) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (_, start) = write_earlier(folder.path(), &TrainSection::default());
    refusal(&start, features, section, train)
}

fn refusal(start: &WarmStart, features: &FeatureEncoder, section: &ModelSection, train: &TrainSection) -> String {
    let mut now = TwoTower::new(section, features, 2);
    let layout = now.clone();
    let target = Target { encoder: features, model: &mut now, engine: &mut engine(&layout, train) };
    let error = start.begin((&RealVfs, &Silent), train, target).unwrap_err();
    assert!(matches!(error, ModelError::Unstartable { .. }), "{error}");
    format!("{error}; {}", error.hint().unwrap())
}

#[test]
fn other_shapes_inputs_buckets_and_optimizers_are_refused_with_both_sides_and_a_next_step() {
    let (train, same) = (TrainSection::default(), encoder(LATER));
    let wider = ModelSection { user_tower: TowerSection { hidden: vec![12, 16], ..model().user_tower }, ..model() };
    let longer = ModelSection { embedding_dimension: 4, ..model() };
    let dot = ModelSection { score: Score::Dot, ..model() };
    let gelu = TowerSection { activation: Activation::Gelu, ..model().user_tower };
    let bent = ModelSection { user_tower: gelu, ..model() };
    let adagrad = TrainSection { optimizer: OptimizerSection::Adagrad(AdagradSection::default()), ..train.clone() };
    let other_inputs = encoder_of(&schema(LATER).replace("\"age\"", "\"years\""));
    let buckets = encoder(["[\"v\"]", "10", "[\"a\"]"]);
    let cases = [
        (
            refused(&same, &wider, &train),
            "tensor `user_tower.0.weight` has shape [24, 16] in it, and has shape [24, 12]",
        ),
        (refused(&same, &longer, &train), "a row of tensor `embedding.item.id` has shape [8] in it, and has shape [4]"),
        (
            refused(&same, &dot, &train),
            "its `model.score` is the default, and that of the config \"dot\"; keep `[model]` as it was",
        ),
        (
            refused(&same, &bent, &train),
            "its `model.user_tower.activation` is the default, and that of the config \"gelu\"; keep `[model]` as it was",
        ),
        (refused(&same, &model(), &adagrad), "holds what Adam remembers, not Adagrad; keep `train.optimizer`"),
        (
            refused(&other_inputs, &model(), &train),
            "reads user, age, seen of id, and that of the config reads user, years",
        ),
        (
            refused(&buckets, &model(), &train),
            "feature `genre` had 9 buckets, and has 10 buckets in the config; keep buckets",
        ),
    ];
    for (text, part) in cases {
        assert!(text.contains(part) && text.contains("2026-11-19"), "`{part}` is not in {text}");
        assert!(text.contains("or train anew"), "{text}");
    }
}

#[test]
fn a_checkpoint_that_is_gone_or_another_and_features_made_anew_are_refused() {
    let (train, later) = (TrainSection::default(), encoder(LATER));
    let folder = tempfile::tempdir().unwrap();
    let (_, start) = write_earlier(folder.path(), &train);
    let other = WarmStart { sha256: "0".into(), ..start.clone() };
    let gone = WarmStart { checkpoint: folder.path().join("step-1"), ..start.clone() };
    for start in [other, gone] {
        let text = refusal(&start, &later, &model(), &train);
        assert!(
            text.contains("is not there any more; start from a later run") && text.contains("retention.runs"),
            "{text}"
        );
    }
    write_file(&RealVfs, &start.features, encoder(LATER).to_json().as_bytes()).unwrap();
    let text = refusal(&start, &later, &model(), &train);
    assert!(text.contains("its samples were made anew since it was trained; train that run again"), "{text}");
}

/// A run of the small world that starts from another one.
fn run(
    folder: &Path,
    start: Option<&WarmStart>,
    threads: usize,
    (watcher, fresh): (&Watcher, bool),
) -> Result<TrainReport> {
    let samples = write_samples(folder, false);
    let context = TrainContext { stop: &watcher.stop, start, fresh, ..context(watcher, threads) };
    train(&context, &settings(section(), false), &samples, folder, Some(&judge))
}

fn start_of(folder: &TempDir, report: &TrainReport) -> WarmStart {
    let own = report.provenance.clone().unwrap();
    let (model, features) = (report.model.clone(), folder.path().join("samples/features.json"));
    WarmStart {
        name: "day one".into(),
        model,
        features,
        checkpoint: folder.path().join(own.checkpoint),
        sha256: own.sha256,
    }
}

#[test]
fn a_warm_run_repeats_to_the_byte_wherever_it_is_stopped_and_names_what_it_came_from() {
    let first = tempfile::tempdir().unwrap();
    let cold = run(first.path(), None, 2, (&Watcher::default(), false)).unwrap();
    let start = start_of(&first, &cold);
    let undisturbed = tempfile::tempdir().unwrap();
    let warm = run(undisturbed.path(), Some(&start), 1, (&Watcher::default(), false)).unwrap();
    assert!(warm.epochs[0].loss < cold.epochs[0].loss, "it has learnt before");
    let (before, now) = (cold.provenance.unwrap(), warm.provenance.clone().unwrap());
    let own = warm.epochs[warm.kept_epoch as usize - 1].steps;
    assert_eq!(
        (now.steps, now.started_from.as_ref().unwrap().sha256.as_str()),
        (before.steps + own, &before.sha256[..])
    );
    let expected = bytes(&warm);
    for (steps, threads) in [(1, 4), (5, 2), (6, 8), (11, 1)] {
        let folder = tempfile::tempdir().unwrap();
        let watcher = Watcher::after(steps + (steps - 1) / 6);
        let stopped = run(folder.path(), Some(&start), threads, (&watcher, false)).unwrap_err();
        assert!(matches!(stopped, ModelError::Stopped { .. }), "{stopped}");
        let again = Watcher::default();
        let report = run(folder.path(), Some(&start), 9 - threads, (&again, false)).unwrap();
        assert!(again.said("goes on from the checkpoint") && !again.said("starts from"));
        assert!(bytes(&report) == expected && report.provenance == warm.provenance, "stopped after step {steps}");
    }
    let renamed = WarmStart { name: "a bundle of it".into(), ..start.clone() };
    let folder = undisturbed.path();
    assert!(run(folder, Some(&renamed), 1, (&Watcher::default(), false)).unwrap().outcome.is_skipped());
    assert!(!run(folder, None, 1, (&Watcher::default(), false)).unwrap().outcome.is_skipped(), "without it, anew");
}

#[test]
fn fresh_begins_with_the_first_step_and_makes_the_same_bytes() {
    let (folder, undisturbed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = bytes(&run(undisturbed.path(), None, 1, (&Watcher::default(), false)).unwrap());
    run(folder.path(), None, 1, (&Watcher::after(5), false)).unwrap_err();
    let again = Watcher::default();
    let report = run(folder.path(), None, 1, (&again, true)).unwrap();
    assert!(!again.said("goes on") && bytes(&report) == expected);
}
