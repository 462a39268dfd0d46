//! A small sealed bundle: published atomically, opened whole, refused when anything in it was changed.

use super::*;
use crate::check::Faults;
use crate::clock::FixedClock;
use crate::embedding::EmbeddingTable;
use crate::encode::{EncodedRows, FeatureEncoder, Fitted, Raw};
use crate::history::HistoryRows;
use crate::items::ItemTable;
use crate::query::{QueryBatch, QueryEncoder};
use crate::schema::FeatureSchema;
use crate::table::write_table;
use crate::vfs::{RealVfs, files_below, write_file};
use crate::{CoreError, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

struct FakeTower(usize);

impl QueryEncoder for FakeTower {
    fn dimension(&self) -> usize {
        self.0
    }

    fn encode(&self, _queries: &QueryBatch<'_>, vectors: &mut [f32]) -> Result<()> {
        vectors.fill(0.0);
        Ok(())
    }
}

/// The fake model file holds its dimension as text.
fn load(path: &Path, _: &FeatureEncoder, _: Arc<ItemTable>) -> Result<Box<dyn QueryEncoder>> {
    let text = fs::read_to_string(path).map_err(|error| CoreError::io(path, error))?;
    let dimension = text.parse().map_err(|_| CoreError::damaged(path, "not a number"))?;
    Ok(Box::new(FakeTower(dimension)))
}

fn open(folder: &Path) -> Result<Bundle> {
    Bundle::open(folder, &load)
}

fn encoder() -> FeatureEncoder {
    let json = r#"[{"name": "city", "side": "user", "kind": "hash", "buckets": 9},
                   {"name": "id", "side": "item", "kind": "hash", "buckets": 9}]"#;
    let schema = FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut Faults::default()).unwrap();
    FeatureEncoder::new(schema, Fitted::default()).unwrap()
}

/// Fills a draft folder; `mark` makes its content differ.
fn fill(folder: &Path, mark: f32) {
    let (encoder, ids) = (encoder(), ["a", "b", "c"].map(String::from).to_vec());
    let mut rows = EncodedRows { ..encoder.empty_item_rows() };
    ids.iter().for_each(|id| encoder.encode_item(&[Raw::Text(id)], &mut rows).unwrap());
    let histories =
        HistoryRows { users: vec!["ann".into()], offsets: vec![0, 1], items: vec![2], times: vec![5], raw: vec![] };
    fs::create_dir_all(folder.join(file::CHANNELS)).unwrap();
    write_file(&RealVfs, &folder.join(file::FEATURES), encoder.to_json().as_bytes()).unwrap();
    write_table(&RealVfs, &folder.join(file::ITEMS), &ItemTable::batch(&ids, &[1, 2, 3], rows, &encoder).unwrap())
        .unwrap();
    write_table(&RealVfs, &folder.join(file::HISTORIES), &histories.into_batch().unwrap()).unwrap();
    write_file(&RealVfs, &folder.join(file::MODEL), b"2").unwrap();
    let vectors = EmbeddingTable::new(ids, 2, vec![1.0, 0.0, 0.0, 1.0, 0.5, mark]).unwrap();
    vectors.write_raw(&RealVfs, &folder.join(file::ITEM_EMBEDDINGS)).unwrap();
    let golden = Golden { instruction_set: "portable".into(), cases: vec![] };
    crate::stage::write_json(&RealVfs, &folder.join(file::GOLDEN), &golden).unwrap();
    write_file(&RealVfs, &folder.join(file::CHANNELS).join("popular.json"), b"{}").unwrap();
}

fn draft(folder: &Path) -> Draft {
    Draft {
        folders: vec![folder.to_owned()],
        date: "2026-11-20".into(),
        features_fingerprint: encoder().fingerprint(),
        dimension: 2,
        items: 3,
        users: 1,
        checkpoint: "2026-11-20/epoch-1".into(),
        seed: 1,
    }
}

fn published(base: &Path, mark: f32) -> PathBuf {
    let folder = base.join(format!("draft-{mark}"));
    fill(&folder, mark);
    let id = publish(&RealVfs, &FixedClock(1), base, &draft(&folder)).unwrap();
    bundles_folder(base).join(id)
}

#[test]
fn a_bundle_is_published_opened_and_pointed_at() {
    let base = tempfile::tempdir().unwrap();
    let folder = published(base.path(), 0.5);
    let bundle = open(&folder).unwrap();
    assert!(bundle.id().starts_with("2026-11-20-") && bundle.id().len() == 19, "{}", bundle.id());
    assert_eq!((bundle.items().len(), bundle.histories().len(), bundle.item_embeddings().dimension), (3, 1, 2));
    assert_eq!(current(&RealVfs, base.path()).unwrap(), None);
    set_current(&RealVfs, base.path(), bundle.id()).unwrap();
    assert_eq!(current(&RealVfs, base.path()).unwrap().as_deref(), Some(bundle.id()));
    assert!(set_current(&RealVfs, base.path(), "2026-11-20-00000000").is_err(), "no such bundle");
    assert!(set_current(&RealVfs, base.path(), "../draft").is_err(), "not an id");
}

#[test]
fn the_id_is_made_of_the_content_and_not_of_the_time() {
    let base = tempfile::tempdir().unwrap();
    let first = published(base.path(), 0.5);
    let again = publish(&RealVfs, &FixedClock(99), base.path(), &draft(&base.path().join("draft-0.5")));
    assert!(matches!(again, Err(CoreError::Exists { path }) if path == first));
    assert_ne!(published(base.path(), 0.25), first);
}

/// Refused, without a panic, and the error names a file of the bundle.
fn refused(folder: &Path, what: &str) {
    let error = open(folder).err().unwrap_or_else(|| panic!("opened with {what}"));
    assert!(
        matches!(error, CoreError::Damaged { .. } | CoreError::Mismatch { .. } | CoreError::Io { .. }),
        "{what}: {error}"
    );
}

#[test]
fn a_changed_byte_and_a_cut_are_refused_in_every_file() {
    let base = tempfile::tempdir().unwrap();
    let folder = published(base.path(), 0.5);
    for name in files_below(&RealVfs, &folder).unwrap() {
        let path = folder.join(&name);
        let whole = fs::read(&path).unwrap();
        // The text of the manifest is tried byte by byte; the other files, which their checksums guard, at every 13th.
        let step = if name == Path::new(file::MANIFEST) { 1 } else { 13 };
        for position in (0..whole.len()).step_by(step) {
            let mut damaged = whole.clone();
            damaged[position] ^= 0x20;
            let is_time = name == Path::new(file::MANIFEST)
                && serde_json::from_slice::<BundleManifest>(&damaged)
                    .is_ok_and(|manifest| manifest.created_micros != 1);
            let is_blank = whole[position].is_ascii_whitespace() || damaged[position].is_ascii_whitespace();
            if !(is_time || name == Path::new(file::MANIFEST) && is_blank) {
                fs::write(&path, &damaged).unwrap();
                refused(&folder, &format!("byte {position} of {} changed", name.display()));
            }
            fs::write(&path, &whole[..position]).unwrap();
            if !(name == Path::new(file::MANIFEST) && position == whole.len() - 1) {
                refused(&folder, &format!("{} cut at {position}", name.display()));
            }
        }
        fs::remove_file(&path).unwrap();
        refused(&folder, &format!("{} gone", name.display()));
        fs::write(&path, &whole).unwrap();
    }
    assert!(open(&folder).is_ok(), "whole again");
}

#[test]
fn files_of_several_stages_make_one_bundle_and_no_name_is_taken_twice() {
    let base = tempfile::tempdir().unwrap();
    let (folder, report) = (base.path().join("draft"), base.path().join("report"));
    fill(&folder, 0.5);
    fs::create_dir_all(&report).unwrap();
    fs::write(report.join(file::REPORT), "{}").unwrap();
    fs::write(report.join(file::MANIFEST), "of a stage").unwrap();
    let joined = Draft { folders: vec![folder.clone(), report.clone()], ..draft(&folder) };
    let id = publish(&RealVfs, &FixedClock(1), base.path(), &joined).unwrap();
    let sealed = bundles_folder(base.path()).join(id);
    assert!(open(&sealed).is_ok() && sealed.join(file::REPORT).is_file());
    fs::write(report.join(file::MODEL), "2").unwrap();
    assert!(matches!(publish(&RealVfs, &FixedClock(1), base.path(), &joined), Err(CoreError::Exists { .. })));
}

#[test]
fn files_of_another_bundle_and_foreign_files_are_refused() {
    let base = tempfile::tempdir().unwrap();
    let (folder, other) = (published(base.path(), 0.5), published(base.path(), 0.25));
    for name in [file::ITEM_EMBEDDINGS, file::MANIFEST] {
        let own = fs::read(folder.join(name)).unwrap();
        fs::copy(other.join(name), folder.join(name)).unwrap();
        refused(&folder, &format!("{name} of another bundle"));
        fs::write(folder.join(name), own).unwrap();
    }
    fs::write(folder.join("extra"), "x").unwrap();
    refused(&folder, "a file that is not listed");
}

#[test]
fn parts_that_do_not_fit_each_other_are_refused_even_with_right_checksums() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("draft");
    fill(&folder, 0.5);
    let seal = |draft: Draft| {
        bundles_folder(base.path()).join(publish(&RealVfs, &FixedClock(1), base.path(), &draft).unwrap())
    };
    refused(&seal(Draft { features_fingerprint: "other".into(), ..draft(&folder) }), "another encoder");
    refused(&seal(Draft { dimension: 3, ..draft(&folder) }), "another dimension");
    refused(&seal(Draft { users: 7, ..draft(&folder) }), "another number of users");
    write_file(&RealVfs, &folder.join(file::MODEL), b"5").unwrap();
    refused(&seal(draft(&folder)), "a tower of another dimension");
}

#[test]
fn ids_that_could_be_paths_are_refused() {
    for id in ["", ".", "..", "a/b", "a\\b", "-a", ".a", "a b", "ä", &"a".repeat(65)] {
        assert!(check_bundle_id(id).is_err(), "{id:?}");
    }
    assert!(check_bundle_id(&"a".repeat(64)).is_ok());
}
