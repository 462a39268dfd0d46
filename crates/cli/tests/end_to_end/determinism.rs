//! The same seed, config and data give the same bytes at any thread count; another seed gives another model.

use crate::world::{DATE, published, reply};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use twinspire_core::stage::{MANIFEST, records_below};
use twinspire_core::vfs::RealVfs;

/// A run in a folder of its own.
struct Made {
    base: TempDir,
    reply: Value,
}

fn run(words: &[&str]) -> Made {
    let base = TempDir::new().unwrap();
    let own = ["run", "--base-dir", base.path().to_str().unwrap()];
    let reply = reply(published().folder(), &[&own, words].concat());
    Made { base, reply }
}

impl Made {
    fn bundle_id(&self) -> &str {
        self.reply["bundle"]["bundle_id"].as_str().unwrap()
    }

    /// Checksums of the files of the run, by path; of a manifest, everything but the time and the place of its inputs.
    /// Events of TensorBoard hold times, too, and are nobody's input.
    fn contents(&self) -> BTreeMap<String, String> {
        let folder = self.base.path().join("runs").join(DATE);
        let records = records_below(&RealVfs, &folder).unwrap();
        let (manifests, data): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.path.ends_with(MANIFEST));
        let data = data.into_iter().filter(|record| !record.path.starts_with("tensorboard/"));
        let data = data.map(|record| (record.path, record.sha256));
        data.chain(manifests.into_iter().map(|record| (record.path.clone(), timeless(&folder.join(&record.path)))))
            .collect()
    }
}

fn timeless(path: &Path) -> String {
    let mut manifest: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("finished_micros").expect("a manifest has a time");
    for input in manifest["inputs"].as_array_mut().unwrap() {
        input.as_object_mut().unwrap().remove("path");
    }
    manifest.to_string()
}

#[test]
fn one_to_eight_threads_make_the_same_bytes_and_the_same_bundle() {
    let one = run(&["--threads", "1"]);
    let expected = one.contents();
    let stages =
        ["interactions", "samples", "train/model.safetensors", "train/metrics.jsonl", "embeddings", "draft", "report"];
    for stage in stages {
        assert!(expected.keys().any(|path| path.starts_with(stage)), "{stage} is compared");
    }
    for threads in ["2", "4", "8"] {
        let more = run(&["--threads", threads]);
        let found = more.contents();
        let differs: Vec<_> = expected.iter().filter(|(path, content)| found.get(*path) != Some(content)).collect();
        assert!(differs.is_empty() && found.len() == expected.len(), "{threads} threads: {differs:#?}");
        assert_eq!(more.bundle_id(), one.bundle_id());
    }
    assert_eq!(published().bundle_id(), one.bundle_id());
}

#[test]
fn another_seed_makes_another_model_from_the_same_interactions() {
    let (first, other) = (run(&[]).contents(), run(&["--seed", "43"]));
    let found = other.contents();
    let is_equal = |path: &str| first[path] == found[path];
    assert!(is_equal("interactions/accounts.json") && is_equal("interactions/window.json"));
    assert!(!is_equal("train/model.safetensors") && !is_equal("embeddings/items.f32"));
    assert_ne!(other.bundle_id(), published().bundle_id());
}
