//! Opening a bundle, whole or not at all.

use super::manifest::{BundleManifest, FORMAT, bundle_id, check_bundle_id, date_of};
use super::{Golden, file};
use crate::attribute::AttributeTable;
use crate::embedding::EmbeddingTable;
use crate::encode::FeatureEncoder;
use crate::history::Histories;
use crate::in_use::InUse;
use crate::items::ItemTable;
use crate::query::{Lookup, QueryEncoder};
use crate::stage::file_record;
use crate::vfs::{RealVfs, files_below};
use crate::{CoreError, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What scores: never taken apart, so a user tower cannot meet the item vectors of another model.
struct Parts {
    encoder: FeatureEncoder,
    items: Arc<ItemTable>,
    attributes: Option<AttributeTable>,
    histories: Histories,
    item_embeddings: EmbeddingTable,
    query_encoder: Box<dyn QueryEncoder>,
}

/// Everything that is served under one `bundle_id`.
pub struct Bundle {
    folder: PathBuf,
    manifest: BundleManifest,
    parts: Parts,
    golden: Golden,
    /// It is not taken away meanwhile; nothing where its file system has no locks.
    _in_use: Option<InUse>,
}

/// Makes the user tower from `model.safetensors`; the binary passes the model crate's function in.
pub type LoadQueryEncoder<'a> = &'a dyn Fn(&Path, &FeatureEncoder, Arc<ItemTable>) -> Result<Box<dyn QueryEncoder>>;

impl Bundle {
    /// Checks every checksum, the id, the fingerprint of the features, sizes and dimensions; then loads.
    ///
    /// # Errors
    /// [`CoreError::Damaged`] or [`CoreError::Mismatch`], naming the file; nothing is half open.
    pub fn open(folder: &Path, load: LoadQueryEncoder<'_>) -> Result<Self> {
        let in_use = InUse::of(&folder.join(file::MANIFEST)).ok();
        let manifest = read_manifest(folder)?;
        check_files(folder, &manifest)?;
        let parts = Parts::load(folder, load)?;
        check_parts(&manifest, &parts)?;
        let golden = read_json(&folder.join(file::GOLDEN))?;
        Ok(Self { folder: folder.to_owned(), manifest, parts, golden, _in_use: in_use })
    }

    /// Opens the unsealed files of a draft, to compute its golden set. It has the id `draft` and an empty golden set.
    ///
    /// # Errors
    /// As [`Bundle::open`], checksums aside.
    pub fn open_draft(folder: &Path, load: LoadQueryEncoder<'_>) -> Result<Self> {
        let parts = Parts::load(folder, load)?;
        let manifest = BundleManifest {
            format: FORMAT,
            bundle_id: "draft".into(),
            features_fingerprint: parts.encoder.fingerprint(),
            dimension: parts.item_embeddings.dimension,
            items: parts.items.len(),
            users: parts.histories.len(),
            checkpoint: String::new(),
            seed: 0,
            instruction_set: crate::stage::instruction_set().into(),
            files: Vec::new(),
            created_micros: 0,
        };
        check_parts(&manifest, &parts)?;
        let golden = Golden { instruction_set: manifest.instruction_set.clone(), cases: Vec::new() };
        Ok(Self { folder: folder.to_owned(), manifest, parts, golden, _in_use: None })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &BundleManifest {
        &self.manifest
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.manifest.bundle_id
    }

    /// The feature encoder.
    pub fn encoder(&self) -> &FeatureEncoder {
        &self.parts.encoder
    }

    /// The corpus.
    pub fn items(&self) -> &ItemTable {
        &self.parts.items
    }

    /// Attributes of the items, where some are declared.
    pub fn attributes(&self) -> Option<&AttributeTable> {
        self.parts.attributes.as_ref()
    }

    /// Histories and raw user features.
    pub fn histories(&self) -> &Histories {
        &self.parts.histories
    }

    /// The way from a query to what the user tower reads.
    pub fn lookup(&self) -> Lookup<'_> {
        let Parts { encoder, items, histories, .. } = &self.parts;
        Lookup { encoder, items, histories, needs_times: self.query_encoder().reads_times() }
    }

    /// Item vectors, one row an item of the corpus.
    pub fn item_embeddings(&self) -> &EmbeddingTable {
        &self.parts.item_embeddings
    }

    /// The user tower.
    pub fn query_encoder(&self) -> &dyn QueryEncoder {
        self.parts.query_encoder.as_ref()
    }

    /// The golden set.
    pub fn golden(&self) -> &Golden {
        &self.golden
    }
}

impl Parts {
    fn load(folder: &Path, load: LoadQueryEncoder<'_>) -> Result<Self> {
        let features = folder.join(file::FEATURES);
        let encoder = FeatureEncoder::from_json(&features, &read_text(&features)?)?;
        let items = Arc::new(ItemTable::open(&folder.join(file::ITEMS), &encoder)?);
        let attributes = folder.join(file::ATTRIBUTES);
        let ids = (0..items.len() as u32).map(|row| items.id(row).to_owned()).collect();
        Ok(Self {
            attributes: attributes.exists().then(|| AttributeTable::open(&attributes)).transpose()?,
            histories: Histories::open(&folder.join(file::HISTORIES), items.len())?,
            item_embeddings: EmbeddingTable::read_raw(&folder.join(file::ITEM_EMBEDDINGS), ids)?,
            query_encoder: load(&folder.join(file::MODEL), &encoder, items.clone())?,
            encoder,
            items,
        })
    }
}

fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| CoreError::io(path, error))?;
    String::from_utf8(bytes).map_err(|_| CoreError::damaged(path, "not UTF-8"))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_str(&read_text(path)?).map_err(|error| CoreError::damaged(path, error.to_string()))
}

/// The manifest, if its format is known and its id fits its content and the folder's name.
fn read_manifest(folder: &Path) -> Result<BundleManifest> {
    let path = folder.join(file::MANIFEST);
    let manifest: BundleManifest = read_json(&path)?;
    if manifest.format != FORMAT {
        return Err(mismatch("format of the bundle", FORMAT, manifest.format));
    }
    check_bundle_id(&manifest.bundle_id).map_err(|error| CoreError::damaged(&path, error.to_string()))?;
    if bundle_id(date_of(&manifest.bundle_id), &manifest) != manifest.bundle_id {
        return Err(CoreError::damaged(&path, "its content does not fit its bundle id"));
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if name != manifest.bundle_id {
        return Err(mismatch("bundle id of the folder", &name, &manifest.bundle_id));
    }
    Ok(manifest)
}

/// Every listed file is there with its size and checksum, and no other file is.
fn check_files(folder: &Path, manifest: &BundleManifest) -> Result<()> {
    let mut found = files_below(&RealVfs, folder)?;
    found.retain(|name| name != Path::new(file::MANIFEST));
    for record in &manifest.files {
        let path = folder.join(&record.path);
        let listed = found.iter().position(|name| name == Path::new(&record.path));
        let Some(position) = listed else {
            return Err(CoreError::damaged(path, "it is listed in the manifest and not there"));
        };
        found.remove(position);
        if file_record(&path, record.path.clone())? != *record {
            return Err(CoreError::damaged(path, "its size or SHA-256 is not that of the manifest"));
        }
    }
    match found.first() {
        Some(extra) => Err(CoreError::damaged(folder.join(extra), "it is not listed in the manifest")),
        None => Ok(()),
    }
}

fn check_parts(manifest: &BundleManifest, parts: &Parts) -> Result<()> {
    let table = &parts.item_embeddings;
    let fingerprint = parts.encoder.fingerprint();
    let attributed = parts.attributes.as_ref().map_or(manifest.items, AttributeTable::items);
    if fingerprint != manifest.features_fingerprint {
        return Err(mismatch("fingerprint of the features", &manifest.features_fingerprint, &fingerprint));
    }
    let sizes = [
        ("length of the item vectors", manifest.dimension, table.dimension),
        ("length of the query vectors", manifest.dimension, parts.query_encoder.dimension()),
        ("number of items", manifest.items, parts.items.len()),
        ("number of items of the attributes", manifest.items, attributed),
        ("number of users", manifest.users, parts.histories.len()),
    ];
    for (what, expected, found) in sizes {
        if expected != found {
            return Err(mismatch(what, expected, found));
        }
    }
    Ok(())
}

fn mismatch(what: &str, expected: impl ToString, found: impl ToString) -> CoreError {
    CoreError::Mismatch { what: what.into(), expected: expected.to_string(), found: found.to_string() }
}
