//! Bytes against those of TensorBoard's own library, and files that are cut.

use super::event::{Value, What};
use super::files::EventFile;
use super::graph::Node;
use super::{graph_def, svg};
use crate::histogram::Histogram;
use crate::model::TwoTower;
use crate::tests::world::{dot_model, encoder};
use std::path::Path;
use twinspire_core::clock::FixedClock;
use twinspire_core::vfs::{MemoryVfs, Vfs, write_file};

/// See fixtures/tensorboard/make_events.py.
const GOLDEN: &[u8] = include_bytes!("../../../../fixtures/tensorboard/golden.tfevents");
const WORDS: &str = include_str!("../../../../fixtures/tensorboard/golden.json");

const FOLDER: &str = "/run/train";

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn histogram(words: &serde_json::Value) -> Histogram {
    let [min, max, count, sum, squares] =
        ["min", "max", "num", "sum", "sum_squares"].map(|name| words[name].as_f64().unwrap());
    let (limits, counts) = (numbers(&words["bucket_limit"]), numbers(&words["bucket"]));
    Histogram { min, max, count, sum, squares, limits, counts }
}

fn nodes(words: &serde_json::Value) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for node in words.as_array().unwrap() {
        let text = |cell: usize| node[cell].as_str().unwrap().to_owned();
        let size = |cell: usize| node[cell].as_u64().unwrap() as usize;
        let input = |name: &serde_json::Value| nodes.iter().position(|node| *name == *node.name).unwrap();
        let inputs = node[2].as_array().unwrap().iter().map(input).collect();
        nodes.push(Node { name: text(0), op: text(1), detail: text(5), parameters: size(4), width: size(3), inputs });
    }
    nodes
}

/// Names of the files of the folder, with their bytes.
fn files(vfs: &dyn Vfs) -> Vec<(String, Vec<u8>)> {
    let names = vfs.list(Path::new(FOLDER)).unwrap();
    let read = |name: &std::path::PathBuf| vfs.read(&Path::new(FOLDER).join(name)).unwrap();
    names.iter().map(|name| (name.to_string_lossy().into_owned(), read(name))).collect()
}

#[test]
fn the_bytes_are_those_of_the_library_of_tensorboard() {
    let words: serde_json::Value = serde_json::from_str(WORDS).unwrap();
    let clock = FixedClock((words["wall_time"].as_f64().unwrap() * 1e6) as i64);
    let vfs = MemoryVfs::default();
    let mut file = EventFile::begin((&vfs, &clock), Path::new(FOLDER), Some(299)).unwrap();
    let scalars = words["scalars"].as_array().unwrap().iter();
    let scalars: Vec<(String, Value<'_>)> =
        scalars.map(|pair| (pair[0].as_str().unwrap().to_owned(), Value::Scalar(pair[1].as_f64().unwrap()))).collect();
    file.push(300, &What::Values(&scalars)).unwrap();
    let weights = histogram(&words["histogram"]);
    file.push(70_000, &What::Values(&[("weights/head".into(), Value::Histogram(&weights))])).unwrap();
    file.push(0, &What::Graph(&graph_def::graph_def(&nodes(&words["nodes"])))).unwrap();
    drop(file);
    let [(name, bytes)] = &files(&vfs)[..] else { panic!("one file") };
    assert_eq!(name, "events.out.tfevents.1700000000.twinspire.0000");
    assert!(bytes == GOLDEN, "{}\n{}", String::from_utf8_lossy(bytes), String::from_utf8_lossy(GOLDEN));
}

/// A file of scalars of these steps.
fn write(vfs: &MemoryVfs, seconds: i64, last: Option<u64>, steps: std::ops::RangeInclusive<u64>) {
    let clock = FixedClock(seconds * 1_000_000);
    let mut file = EventFile::begin((vfs, &clock), Path::new(FOLDER), last).unwrap();
    steps.for_each(|step| file.push(step, &What::Values(&[("loss".into(), Value::Scalar(0.5))])).unwrap());
    file.sync().unwrap();
}

/// Steps of the events of all files, in the order of their names.
fn steps(vfs: &MemoryVfs) -> Vec<Vec<u64>> {
    let steps_of = |bytes: &[u8]| {
        let (mut steps, mut at) = (Vec::new(), 0);
        while let Some(record) = twinspire_core::tfrecord::front_record(&bytes[at..]) {
            steps.push(super::event::step_of(record));
            at += record.len() + twinspire_core::tfrecord::HEAD + twinspire_core::tfrecord::TAIL;
        }
        assert_eq!(at, bytes.len(), "no byte is left over");
        steps
    };
    files(vfs).iter().map(|(_, bytes)| steps_of(bytes)).collect()
}

#[test]
fn a_run_that_goes_on_cuts_off_later_steps_and_half_records() {
    let vfs = MemoryVfs::default();
    write(&vfs, 100, None, 1..=9);
    let (name, mut bytes) = files(&vfs).remove(0);
    bytes.truncate(bytes.len() - 3);
    write_file(&vfs, &Path::new(FOLDER).join(&name), &bytes).unwrap();
    // A clock that was set back does not change the order of the files.
    write(&vfs, 50, Some(6), 7..=8);
    // Version and start, then the steps.
    assert_eq!(steps(&vfs), [vec![0, 0, 1, 2, 3, 4, 5, 6], vec![0, 7, 7, 8]]);
    let left_over = format!(".{}.staging", files(&vfs)[0].0);
    write_file(&vfs, &Path::new(FOLDER).join(left_over), b"half").unwrap();
    write(&vfs, 200, Some(4), 5..=5);
    assert_eq!(steps(&vfs), [vec![0, 0, 1, 2, 3, 4], vec![0], vec![0, 5, 5]]);
    let names: Vec<String> = files(&vfs).into_iter().map(|(name, _)| name).collect();
    let expected = ["0000000100.twinspire.0000", "0000000100.twinspire.0001", "0000000200.twinspire.0002"];
    assert_eq!(names, expected.map(|end| format!("events.out.tfevents.{end}")));
    // One that begins anew leaves nothing of an older one.
    write(&vfs, 300, None, 1..=1);
    assert_eq!(steps(&vfs), [[0, 0, 1]]);
}

#[test]
fn the_picture_has_a_box_for_each_layer_and_a_line_for_each_input() {
    let words: serde_json::Value = serde_json::from_str(WORDS).unwrap();
    let mut nodes = nodes(&words["nodes"]);
    nodes[0].name = "item_tower/<a & \"b\">".into();
    let picture = svg::svg(&nodes);
    // One more is the background.
    assert_eq!((picture.matches("<rect").count(), picture.matches("<path").count()), (nodes.len() + 1, 2));
    assert!(picture.contains("item_tower/&lt;a &amp; &quot;b&quot;&gt;: Embedding, 512 parameters"), "{picture}");
    assert!(picture.contains(">Linear 8 x 4<") && picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
}

#[test]
fn the_graph_of_a_dot_product_has_no_division_by_the_length() {
    let model = TwoTower::new(&dot_model(), &encoder(), 1);
    let nodes = super::graph::nodes(&model.layout, "bpr");
    let score = &nodes[nodes.len() - 2];
    let read: Vec<&str> = score.inputs.iter().map(|&input| nodes[input].name.as_str()).collect();
    assert_eq!((score.op.as_str(), read), ("Dot product", vec!["user_tower/2", "item_tower/2"]));
    assert!(!nodes.iter().any(|node| node.op == "Normalize"));
}
