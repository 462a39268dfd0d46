//! Histories in memory, and the models that are measured on them: a tower over a history of 50 items, and a causal encoder
//! that trains at all 50 positions. Shapes are those of other frameworks' scripts.

use super::rows::ranks;
use crate::config::{
    LossSection, ModelSection, NegativesSection, Temperature, TrainSection, TrainedPositions, UniformSection,
};
use crate::error::Result;
use crate::train::{Files, ListFiles};
use twinspire_core::CoreError;
use twinspire_core::check::Faults;
use twinspire_core::encode::{EncodedRows, FeatureEncoder, Fitted};
use twinspire_core::history::{Histories, HistoryRows};
use twinspire_core::ids::MISSING;
use twinspire_core::items::ItemTable;
use twinspire_core::sample::{SampleRows, SampleSet, SampleTable};
use twinspire_core::schema::FeatureSchema;

const ITEMS: u32 = 10_000;

/// Items of a history; the one after them is the target of its last position.
const LENGTH: usize = 50;

/// Different batches; they are measured over and over.
const BATCHES: u32 = 64;

/// What is trained on histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One sample a history: self-attention of 2 heads, mean, a linear layer to 32; in-batch softmax.
    Tower,
    /// One sample a position: 2 causal blocks, 256 uniform negatives that a batch shares.
    Positions,
}

impl Kind {
    /// Samples of a history.
    pub(super) fn samples(self) -> u32 {
        match self {
            Self::Tower => 1,
            Self::Positions => LENGTH as u32,
        }
    }

    /// The towers, and how they are trained.
    pub(super) fn sections(self, batch: u32) -> (ModelSection, TrainSection) {
        let tower = |project: bool| serde_json::json!({ "hidden": [], "project": project });
        let encoder = match self {
            Self::Tower => serde_json::json!({ "heads": 2, "norm": "last", "causal": false, "output": "mean" }),
            Self::Positions => serde_json::json!({ "blocks": 2 }),
        };
        let mut entry = serde_json::json!({ "kind": "self_attention", "feature": "seen", "dropout": 0.0 });
        entry
            .as_object_mut()
            .into_iter()
            .for_each(|entry| entry.extend(encoder.as_object().cloned().unwrap_or_default()));
        let (project, dimension) = (self == Self::Tower, if self == Self::Tower { 32 } else { 64 });
        let model = serde_json::json!({ "embedding_dimension": 64, "output_dimension": dimension, "encoders": [entry],
            "user_tower": tower(project), "item_tower": tower(project) });
        let mut train = TrainSection { batch_size: batch * self.samples(), ..TrainSection::default() };
        match self {
            Self::Tower => {
                let (logq_correction, mask_accidental_hits) = (false, false);
                train.loss = LossSection::InBatchSoftmax {
                    temperature: Temperature::Fixed(0.05),
                    logq_correction,
                    mask_accidental_hits,
                };
            }
            Self::Positions => {
                let negatives = UniformSection { count: 256, shared: true, logq: false, weight: 1.0 };
                train.negatives = vec![NegativesSection::Uniform(negatives)];
                train.loss = LossSection::SampledSoftmax { temperature: Temperature::Fixed(0.05) };
                train.known_positives = crate::config::KnownPositives::Own;
                train.positions = TrainedPositions::All;
            }
        }
        (serde_json::from_value(model).expect("the sections above are sound"), train)
    }
}

/// Makes histories of skewed items, corpus and samples.
pub(super) fn files(kind: Kind, batch: u32, seed: u64) -> Result<Files> {
    let sections = serde_json::json!([
        { "name": "seen", "side": "user", "kind": "history", "of": ["id"], "max_length": LENGTH },
        { "name": "id", "side": "item", "kind": "hash", "buckets": ITEMS }]);
    let sections =
        serde_json::from_value(sections).map_err(|error| CoreError::damaged("features", error.to_string()))?;
    let schema = FeatureSchema::check(sections, &mut Faults::default()).expect("the fields above are sound");
    let encoder = FeatureEncoder::new(schema, Fitted::default())?;
    let (users, width) = (BATCHES * batch, LENGTH + 1);
    let drawn = ranks(("id", ITEMS, ITEMS), users * width as u32, seed, 0);
    let ids: Vec<String> = (0..ITEMS).map(|item| format!("{item:05}")).collect();
    let features = EncodedRows { rows: ids.len(), single: (0..ITEMS).collect(), ..EncodedRows::default() };
    let items = ItemTable::from_batch(&ItemTable::batch(&ids, &vec![1; ids.len()], features, &encoder)?)?;
    let samples = samples(kind, users, &drawn).into_batch(&encoder)?;
    let histories = HistoryRows {
        users: (0..users).map(|user| user.to_string()).collect(),
        offsets: (0..=users as i32).map(|user| user * width as i32).collect(),
        times: vec![0; drawn.len()],
        items: drawn,
        raw: Vec::new(),
    };
    Ok(Files {
        items,
        histories: Histories::from_batch(histories.into_batch()?)?,
        train: SampleSet::new(vec![SampleTable::from_batch(&samples)?]),
        encoder,
        validation: SampleSet::default(),
        queries: None,
        lists: ListFiles::default(),
    })
}

/// A sample for the last positions of every history, as many as a history has.
fn samples(kind: Kind, users: u32, drawn: &[u32]) -> SampleRows {
    let (of_user, width) = (kind.samples() as usize, LENGTH + 1);
    let ends = (LENGTH + 1 - of_user..=LENGTH).map(|end| end as u32);
    let rows: Vec<(u32, u32)> = (0..users).flat_map(|user| ends.clone().map(move |end| (user, end))).collect();
    SampleRows {
        user: rows.iter().map(|row| row.0).collect(),
        item: rows.iter().map(|(user, end)| drawn[*user as usize * width + *end as usize]).collect(),
        label: vec![1.0; rows.len()],
        weight: vec![1.0; rows.len()],
        time: vec![0; rows.len()],
        history_end: rows.iter().map(|row| row.1).collect(),
        history_skip: vec![MISSING; rows.len()],
        user_features: EncodedRows { rows: rows.len(), ..EncodedRows::default() },
        item_features: None,
        truth: None,
    }
}
