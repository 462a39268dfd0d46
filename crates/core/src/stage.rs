//! How a stage writes its folder: under a temporary name, with a manifest, made visible by one rename; skipped when
//! settings and inputs are those of the folder that is there.

use crate::vfs::{Vfs, files_below, replace_folder, share_folder, write_file};
use crate::{CoreError, Result, clock::Clock};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Name of the manifest in a stage folder.
pub const MANIFEST: &str = "manifest.json";

/// Version of the manifest and of the tables beside it.
const FORMAT: u32 = 1;

/// A file with its checksum. Paths are relative for outputs, as given for inputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path with `/`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// What a stage folder holds and what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageManifest {
    /// Version of this format.
    pub format: u32,
    /// Name of the stage.
    pub stage: String,
    /// SHA-256 of the settings that matter to this stage and of the checksums of its inputs.
    pub fingerprint: String,
    /// Files it was made from.
    pub inputs: Vec<FileRecord>,
    /// Files it holds, the manifest aside.
    pub outputs: Vec<FileRecord>,
    /// Counts that the stage reports.
    pub rows: BTreeMap<String, u64>,
    /// The seed.
    pub seed: u64,
    /// `x86-64-v4`, `x86-64-v3`, `portable`: results are equal within one.
    pub instruction_set: String,
    /// Microseconds UTC; never part of a fingerprint or a checksum.
    pub finished_micros: i64,
}

/// What a stage is told.
#[derive(Clone, Copy)]
pub struct StageContext<'a> {
    /// Every durable write.
    pub vfs: &'a dyn Vfs,
    /// Every look at the time.
    pub clock: &'a dyn Clock,
    /// The seed of the run.
    pub seed: u64,
}

/// Settings and inputs of a stage.
#[derive(Debug, Clone)]
pub struct StageKey {
    /// Name of the stage.
    pub stage: &'static str,
    /// Settings that matter.
    pub settings: serde_json::Value,
    /// Files that are read; checksummed when the stage is decided upon.
    pub inputs: Vec<PathBuf>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum StageOutcome {
    /// The folder was up to date.
    Skipped(StageManifest),
    /// The folder was made.
    Done(StageManifest),
}

impl StageOutcome {
    /// The manifest in the folder.
    pub fn manifest(&self) -> &StageManifest {
        match self {
            Self::Skipped(manifest) | Self::Done(manifest) => manifest,
        }
    }

    /// True when the folder was up to date.
    pub fn is_skipped(&self) -> bool {
        matches!(self, Self::Skipped(_))
    }
}

/// Runs a stage unless `folder` is up to date. `write` fills the staging folder and returns the counts.
///
/// # Errors
/// Whatever `write` returns; I/O. The earlier folder is still there then.
pub fn run_stage<E: From<CoreError>>(
    context: &StageContext<'_>,
    folder: &Path,
    key: &StageKey,
    write: impl FnOnce(&Path) -> Result<BTreeMap<String, u64>, E>,
) -> Result<StageOutcome, E> {
    unless_up_to_date(context, folder, key, |wanted| {
        replace_folder(context.vfs, folder, |staging| wanted.fill(context, staging, write))
    })
}

/// As [`run_stage`], for a unit of a stage: several processes may run the same unit at once, and one folder is left.
///
/// # Errors
/// As [`run_stage`].
pub fn run_unit<E: From<CoreError>>(
    context: &StageContext<'_>,
    folder: &Path,
    key: &StageKey,
    write: impl FnOnce(&Path) -> Result<BTreeMap<String, u64>, E>,
) -> Result<StageOutcome, E> {
    unless_up_to_date(context, folder, key, |wanted| {
        let started = read_manifest(context.vfs, folder).ok();
        // Another attempt has been here since: the same fingerprint, in place of what was damaged or of another time.
        let is_made = || {
            let found = read_manifest(context.vfs, folder).ok();
            found.is_some() && found != started && found.is_some_and(|found| found.fingerprint == wanted.fingerprint)
        };
        share_folder(context.vfs, folder, is_made, |staging| wanted.clone().fill(context, staging, write))
    })
}

fn unless_up_to_date<E: From<CoreError>>(
    context: &StageContext<'_>,
    folder: &Path,
    key: &StageKey,
    make: impl FnOnce(Wanted) -> Result<StageManifest, E>,
) -> Result<StageOutcome, E> {
    let wanted = Wanted::of(context, key)?;
    match up_to_date(context.vfs, folder, &wanted.fingerprint) {
        Some(manifest) => Ok(StageOutcome::Skipped(manifest)),
        None => make(wanted).map(StageOutcome::Done),
    }
}

/// The manifest of a unit that was made with this key, if it is there. Nothing is read but the manifest: inputs count as
/// it records them, and outputs are not looked at (see [`is_whole`]).
pub fn made_unit(context: &StageContext<'_>, folder: &Path, key: &StageKey) -> Option<StageManifest> {
    let manifest = read_manifest(context.vfs, folder).ok()?;
    let is_same = manifest.inputs.len() == key.inputs.len()
        && stage_fingerprint(context, key, &manifest.inputs) == manifest.fingerprint;
    is_same.then_some(manifest)
}

/// What a folder must have been made from.
#[derive(Clone)]
struct Wanted {
    stage: &'static str,
    inputs: Vec<FileRecord>,
    fingerprint: String,
}

impl Wanted {
    fn of(context: &StageContext<'_>, key: &StageKey) -> Result<Self> {
        let mut inputs = Vec::with_capacity(key.inputs.len());
        for path in &key.inputs {
            inputs.push(file_record(path, path.to_string_lossy().replace('\\', "/"))?);
        }
        let fingerprint = stage_fingerprint(context, key, &inputs);
        Ok(Self { stage: key.stage, inputs, fingerprint })
    }

    /// Lets `write` fill the staging folder, and adds the manifest.
    fn fill<E: From<CoreError>>(
        self,
        context: &StageContext<'_>,
        staging: &Path,
        write: impl FnOnce(&Path) -> Result<BTreeMap<String, u64>, E>,
    ) -> Result<StageManifest, E> {
        let rows = write(staging)?;
        let manifest = StageManifest {
            format: FORMAT,
            stage: self.stage.to_owned(),
            fingerprint: self.fingerprint,
            inputs: self.inputs,
            outputs: records_below(context.vfs, staging)?,
            rows,
            seed: context.seed,
            instruction_set: instruction_set().to_owned(),
            finished_micros: context.clock.now_micros(),
        };
        write_json(context.vfs, &staging.join(MANIFEST), &manifest)?;
        Ok(manifest)
    }
}

/// Inputs count by content, not by name, so that moved data is not read again.
fn stage_fingerprint(context: &StageContext<'_>, key: &StageKey, inputs: &[FileRecord]) -> String {
    let checksums: Vec<&str> = inputs.iter().map(|input| input.sha256.as_str()).collect();
    fingerprint(&serde_json::json!({
        "format": FORMAT, "stage": key.stage, "settings": key.settings, "inputs": checksums,
        "seed": context.seed, "instruction_set": instruction_set(), "version": env!("CARGO_PKG_VERSION"),
    }))
}

/// The manifest, if it has this fingerprint and every file is there with its checksum: a file that was damaged since is
/// made again instead of being read by the next stage.
fn up_to_date(vfs: &dyn Vfs, folder: &Path, fingerprint: &str) -> Option<StageManifest> {
    let manifest = read_manifest(vfs, folder).ok().filter(|manifest| manifest.fingerprint == fingerprint)?;
    is_whole(folder, &manifest).then_some(manifest)
}

/// True when every file that the manifest names is in its folder, with its checksum.
pub fn is_whole(folder: &Path, manifest: &StageManifest) -> bool {
    let as_written = |output: &FileRecord| {
        file_record(&folder.join(&output.path), output.path.clone()).is_ok_and(|found| found == *output)
    };
    manifest.outputs.iter().all(as_written)
}

/// Reads the manifest of a stage folder.
///
/// # Errors
/// `Io` when it is not there, `Damaged` when it is not a manifest.
pub fn read_manifest(vfs: &dyn Vfs, folder: &Path) -> Result<StageManifest> {
    read_json(vfs, &folder.join(MANIFEST))
}

/// Reads what [`write_json`] wrote.
///
/// # Errors
/// `Io` when it is not there, `Damaged` when it is not such a value.
pub fn read_json<T: serde::de::DeserializeOwned>(vfs: &dyn Vfs, path: &Path) -> Result<T> {
    let bytes = vfs.read(path).map_err(|error| CoreError::io(path, error))?;
    serde_json::from_slice(&bytes).map_err(|error| CoreError::damaged(path, error.to_string()))
}

/// Writes a value as indented JSON and syncs it.
///
/// # Errors
/// I/O, with the path.
pub fn write_json(vfs: &dyn Vfs, path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| CoreError::io(path, error.into()))?;
    text.push(b'\n');
    write_file(vfs, path, &text)
}

/// Writes a file part by part, syncs it, and returns its record, named after the file.
///
/// # Errors
/// I/O, with the path.
pub fn write_parts<'a>(vfs: &dyn Vfs, path: &Path, parts: impl IntoIterator<Item = &'a [u8]>) -> Result<FileRecord> {
    let write = |hasher: &mut Sha256| {
        let (mut file, mut size) = (vfs.create(path)?, 0);
        for part in parts {
            file.write_all(part)?;
            hasher.update(part);
            size += part.len() as u64;
        }
        file.sync()?;
        Ok(size)
    };
    let mut hasher = Sha256::new();
    let size = write(&mut hasher).map_err(|error| CoreError::io(path, error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(FileRecord { path: name, size, sha256: hexadecimal(&hasher.finalize()) })
}

/// Records of all files below a folder, sorted by path.
///
/// # Errors
/// I/O, with the path.
pub fn records_below(vfs: &dyn Vfs, folder: &Path) -> Result<Vec<FileRecord>> {
    let names = files_below(vfs, folder)?;
    names.iter().map(|name| file_record(&folder.join(name), name.to_string_lossy().replace('\\', "/"))).collect()
}

/// Bytes of a file that are read at a time, for its checksum.
const LARGEST_BLOCK: u64 = 1 << 18;

/// SHA-256 and size of a file, read in blocks.
///
/// # Errors
/// I/O, with the path.
pub fn file_record(path: &Path, name: String) -> Result<FileRecord> {
    let io = |error| CoreError::io(path, error);
    let mut file = std::fs::File::open(path).map_err(io)?;
    // Most files are small, and a large block costs more than to read them.
    let block = file.metadata().map_err(io)?.len().clamp(1, LARGEST_BLOCK);
    let (mut hasher, mut size, mut block) = (Sha256::new(), 0u64, vec![0; block as usize]);
    loop {
        let read = file.read(&mut block).map_err(io)?;
        if read == 0 {
            return Ok(FileRecord { path: name, size, sha256: hexadecimal(&hasher.finalize()) });
        }
        hasher.update(&block[..read]);
        size += read as u64;
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of text, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-256 of canonical JSON (keys sorted at every level), in hexadecimal.
pub fn fingerprint(value: &serde_json::Value) -> String {
    sha256(canonical(value).to_string().as_bytes())
}

fn canonical(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(entries) => {
            let sorted: BTreeMap<&String, Value> = entries.iter().map(|(key, value)| (key, canonical(value))).collect();
            sorted.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        Value::Array(values) => values.iter().map(canonical).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The instruction set that the program uses here; results are bit-equal within one.
pub fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        let has_v3 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if has_v3 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            return "x86-64-v4";
        }
        if has_v3 {
            return "x86-64-v3";
        }
    }
    "portable"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FixedClock;
    use crate::vfs::RealVfs;

    fn key(settings: u32, input: &Path) -> StageKey {
        StageKey { stage: "test", settings: serde_json::json!({ "value": settings }), inputs: vec![input.to_owned()] }
    }

    #[test]
    fn a_stage_is_skipped_until_settings_inputs_or_outputs_change() {
        let base = tempfile::tempdir().unwrap();
        let (input, folder) = (base.path().join("input"), base.path().join("runs/day/test"));
        std::fs::write(&input, "one").unwrap();
        let context = StageContext { vfs: &RealVfs, clock: &FixedClock(7), seed: 1 };
        let run = |context: &StageContext<'_>, settings| {
            let outcome = run_stage(context, &folder, &key(settings, &input), |staging| {
                write_file(&RealVfs, &staging.join("out"), b"result")?;
                Ok::<_, CoreError>(BTreeMap::from([("rows".to_owned(), 3)]))
            });
            outcome.unwrap().is_skipped()
        };
        assert!(!run(&context, 1) && run(&context, 1));
        assert!(!run(&context, 2) && run(&context, 2), "other settings");
        assert!(!run(&StageContext { seed: 2, ..context }, 2), "another seed");
        std::fs::write(&input, "two").unwrap();
        assert!(!run(&context, 2) && run(&context, 2), "another input");
        for damaged in ["cut", "resulx"] {
            std::fs::write(folder.join("out"), damaged).unwrap();
            assert!(!run(&context, 2) && run(&context, 2), "a damaged output");
        }
        assert!(run(&StageContext { clock: &FixedClock(8), ..context }, 2), "time does not matter");
    }

    #[test]
    fn a_fingerprint_does_not_depend_on_the_order_of_keys() {
        let parse = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let [first, second] = [r#"{"a":1,"b":{"c":2,"d":3}}"#, r#"{"b":{"d":3,"c":2},"a":1}"#].map(parse);
        assert_eq!(fingerprint(&first), fingerprint(&second));
    }
}
