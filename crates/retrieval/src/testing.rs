//! A small world for tests: two groups of users with tastes of their own, samples on disk as the samples stage leaves
//! them, a user tower that needs no training, drafts and sealed bundles.

use crate::channel::Positives;
use crate::channel::build_channels;
use crate::config::{ChannelsSection, EvaluateSection, IndexSection, RetrievalSettings};
use crate::context::RetrievalContext;
use crate::golden;
use crate::item_index::build_item_index;
use crate::retriever::Retriever;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::attribute::{Attribute, AttributeKind, AttributeRows, AttributeValue};
use twinspire_core::behaviour::WindowValue;
use twinspire_core::bundle::{Draft, file, publish};
use twinspire_core::check::Faults;
use twinspire_core::clock::FixedClock;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::encode::{FeatureEncoder, Fitted, Raw};
use twinspire_core::history::{Histories, HistoryRows};
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::Part;
use twinspire_core::items::ItemTable;
use twinspire_core::progress::Silent;
use twinspire_core::query::{Query, QueryBatch, QueryEncoder};
use twinspire_core::rng::Rng;
use twinspire_core::sample::{SampleLayout, SampleRows, SampleSet, SampleTable};
use twinspire_core::schema::FeatureSchema;
use twinspire_core::table::write_table;
use twinspire_core::vfs::{RealVfs, write_file};
use twinspire_core::{CoreError, Result};

pub(crate) const ITEMS: u32 = 60;
pub(crate) const USERS: u32 = 40;
/// What the clock of the world says.
pub(crate) const NOW: i64 = 5;
pub(crate) const CITIES: [&str; 3] = ["Oslo", "Rome", "Turin"];
const DIMENSION: usize = 8;
/// Clicks of a user: the last two are the true items of her query.
const CLICKS: usize = 10;

/// One training event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Click {
    pub user: u32,
    pub item: u32,
    pub time: i64,
    /// Number of the city, or MISSING.
    pub city: u32,
    pub label: f32,
}

impl Default for Click {
    fn default() -> Self {
        Self { user: 0, item: 0, time: 0, city: MISSING, label: 1.0 }
    }
}

pub(crate) fn schema() -> FeatureSchema {
    let json = r#"[
        {"name": "user", "column": "uid", "side": "user", "kind": "hash", "buckets": 1000},
        {"name": "city", "side": "user", "kind": "vocabulary", "values": ["Oslo", "Rome", "Turin"]},
        {"name": "hour", "side": "context", "kind": "numeric", "normalise": "none"},
        {"name": "tags", "side": "context", "kind": "hash", "buckets": 50, "list": {"weighted": true}},
        {"name": "past", "side": "user", "kind": "history", "of": ["id"]},
        {"name": "recent", "side": "user", "kind": "window", "window": "1s", "what": "count", "boundaries": [1, 5]},
        {"name": "id", "side": "item", "kind": "hash", "buckets": 100000}]"#;
    FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut Faults::default()).unwrap()
}

pub(crate) fn encoder() -> FeatureEncoder {
    FeatureEncoder::new(schema(), Fitted::default()).unwrap()
}

/// Checked settings; panics with the faults.
pub(crate) fn settings(channels: &str) -> RetrievalSettings {
    settings_with(channels, &IndexSection::default())
}

/// The same with another index.
pub(crate) fn settings_with(channels: &str, index: &IndexSection) -> RetrievalSettings {
    let channels: ChannelsSection = serde_json::from_str(channels).unwrap();
    let evaluate = EvaluateSection { k: vec![5, 20, 100], ..EvaluateSection::default() };
    let mut faults = Faults::default();
    let checked = RetrievalSettings::check(&evaluate, index, &channels, &schema(), &mut faults);
    checked.unwrap_or_else(|| panic!("{faults:?}"))
}

/// One channel of each kind.
pub(crate) const ALL_KINDS: &str = r#"{"list": [
    {"kind": "two_tower", "share": 5, "priority": 1},
    {"kind": "item_cf", "share": 3, "priority": 2},
    {"kind": "popular", "name": "hot", "share": 1, "priority": 4, "half_life_days": 0},
    {"kind": "popular_by", "feature": "city", "share": 1, "priority": 3}]}"#;

/// What the windowed feature holds without a history.
pub(crate) const NOTHING_RECENT: [WindowValue; 1] = [WindowValue::Number(Some(0.0))];

fn sample_rows(encoder: &FeatureEncoder, clicks: &[Click]) -> SampleRows {
    let mut rows = SampleRows { user_features: encoder.empty_user_rows(), ..SampleRows::default() };
    for click in clicks {
        let city = CITIES.get(click.city as usize).copied();
        let user = (click.user != MISSING).then(|| user_id(click.user));
        let values = [user.as_deref().into(), city.into(), Raw::Missing, Raw::Missing];
        encoder.encode_user(&values, &NOTHING_RECENT, &mut rows.user_features).unwrap();
        rows.user.push(click.user);
        rows.item.push(click.item);
        rows.label.push(click.label);
        rows.weight.push(1.0);
        rows.time.push(click.time);
        rows.history_end.push(0);
        rows.history_skip.push(MISSING);
    }
    rows
}

/// The positives of clicks that are in memory.
pub(crate) fn positives_of(clicks: &[Click], items: usize) -> Positives {
    let encoder = encoder();
    let batch = sample_rows(&encoder, clicks).into_batch(&encoder).unwrap();
    Positives::new(SampleSet::new(vec![SampleTable::from_batch(&batch).unwrap()]), items)
}

pub(crate) fn user_id(user: u32) -> String {
    format!("u{user:02}")
}

pub(crate) fn item_id(item: u32) -> String {
    format!("i{item:02}")
}

/// City of a user, as a number; every fourth user has none.
pub(crate) fn city_of(user: u32) -> u32 {
    if user % 4 == 3 { MISSING } else { user % 4 }
}

/// Clicks of a user, oldest first: mostly items of her own parity.
fn clicks_of(user: u32) -> Vec<u32> {
    let mut rng = Rng::stream(11, "clicks", u64::from(user));
    let mut items: Vec<u32> = Vec::new();
    while items.len() < CLICKS {
        let low = rng.below(ITEMS / 2);
        let parity = if rng.unit() < 0.9 { user % 2 } else { 1 - user % 2 };
        let item = 2 * low + parity;
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

/// Samples on disk, and room for drafts and bundles.
pub(crate) struct World {
    base: tempfile::TempDir,
    has_users: bool,
    pub encoder: FeatureEncoder,
    pub layout: SampleLayout,
}

impl World {
    pub fn new() -> Self {
        Self::with(true)
    }

    /// The same events, of which nobody knows whose they are: nobody is stored, and nothing has a history.
    pub fn without_users() -> Self {
        Self::with(false)
    }

    fn with(has_users: bool) -> Self {
        let base = tempfile::tempdir().unwrap();
        let layout = SampleLayout { folder: base.path().join("samples") };
        let world = Self { base, has_users, encoder: encoder(), layout };
        world.write_samples();
        world
    }

    fn write_samples(&self) {
        let layout = &self.layout;
        for folder in [layout.part(Part::Train), layout.folder.join("queries")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(layout.features(), self.encoder.to_json()).unwrap();
        let write = |path: &Path, batch| write_table(&RealVfs, path, &batch).unwrap();
        write(&layout.items(), self.items_batch());
        let nobody = || HistoryRows { offsets: vec![0], ..HistoryRows::default() };
        let histories = if self.has_users { histories() } else { nobody() };
        write(&layout.histories(), histories.into_batch().unwrap());
        let train = (0..USERS).flat_map(train_clicks);
        let train: Vec<Click> = train.map(|click| Click { user: self.user(click.user), ..click }).collect();
        let (first, second) = train.split_at(train.len() / 2);
        for (name, part) in [("00000.arrow", first), ("00001.arrow", second)] {
            let batch = sample_rows(&self.encoder, part).into_batch(&self.encoder).unwrap();
            write(&layout.part(Part::Train).join(name), batch);
        }
        write(&layout.queries(Part::Test), self.queries().into_batch(&self.encoder).unwrap());
    }

    fn items_batch(&self) -> arrow_array::RecordBatch {
        let ids: Vec<String> = (0..ITEMS).map(item_id).collect();
        let mut rows = self.encoder.empty_item_rows();
        ids.iter().for_each(|id| self.encoder.encode_item(&[Raw::Text(id)], &mut rows).unwrap());
        let mut counts = vec![0; ITEMS as usize];
        (0..USERS).flat_map(train_clicks).for_each(|click| counts[click.item as usize] += 1);
        ItemTable::batch(&ids, &counts, rows, &self.encoder).unwrap()
    }

    fn user(&self, user: u32) -> u32 {
        if self.has_users { user } else { MISSING }
    }

    /// One query a user (or an event of hers), as the samples stage makes them.
    pub fn queries(&self) -> SampleRows {
        let of_user = |user| Click { item: clicks_of(user)[CLICKS - 2], city: city_of(user), ..Click::default() };
        let clicks: Vec<Click> = (0..USERS).map(|user| Click { user: self.user(user), ..of_user(user) }).collect();
        let mut rows = sample_rows(&self.encoder, &clicks);
        rows.history_end.fill(if self.has_users { CLICKS as u32 - 2 } else { 0 });
        let (mut offsets, mut values) = (vec![0], Vec::new());
        for user in 0..USERS {
            let mut truth = clicks_of(user)[CLICKS - 2..].to_vec();
            truth.sort_unstable();
            values.extend(truth);
            offsets.push(values.len() as i32);
        }
        rows.truth = Some((offsets, values));
        rows
    }

    pub fn context(&self) -> RetrievalContext<'static> {
        RetrievalContext { vfs: &RealVfs, clock: &FixedClock(NOW), progress: &Silent, seed: 1, threads: 2 }
    }

    /// All files of a draft.
    pub fn draft(&self, settings: &RetrievalSettings) -> PathBuf {
        let draft = self.base.path().join("draft");
        let _ = fs::remove_dir_all(&draft);
        fs::create_dir_all(&draft).unwrap();
        for (from, name) in [
            (self.layout.features(), file::FEATURES),
            (self.layout.items(), file::ITEMS),
            (self.layout.histories(), file::HISTORIES),
        ] {
            fs::copy(from, draft.join(name)).unwrap();
        }
        write_file(&RealVfs, &draft.join(file::MODEL), b"fake").unwrap();
        write_file(&RealVfs, &draft.join(file::CONFIG), b"").unwrap();
        let items = ItemTable::open(&self.layout.items(), &self.encoder).unwrap();
        let vectors = (0..ITEMS).flat_map(|item| item_vector(&items, item)).collect();
        let table = EmbeddingTable::new((0..ITEMS).map(item_id).collect(), DIMENSION, vectors).unwrap();
        table.write_raw(&RealVfs, &draft.join(file::ITEM_EMBEDDINGS)).unwrap();
        build_channels(&self.context(), settings, &self.layout, &draft).unwrap();
        build_item_index(&self.context(), settings, &draft, &load, 1).unwrap();
        golden::record(&self.context(), &draft, &load).unwrap();
        draft
    }

    pub fn retriever(&self, settings: &RetrievalSettings) -> Retriever {
        Retriever::open_draft(&self.draft(settings), &load, &FixedClock(NOW)).unwrap()
    }

    /// The same, whose items have the attributes `parity` (`even`, `odd`) and `number`; `available` are those that may be
    /// recommended.
    pub fn with_attributes(&self, settings: &RetrievalSettings, available: Option<Vec<u32>>) -> Retriever {
        let of = |name: &str, kind| Attribute { name: name.to_owned(), kind };
        let attributes = vec![of("parity", AttributeKind::Text), of("number", AttributeKind::Number)];
        let mut rows = AttributeRows::new(attributes, ITEMS as usize);
        for item in 0..ITEMS {
            rows.push(item, 0, AttributeValue::Text(["even", "odd"][item as usize % 2].to_owned()));
            rows.push(item, 1, AttributeValue::Number(item.into()));
        }
        available.into_iter().for_each(|items| rows.set_available(items));
        let draft = self.draft(settings);
        write_table(&RealVfs, &draft.join(file::ATTRIBUTES), &rows.into_batch().unwrap()).unwrap();
        Retriever::open_draft(&draft, &load, &FixedClock(NOW)).unwrap()
    }

    /// Seals the files of `draft` as they are.
    pub fn seal(&self, draft: &Path) -> PathBuf {
        let sealed = Draft {
            folders: vec![draft.to_owned()],
            date: "2026-11-03".into(),
            features_fingerprint: self.encoder.fingerprint(),
            dimension: DIMENSION,
            items: ITEMS as usize,
            users: if self.has_users { USERS as usize } else { 0 },
            checkpoint: "test".into(),
            seed: 1,
        };
        let id = publish(&RealVfs, &FixedClock(NOW), self.base.path(), &sealed).unwrap();
        self.base.path().join("bundles").join(id)
    }

    pub fn test_queries(&self) -> SampleTable {
        SampleTable::open(&self.layout.queries(Part::Test), &self.encoder).unwrap()
    }
}

fn train_clicks(user: u32) -> impl Iterator<Item = Click> {
    let clicks = clicks_of(user).into_iter().take(CLICKS - 2).zip(0..);
    clicks.map(move |(item, time)| Click { user, item, time: time * 86_400_000_000, city: city_of(user), label: 1.0 })
}

/// Histories as of the queries: the true items are not in them, so that a request sees what the query saw.
fn histories() -> HistoryRows {
    let mut rows = HistoryRows { offsets: vec![0], ..HistoryRows::default() };
    for user in 0..USERS {
        rows.users.push(user_id(user));
        rows.items.extend(&clicks_of(user)[..CLICKS - 2]);
        rows.times.extend(0..CLICKS as i64 - 2);
        rows.offsets.push(rows.items.len() as i32);
    }
    let city = |user| CITIES.get(city_of(user) as usize).map(|city| (*city).to_owned());
    rows.raw = vec![
        ("uid".into(), rows.users.iter().cloned().map(Some).collect()),
        ("city".into(), (0..USERS).map(city).collect()),
    ];
    rows
}

/// A unit vector that is the same for the same number.
fn vector_of(number: u32) -> Vec<f32> {
    let mut rng = Rng::stream(5, "vector", u64::from(number));
    unit((0..DIMENSION).map(|_| rng.normal() as f32).collect())
}

fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length == 0.0 { vector } else { vector.iter().map(|value| value / length).collect() }
}

/// Items of one parity lie near each other.
fn item_vector(items: &ItemTable, item: u32) -> Vec<f32> {
    let own = vector_of(items.features().single_row(item as usize)[0]);
    let parity = vector_of(1_000_000 + item % 2);
    unit(own.iter().zip(parity).map(|(own, parity)| own * 0.5 + parity).collect())
}

/// A user tower without weights: the mean of the history's item vectors and vectors of the feature values. Of several
/// interests, each has its share of the history.
struct FakeTower {
    items: Arc<ItemTable>,
    interests: usize,
}

/// What the file of a model of two interests holds.
pub(crate) const TWO_INTERESTS: &[u8] = b"fake of two";

/// Fits [`twinspire_core::bundle::LoadQueryEncoder`]; the model file holds `fake`.
pub(crate) fn load(path: &Path, _: &FeatureEncoder, items: Arc<ItemTable>) -> Result<Box<dyn QueryEncoder>> {
    match fs::read(path).map_err(|error| CoreError::io(path, error))?.as_slice() {
        b"fake" => Ok(Box::new(FakeTower { items, interests: 1 })),
        TWO_INTERESTS => Ok(Box::new(FakeTower { items, interests: 2 })),
        _ => Err(CoreError::damaged(path, "not the fake model")),
    }
}

impl QueryEncoder for FakeTower {
    fn dimension(&self) -> usize {
        DIMENSION
    }

    fn interests(&self) -> usize {
        self.interests
    }

    fn encode(&self, queries: &QueryBatch<'_>, vectors: &mut [f32]) -> Result<()> {
        for (number, vector) in vectors.chunks_exact_mut(DIMENSION).enumerate() {
            let (row, interest) = (number / self.interests, number % self.interests);
            let own = queries.histories[row].items.iter().skip(interest).step_by(self.interests);
            let history = own.map(|&item| item_vector(&self.items, item));
            let city = queries.features.single_row(row)[1];
            let features = (city != MISSING).then(|| vector_of(2_000_000 + city));
            let mut sum = vec![0.0; DIMENSION];
            for part in history.chain(features) {
                sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
            }
            vector.copy_from_slice(&unit(sum));
        }
        Ok(())
    }
}

/// A query of a stored user.
pub(crate) fn of_user(user: u32, k: usize) -> Query {
    Query { user: Some(user_id(user)), k, ..Query::default() }
}

/// The corpus and the histories as other crates see them.
pub(crate) fn open_tables(world: &World) -> (ItemTable, Histories) {
    let items = ItemTable::open(&world.layout.items(), &world.encoder).unwrap();
    (items, Histories::open(&world.layout.histories(), ITEMS as usize).unwrap())
}
