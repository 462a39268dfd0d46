//! A folder with logs, a config as TOML text, and the two stages run on them; and samples as a person would read them.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use arrow_array::RecordBatch;
use serde::Deserialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use twinspire_core::check::{Fault, Faults};
use twinspire_core::clock::FixedClock;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::history::Histories;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::{EventKind, Part};
use twinspire_core::items::ItemTable;
use twinspire_core::progress::Silent;
use twinspire_core::sample::{SampleLayout, SampleSet, SampleTable};
use twinspire_core::schema::{FeatureSchema, FeatureSection};
use twinspire_core::stage::{StageContext, StageManifest};
use twinspire_core::table::{MappedParts, concatenated, integers_u8, text_column};
use twinspire_core::user_items::UserItems;
use twinspire_core::vfs::RealVfs;
use twinspire_data::check::{CheckReport, check_data};
use twinspire_data::ingest::{IngestReport, ingest};
use twinspire_data::ledger::Ledger;
use twinspire_data::logs::{LogsReport, check_logs};
use twinspire_data::sample::{SamplesReport, look_at_samples, make_samples};
use twinspire_data::{
    CleanSection, DataContext, DataFiles, DataSettings, InputSection, Result, RunFolders, SamplesSection, Window,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    input: InputSection,
    #[serde(default)]
    clean: CleanSection,
    #[serde(default)]
    samples: SamplesSection,
    features: Vec<FeatureSection>,
}

/// Checked settings, or the keys at fault.
pub fn checked(config: &str) -> std::result::Result<DataSettings, Vec<String>> {
    checked_or_faults(config).map_err(|faults| faults.into_iter().map(|fault| fault.key).collect())
}

/// Checked settings, or all faults.
pub fn checked_or_faults(config: &str) -> std::result::Result<DataSettings, Vec<Fault>> {
    let config: Config = toml::from_str(config).unwrap();
    let mut faults = Faults::default();
    let features = FeatureSchema::check(config.features, &mut faults).unwrap();
    let settings = DataSettings::check(&config.input, &config.clean, &config.samples, &features, &mut faults);
    settings.ok_or_else(|| faults.into_vec())
}

/// One user feature and one item feature, for configs that are about something else.
pub const FEATURES: &str = r#"
[[features]]
name = "user"
side = "user"
kind = "hash"
buckets = 1000
[[features]]
name = "item"
side = "item"
kind = "vocabulary"
"#;

/// What is told on the command line.
#[derive(Clone, Copy, Default)]
pub struct Told {
    pub window: Window,
    pub threads: usize,
    pub seed: u64,
}

/// A folder with data and a run.
pub struct Workplace {
    folder: TempDir,
}

impl Workplace {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With one file.
    pub fn with(name: &str, text: &str) -> Self {
        let workplace = Self::new();
        workplace.write(name, text);
        workplace
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where the run and what it shares with others lie.
    pub fn folders(&self) -> RunFolders {
        RunFolders::new(&self.folder.path().join("base"), "x")
    }

    pub fn run_dir(&self) -> PathBuf {
        self.folders().run().to_owned()
    }

    /// Forgets all that was made.
    pub fn forget(&self) {
        let _ = std::fs::remove_dir_all(self.folder.path().join("base"));
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.data().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn context<T>(&self, told: Told, work: impl FnOnce(&DataContext<'_>) -> T) -> T {
        let data_dir = self.data();
        let stage = StageContext { vfs: &RealVfs, clock: &FixedClock(0), seed: told.seed };
        let Told { window, threads, .. } = told;
        let files = DataFiles::default();
        work(&DataContext { stage, progress: &Silent, threads, files: &files, data_dir: &data_dir, window })
    }

    pub fn ingest_told(&self, config: &str, told: Told) -> Result<IngestReport> {
        let settings = checked(config).unwrap();
        self.context(told, |context| ingest(context, &settings, &self.folders()))
    }

    pub fn ingest(&self, config: &str) -> Result<IngestReport> {
        self.ingest_told(config, Told::default())
    }

    pub fn check(&self, config: &str) -> Result<CheckReport> {
        let settings = checked(config).unwrap();
        self.context(Told::default(), |context| check_data(context, &settings))
    }

    pub fn check_logs_told(&self, config: &str, told: Told) -> Result<LogsReport> {
        let settings = checked(config).unwrap();
        self.context(told, |context| check_logs(context, &settings))
    }

    pub fn check_logs(&self, config: &str) -> Result<LogsReport> {
        self.check_logs_told(config, Told::default())
    }

    /// Both stages.
    pub fn samples_told(&self, config: &str, told: Told) -> Result<SamplesReport> {
        self.ingest_told(config, told)?;
        let settings = checked(config).unwrap();
        self.context(told, |context| make_samples(context, &settings, &self.folders()))
    }

    /// The ledger of samples that have been made.
    pub fn ledger(&self, config: &str, threads: usize) -> Ledger {
        let settings = checked(config).unwrap();
        let told = Told { threads, ..Told::default() };
        self.context(told, |context| look_at_samples(context, &settings, &self.folders())).unwrap()
    }

    pub fn samples(&self, config: &str) -> SamplesReport {
        self.samples_told(config, Told::default()).unwrap()
    }

    /// Tables of interactions of the window, in its order.
    pub fn interaction_tables(&self) -> Vec<RecordBatch> {
        let window = std::fs::read(self.folders().interactions().join("window.json")).unwrap();
        let window: serde_json::Value = serde_json::from_slice(&window).unwrap();
        let tables = window["tables"].as_array().unwrap().iter().map(|table| {
            let parts = MappedParts::open(&self.folders().shared().join(table["path"].as_str().unwrap())).unwrap();
            let parts: Vec<_> = parts.parts().map(|part| part.unwrap()).collect();
            concatenated(&parts).unwrap()
        });
        tables.collect()
    }

    /// (user, item, kind, number of the positive event) of all interactions of the window, sorted.
    pub fn interactions(&self) -> Vec<(String, String, EventKind, u8)> {
        let mut rows = Vec::new();
        for batch in self.interaction_tables() {
            let (user, item) = (text_column(&batch, "user").unwrap(), text_column(&batch, "item").unwrap());
            let (kind, event) = (integers_u8(&batch, "kind").unwrap(), integers_u8(&batch, "event").unwrap());
            rows.extend((0..batch.num_rows()).map(|row| {
                let kind = EventKind::from_code(kind[row]).unwrap();
                (user.value(row).to_owned(), item.value(row).to_owned(), kind, event[row])
            }));
        }
        rows.sort();
        rows
    }

    pub fn tables(&self) -> Tables {
        Tables::open(&self.run_dir())
    }
}

/// Names and checksums of what a stage wrote.
pub fn checksums(manifest: &StageManifest) -> Vec<(String, String)> {
    manifest.outputs.iter().map(|output| (output.path.clone(), output.sha256.clone())).collect()
}

/// One member of a `.gz` file.
pub fn gzip(text: &str) -> Vec<u8> {
    gzip_bytes(text.as_bytes())
}

/// One member of a `.gz` file.
pub fn gzip_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A sample in words.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub struct Row {
    pub user: String,
    pub item: String,
    pub label: f32,
    pub history: Vec<String>,
    pub truth: Vec<String>,
}

/// Files of the samples stage.
pub struct Tables {
    pub encoder: FeatureEncoder,
    pub items: ItemTable,
    pub histories: Histories,
    layout: SampleLayout,
}

impl Tables {
    fn open(run_dir: &Path) -> Self {
        let layout = SampleLayout { folder: run_dir.join("samples") };
        let text = std::fs::read_to_string(layout.features()).unwrap();
        let encoder = FeatureEncoder::from_json(&layout.features(), &text).unwrap();
        let items = ItemTable::open(&layout.items(), &encoder).unwrap();
        let histories = Histories::open(&layout.histories(), items.len()).unwrap();
        Self { encoder, items, histories, layout }
    }

    pub fn set(&self, part: Part) -> SampleSet {
        SampleSet::open(&self.layout.part(part), &self.encoder).unwrap()
    }

    /// Samples of a part as (user, item, label, history), sorted.
    /// What each user was shown, and what she refused, as `ann x@1 y@4`, with times in microseconds.
    pub fn unchosen(&self) -> [Vec<String>; 2] {
        [self.layout.impressions(), self.layout.rejections()].map(|folder| {
            let lists = UserItems::open(&folder, (self.histories.len(), self.items.len())).unwrap();
            let told = |user: u32| {
                let (items, times) = lists.of(user);
                let entries = items.iter().zip(times).map(|(&item, time)| format!(" {}@{time}", self.items.id(item)));
                (!items.is_empty()).then(|| format!("{}{}", self.histories.user(user), entries.collect::<String>()))
            };
            let mut told: Vec<String> = (0..self.histories.len() as u32).filter_map(told).collect();
            told.sort();
            told
        })
    }

    pub fn samples(&self, part: Part) -> Vec<Row> {
        let mut told: Vec<Row> = self.set(part).tables().iter().flat_map(|table| self.told(table)).collect();
        told.sort_by(|left, right| left.partial_cmp(right).unwrap());
        told
    }

    /// The queries of a part, if it has any.
    pub fn query_table(&self, part: Part) -> Option<SampleTable> {
        let path = self.layout.queries(part);
        path.exists().then(|| SampleTable::open(&path, &self.encoder).unwrap())
    }

    pub fn queries(&self, part: Part) -> Vec<Row> {
        let mut told = self.query_table(part).map_or(Vec::new(), |table| self.told(&table));
        told.sort_by(|left, right| left.partial_cmp(right).unwrap());
        told
    }

    fn told(&self, table: &SampleTable) -> Vec<Row> {
        table.check_references(self.items.len(), self.histories.len()).unwrap();
        (0..table.len()).map(|row| self.row(table, row)).collect()
    }

    fn row(&self, table: &SampleTable, row: usize) -> Row {
        let (user, skip) = (table.users()[row], table.history_skip()[row]);
        let seen = self.histories.before(user, table.history_end()[row]).iter().enumerate();
        let kept = seen.filter(|(position, _)| *position as u32 != skip);
        let name = |item: u32| self.items.id(item).to_owned();
        Row {
            user: if user == MISSING { String::new() } else { self.histories.user(user).to_owned() },
            item: name(table.items()[row]),
            label: table.labels()[row],
            history: kept.map(|(_, &item)| name(item)).collect(),
            truth: table.truth().map_or(Vec::new(), |truth| truth.row(row).iter().map(|&item| name(item)).collect()),
        }
    }
}

/// Samples as `user item < history`, sorted, for short comparisons; a label of 0 is `-item`.
pub fn short(samples: &[Row]) -> Vec<String> {
    let line = |told: &Row| {
        let sign = if told.label == 1.0 { "" } else { "-" };
        let target = if told.truth.is_empty() { format!("{sign}{}", told.item) } else { told.truth.join("+") };
        format!("{} {target} < {}", told.user, told.history.join(" ")).trim_end().to_owned()
    };
    let mut lines: Vec<String> = samples.iter().map(line).collect();
    lines.sort();
    lines
}
