//! A small world: users with a taste, items of a genre, histories, a list feature, a number. Written as the samples
//! stage would.

use crate::config::{ModelSection, ModelSettings, Score, TowerSection, TrainSection};
use crate::train::{Files, ListFiles, TrainContext};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use twinspire_core::check::Faults;
use twinspire_core::clock::FixedClock;
use twinspire_core::encode::{EncodedRows, FeatureEncoder, Fitted, Raw};
use twinspire_core::history::{Histories, HistoryRows};
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::Part;
use twinspire_core::items::ItemTable;
use twinspire_core::progress::Progress;
use twinspire_core::rng::Rng;
use twinspire_core::sample::{SampleLayout, SampleRows, SampleSet, SampleTable};
use twinspire_core::schema::FeatureSchema;
use twinspire_core::stage::{StageContext, StageKey, run_stage};
use twinspire_core::table::write_table;
use twinspire_core::vfs::{RealVfs, write_file};

pub(crate) const USERS: usize = 60;
pub(crate) const ITEMS: usize = 40;
const GENRES: usize = 5;
const EVENTS: usize = 8;

const SCHEMA: &str = r#"[
    {"name": "user", "side": "user", "kind": "hash", "buckets": 50},
    {"name": "likes", "side": "user", "kind": "hash", "buckets": 20, "list": {"weighted": true}, "pooling": "sqrtn"},
    {"name": "age", "side": "user", "kind": "numeric", "normalise": "none"},
    {"name": "seen", "side": "user", "kind": "history", "of": ["id", "tags"], "max_length": 4},
    {"name": "genres", "side": "user", "kind": "history", "of": ["genre"], "shared": false, "pooling": "sum"},
    {"name": "hour", "side": "context", "kind": "hash", "buckets": 24, "dimension": 3},
    {"name": "id", "side": "item", "kind": "hash", "buckets": 64},
    {"name": "genre", "side": "item", "kind": "hash", "buckets": 16},
    {"name": "tags", "side": "item", "kind": "hash", "buckets": 30, "list": {}},
    {"name": "price", "side": "item", "kind": "numeric", "normalise": "none"}]"#;

pub(super) fn encoder_of(json: &str) -> FeatureEncoder {
    let mut faults = Faults::default();
    let schema = FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut faults).unwrap();
    assert!(faults.is_empty(), "{:?}", faults.into_vec());
    FeatureEncoder::new(schema, Fitted::default()).unwrap()
}

pub(crate) fn encoder() -> FeatureEncoder {
    encoder_of(SCHEMA)
}

/// Small towers of the default kind.
pub(super) fn model() -> ModelSection {
    let tower = |residual| TowerSection { hidden: vec![16, 16], residual, ..TowerSection::default() };
    ModelSection {
        embedding_dimension: 8,
        output_dimension: 8,
        score: Score::Cosine,
        user_tower: tower(true),
        item_tower: tower(false),
        encoders: Vec::new(),
    }
}

/// [`model`] with the dot product.
pub(crate) fn dot_model() -> ModelSection {
    ModelSection { score: Score::Dot, ..model() }
}

pub(crate) fn settings(train: TrainSection, labels_mode: bool) -> ModelSettings {
    settings_of(&model(), train, labels_mode)
}

pub(super) fn settings_of(model: &ModelSection, train: TrainSection, labels_mode: bool) -> ModelSettings {
    let mut faults = Faults::default();
    let checked = ModelSettings::check(model, &train, encoder().schema(), labels_mode, &mut faults);
    checked.unwrap_or_else(|| panic!("{:?}", faults.into_vec()))
}

/// Everything in memory.
pub(crate) struct World {
    pub(crate) encoder: FeatureEncoder,
    pub(crate) items: ItemTable,
    pub(crate) histories: Histories,
    pub(crate) train: SampleSet,
}

/// Item of event `event` of a user: mostly of her genre.
fn item_of(user: usize, event: usize) -> usize {
    let mut rng = Rng::stream(3, "item", (user * EVENTS + event) as u64);
    let genre = if rng.below(5) == 0 { rng.below(GENRES as u32) as usize } else { user % GENRES };
    (rng.below((ITEMS / GENRES) as u32) as usize) * GENRES + genre
}

/// When an event is, microseconds: later ones are farther apart.
fn time_of(event: usize) -> i64 {
    (event * event) as i64 * 7_000_000
}

fn item_rows(encoder: &FeatureEncoder, items: impl Iterator<Item = usize>) -> EncodedRows {
    let mut rows = encoder.empty_item_rows();
    for item in items {
        let (id, genre, price) = (item.to_string(), format!("g{}", item % GENRES), format!("{}", item as f32 / 40.0));
        let tags = if item.is_multiple_of(7) { String::new() } else { format!("t{}|u{}", item % 3, item % GENRES) };
        let values = [&id, &genre, &tags, &price].map(|text| Raw::Text(text));
        encoder.encode_item(&values, &mut rows).unwrap();
    }
    rows
}

fn histories() -> HistoryRows {
    let mut rows = HistoryRows { offsets: vec![0], ..HistoryRows::default() };
    for user in 0..USERS {
        rows.users.push(format!("u{user:03}"));
        rows.items.extend((0..EVENTS).map(|event| item_of(user, event) as u32));
        rows.times.extend((0..EVENTS).map(time_of));
        rows.offsets.push(rows.items.len() as i32);
    }
    rows
}

/// Samples of the events for which `wanted(user, event)` holds; in labels mode, each with a negative beside it.
fn samples(encoder: &FeatureEncoder, labels_mode: bool, mut wanted: impl FnMut(usize, usize) -> bool) -> SampleRows {
    let mut rows = SampleRows { user_features: encoder.empty_user_rows(), ..SampleRows::default() };
    let mut own_items = Vec::new();
    for (user, event) in (0..USERS).flat_map(|user| (0..EVENTS).map(move |event| (user, event))) {
        if !wanted(user, event) {
            continue;
        }
        let other = Rng::stream(4, "other", (user * EVENTS + event) as u64).below(ITEMS as u32) as usize;
        let outcomes = [(item_of(user, event), 1.0), (other, 0.0)];
        for (item, label) in outcomes.into_iter().take(if labels_mode { 2 } else { 1 }) {
            let hour = format!("{}", event % 3);
            let user_text = if user.is_multiple_of(11) { String::new() } else { format!("u{user}") };
            let likes = format!("g{}:2|x:{}", user % GENRES, user % 2);
            let age = format!("{}", user as f32 / 60.0);
            let values = [&user_text, &likes, &age, &hour].map(|text| Raw::Text(text));
            encoder.encode_user(&values, &[], &mut rows.user_features).unwrap();
            own_items.push(item);
            rows.user.push(if user.is_multiple_of(13) { MISSING } else { user as u32 });
            rows.item.push(item as u32);
            rows.label.push(label);
            rows.weight.push(if event.is_multiple_of(5) { 0.5 } else { 1.0 });
            rows.time.push(time_of(event));
            rows.history_end.push(if event.is_multiple_of(2) { event as u32 } else { EVENTS as u32 });
            rows.history_skip.push(if event.is_multiple_of(2) { MISSING } else { event as u32 });
        }
    }
    rows.item_features = labels_mode.then(|| item_rows(encoder, own_items.into_iter()));
    rows
}

fn item_table(encoder: &FeatureEncoder) -> ItemTable {
    let ids: Vec<String> = (0..ITEMS).map(|item| format!("{item:03}")).collect();
    let mut counts = vec![0; ITEMS];
    (0..USERS).for_each(|user| (0..EVENTS - 2).for_each(|event| counts[item_of(user, event)] += 1));
    let rows = item_rows(encoder, 0..ITEMS);
    ItemTable::from_batch(&ItemTable::batch(&ids, &counts, rows, encoder).unwrap()).unwrap()
}

impl World {
    /// As training opens them, without a validation part.
    pub(crate) fn files(&self, lists: ListFiles) -> Files {
        Files {
            encoder: encoder(),
            items: self.items.clone(),
            histories: self.histories.clone(),
            train: self.train.clone(),
            validation: SampleSet::default(),
            queries: None,
            lists,
        }
    }

    /// The training part in memory.
    pub(crate) fn new(labels_mode: bool) -> Self {
        Self::of(labels_mode, |_, _| true)
    }

    /// The same, where every item has at most `most` positives.
    pub(crate) fn down_sampled(labels_mode: bool, most: usize) -> Self {
        let mut positives = [0; ITEMS];
        Self::of(labels_mode, |user, event| {
            let count = &mut positives[item_of(user, event)];
            *count += 1;
            *count <= most
        })
    }

    /// The events of the training part that are wanted.
    fn of(labels_mode: bool, mut wanted: impl FnMut(usize, usize) -> bool) -> Self {
        let encoder = encoder();
        let wanted = |user: usize, event: usize| event + 2 < EVENTS && wanted(user, event);
        let train = samples(&encoder, labels_mode, wanted).into_batch(&encoder).unwrap();
        Self {
            items: item_table(&encoder),
            histories: Histories::from_batch(histories().into_batch().unwrap()).unwrap(),
            train: SampleSet::new(vec![SampleTable::from_batch(&train).unwrap()]),
            encoder,
        }
    }
}

pub(super) fn stage() -> StageContext<'static> {
    StageContext { vfs: &RealVfs, clock: &FixedClock(7), seed: 5 }
}

/// Nobody ends training.
static GOES_ON: AtomicBool = AtomicBool::new(false);

/// What training is run in, from random parameters or the newest checkpoint.
pub(super) fn context(progress: &dyn Progress, threads: usize) -> TrainContext<'_> {
    TrainContext { stage: stage(), progress, threads, stop: &GOES_ON, start: None, fresh: false }
}

/// Writes `<run_dir>/samples` with a manifest: training in two files, a validation part, its queries.
pub(super) fn write_samples(run_dir: &Path, labels_mode: bool) -> SampleLayout {
    let layout = SampleLayout { folder: run_dir.join("samples") };
    let key = StageKey { stage: "samples", settings: serde_json::json!(labels_mode), inputs: vec![] };
    run_stage(&stage(), &layout.folder, &key, |staging| {
        let (to, encoder) = (SampleLayout { folder: staging.to_owned() }, encoder());
        let write = |path: &Path, rows: SampleRows| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_table(&RealVfs, path, &rows.into_batch(&encoder).unwrap())
        };
        let train = to.part(Part::Train);
        let of_half = |half: usize| move |user: usize, event: usize| user % 2 == half && event + 2 < EVENTS;
        write(&train.join("0.arrow"), samples(&encoder, labels_mode, of_half(0)))?;
        write(&train.join("1.arrow"), samples(&encoder, labels_mode, of_half(1)))?;
        let held_out = |_: usize, event: usize| event + 2 == EVENTS;
        write(&to.part(Part::Validation).join("0.arrow"), samples(&encoder, labels_mode, held_out))?;
        let mut queries = samples(&encoder, false, held_out);
        queries.truth = Some(((0..=queries.len() as i32).collect(), queries.item.clone()));
        write(&to.queries(Part::Validation), queries)?;
        write_file(&RealVfs, &to.features(), encoder.to_json().as_bytes())?;
        let ids: Vec<String> = (0..ITEMS).map(|item| format!("{item:03}")).collect();
        let counts = item_table(&encoder).counts().to_vec();
        let rows = item_rows(&encoder, 0..ITEMS);
        write_table(&RealVfs, &to.items(), &ItemTable::batch(&ids, &counts, rows, &encoder)?)?;
        write_table(&RealVfs, &to.histories(), &histories().into_batch()?)?;
        Ok::<_, twinspire_core::CoreError>(Default::default())
    })
    .unwrap();
    layout
}

/// The corpus as a shared table.
pub(super) fn shared_items() -> Arc<ItemTable> {
    Arc::new(item_table(&encoder()))
}
