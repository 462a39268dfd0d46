//! The towers as ONNX graphs. The fixtures were checked with onnx and onnxruntime; `deploy/onnx/check.py` does it again, also
//! for every encoder in the long test.

use super::world::{World, encoder, model};
use crate::config::{Activation, CrossSection, EncoderSection, ModelSection, Score, TowerSection};
use crate::model::TwoTower;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names of the files of a model; the last one holds rows and vectors.
const FILES: [&str; 3] = ["user_tower.onnx", "item_tower.onnx", "examples.json"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/onnx")
}

/// A model of the small world whose histories `seen` and `genres` have these encoders.
fn section(encoders: &[Value]) -> ModelSection {
    let encoders = encoders.iter().map(|own| serde_json::from_value::<EncoderSection>(own.clone()).unwrap()).collect();
    ModelSection { encoders, ..model() }
}

fn attention(norm: &str, positions: &str, causal: bool, output: &str) -> Value {
    json!({"kind": "self_attention", "feature": "seen", "blocks": 2, "heads": 2, "inner": 12, "norm": norm,
        "positions": positions, "causal": causal, "output": output})
}

fn checked_in_fixtures() -> ModelSection {
    section(&[attention("first", "age", true, "last"), json!({"kind": "gru", "feature": "genres"})])
}

/// Numbers of every size, so that nothing hides behind the small ones of a new model.
fn grown(section: &ModelSection) -> TwoTower {
    let mut model = TwoTower::new(section, &encoder(), 7);
    let tables = model.parameters.tables.iter_mut().flat_map(|table| table.iter_mut());
    tables
        .chain(&mut model.parameters.dense)
        .enumerate()
        .for_each(|(number, own)| *own += ((number % 7) as f32 - 3.0) / 20.0);
    model
}

/// The bytes of [`FILES`].
fn files(section: &ModelSection) -> [Vec<u8>; 3] {
    let (model, world) = (grown(section), World::new(false));
    let [user, item] = model.to_onnx(&encoder(), &world.items, &model.about(&encoder(), "2026-11-20")).unwrap();
    let rows = (&world.train.tables()[0], &world.histories);
    let examples = model.examples(&encoder(), &world.items, rows).unwrap();
    [user, item, serde_json::to_vec(&examples).unwrap()]
}

fn write(folder: &Path, section: &ModelSection) {
    for (name, bytes) in FILES.into_iter().zip(files(section)) {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// All numbers below a value.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(entries) => entries.values().flat_map(numbers).collect(),
        Value::Number(number) => number.as_f64().into_iter().collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => Vec::new(),
    }
}

#[test]
fn an_encoder_without_a_form_is_refused_by_name() {
    let gaps = json!({"kind": "self_attention", "feature": "seen", "time_gaps": true});
    let of_kind = |kind: &str| (json!({"kind": kind, "feature": "seen"}), kind.to_owned());
    let refused = ["din", "dien", "interests"].map(of_kind).into_iter().chain([(gaps, "time gaps".into())]);
    for (own, kind) in refused {
        let tower = grown(&section(&[own]));
        let world = World::new(false);
        let error = tower.to_onnx(&encoder(), &world.items, "{}").unwrap_err().to_string();
        assert!(error.contains("history.seen") && error.contains(&kind), "{error}");
    }
}

#[test]
fn graphs_have_the_bytes_that_onnxruntime_was_asked_about_and_rows_the_vectors() {
    let [user, item, examples] = files(&checked_in_fixtures());
    let stored = FILES.map(|name| std::fs::read(fixtures().join(name)).unwrap());
    assert!(user == stored[0] && item == stored[1], "the graphs differ: write the fixtures, then check them again");
    let [found, expected] = [&examples, &stored[2]].map(|json| numbers(&serde_json::from_slice(json).unwrap()));
    let furthest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(found.len() == expected.len() && found.len() > 2000 && furthest < 1e-5, "{furthest}");
}

/// The model of the small world with the dot product.
fn dot() -> ModelSection {
    ModelSection { score: Score::Dot, ..section(&[]) }
}

#[test]
fn the_graph_of_a_dot_product_leaves_the_division_by_the_length_out() {
    let holds = |section: &ModelSection, word: &[u8]| files(section)[1].windows(word.len()).any(|own| own == word);
    assert!(holds(&section(&[]), b"Sqrt") && !holds(&dot(), b"Sqrt"));
    assert!(holds(&dot(), br#""score":"dot""#) && !holds(&section(&[]), br#""score""#), "it says so in its metadata");
}

#[test]
#[ignore = "writes the fixtures: check them with deploy/onnx/check.py then"]
fn write_the_fixtures() {
    write(&fixtures(), &checked_in_fixtures());
}

#[test]
#[ignore = "long: needs a Python with onnx and onnxruntime, named by TWINSPIRE_ONNX"]
fn onnxruntime_gives_the_vectors_of_every_encoder() {
    let python = std::env::var("TWINSPIRE_ONNX").expect("TWINSPIRE_ONNX names a Python with onnx and onnxruntime");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/onnx/check.py");
    let linear = TowerSection { hidden: vec![], ..model().user_tower };
    let recency = |feature: &str| json!({"kind": "recency", "feature": feature, "half_life": 2.0});
    let cross = |rank| Some(CrossSection { layers: 2, rank });
    let crossed = ModelSection {
        user_tower: TowerSection { cross: cross(None), ..model().user_tower },
        item_tower: TowerSection { cross: cross(Some(3)), hidden: vec![], ..model().item_tower },
        ..section(&[])
    };
    let mut bent = attention("first", "age", true, "last");
    bent["activation"] = "gelu".into();
    let of_gelu = TowerSection { activation: Activation::Gelu, ..model().user_tower };
    let sections = [
        dot(),
        crossed,
        ModelSection { user_tower: of_gelu, ..section(&[bent]) },
        section(&[]),
        ModelSection { user_tower: linear, ..section(&[]) },
        checked_in_fixtures(),
        section(&[attention("last", "order", true, "mean"), recency("genres")]),
        section(&[attention("first", "none", false, "mean")]),
        section(&[attention("last", "age", false, "last"), json!({"kind": "gru", "feature": "genres"})]),
        section(&[json!({"kind": "gru", "feature": "seen"}), recency("genres")]),
        section(&[recency("seen")]),
    ];
    for section in sections {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &section);
        let output = Command::new(&python).arg(&script).arg(folder.path()).output().unwrap();
        assert!(output.status.success(), "{section:?}: {output:?}");
    }
}
