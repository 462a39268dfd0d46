//! A small click world with a published bundle, made once a process, and copies of it.
//!
//! In: nothing. Out: [`Published`], or folders to change. Nothing is dropped at the end of a process, so the world lies in
//! cargo's folder for the files of tests, and worlds of earlier processes are removed there.

use crate::binary::{Folder, Ran};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use twinspire_core::vfs::{RealVfs, files_below};
use twinspire_data::world::{QUICKSTART_CONFIG, WorldSettings, generate};

/// The last day of the log, and so the date of the run.
pub const DATE: &str = "2026-11-20";

/// Size of the corpus.
pub const ITEMS: usize = 120;

/// Folder of runs and bundles in a world's folder.
pub const BASE: &str = "twinspire-data";

/// The config of the demo with sizes that train in a moment; (what it says, what it says here).
const SMALLER: [(&str, &str); 4] = [
    ("epochs = 5", "epochs = 1"),
    ("buckets = 20000", "buckets = 500"),
    ("hidden = [128, 64]", "hidden = [32]"),
    ("batch_size = 1024", "batch_size = 256"),
];

/// Where worlds lie: in cargo's folder for the files of tests.
const WORLDS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/worlds");

/// A world whose chain ran once.
pub struct Published {
    folder: Folder,
    reply: Value,
}

/// The one that all tests share; nobody changes it.
pub fn published() -> &'static Published {
    static SHARED: OnceLock<Published> = OnceLock::new();
    SHARED.get_or_init(Published::make)
}

impl Published {
    fn make() -> Self {
        let config = SMALLER.iter().fold(QUICKSTART_CONFIG.to_owned(), |config, (from, to)| {
            assert!(config.contains(from), "the config of the demo does not say `{from}` any more");
            config.replace(from, to)
        });
        remove_earlier();
        fs::create_dir_all(WORLDS).expect("cargo's folder can be written");
        let folder = Folder::below(Path::new(WORLDS));
        let settings = WorldSettings { users: 300, items: ITEMS as u32, days: 5, ..WorldSettings::default() };
        generate(&RealVfs, folder.path(), &settings).expect("a small world can be made");
        fs::write(folder.path().join("twinspire.toml"), config).expect("the folder can be written");
        let reply = reply(&folder, &["run"]);
        Self { folder, reply }
    }

    /// Where it is; only for commands that change nothing, or that are told another `--base-dir`.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What `run --json` said.
    pub fn reply(&self) -> &Value {
        &self.reply
    }

    /// The bundle that is served.
    pub fn bundle_id(&self) -> &str {
        self.reply["bundle"]["bundle_id"].as_str().expect("a bundle has an id")
    }

    /// A copy to change, with runs and bundles.
    pub fn copy(&self) -> Folder {
        copy_of(&self.folder)
    }

    /// Folder of a stage.
    pub fn stage(&self, name: &str) -> PathBuf {
        self.folder.path().join(BASE).join("runs").join(DATE).join(name)
    }

    /// A user with a stored history.
    pub fn user(&self) -> String {
        let text = fs::read_to_string(self.stage("embeddings").join("users.txt")).expect("embeddings are text");
        text.split('\t').next().expect("a line begins with an id").to_owned()
    }
}

/// A copy of a folder, to change.
pub fn copy_of(folder: &Folder) -> Folder {
    let copy = Folder::with("");
    for name in files(folder.path()) {
        let target = copy.path().join(&name);
        fs::create_dir_all(target.parent().expect("a file lies in a folder")).expect("the folder can be made");
        fs::copy(folder.path().join(&name), target).expect("the file can be copied");
    }
    copy
}

/// Removes worlds that are older than any run of the tests takes.
fn remove_earlier() {
    let hour = Duration::from_secs(3_600);
    for entry in fs::read_dir(WORLDS).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > hour)) {
            // Another process may be removing it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Paths of all files below a folder, relative to it.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    files_below(&RealVfs, folder).expect("the folder can be read")
}

/// Folder of the bundle that is served.
pub fn current_bundle(folder: &Folder) -> PathBuf {
    let base = folder.path().join(BASE);
    base.join("bundles").join(fs::read_to_string(base.join("current")).expect("a bundle is current").trim_end())
}

/// Runs a command that goes well and says nothing on stderr, and reads its JSON.
pub fn reply(folder: &Folder, words: &[&str]) -> Value {
    let words: Vec<_> = words.iter().chain(&["--json", "--quiet"]).copied().collect();
    let Ran { code, stdout, stderr } = folder.run(&words);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{words:?}: {stdout}");
    serde_json::from_str(&stdout).expect("stdout is JSON")
}

/// The packed log of a day.
pub fn log_of(folder: &Folder, date: &str) -> PathBuf {
    folder.path().join(format!("logs/date={date}/part-0.csv.gz"))
}

/// Changes the text of a packed file.
pub fn edit(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).expect("the file is there")).read_to_string(&mut text).expect("it is gzip");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    lines.iter().for_each(|line| writeln!(packed, "{line}").expect("memory can be written"));
    fs::write(path, packed.finish().expect("memory can be written")).expect("the file can be written");
}
