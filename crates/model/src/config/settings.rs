//! The checked settings of model and training, which nothing else can build.

use super::alarms::check_alarms;
use super::encoders::{check_encoders, input_width};
use super::movement::{check_clip, check_early_stopping, check_optimizer, check_schedule};
use super::temperature::check_temperature;
use super::watching::check_tensorboard;
use super::{
    CrossSection, EncoderSection, LossSection, ModelSection, NegativesSection, Score, TowerSection, TrainSection,
    TrainedPositions, UniformSection,
};
use twinspire_core::check::Faults;
use twinspire_core::schema::{FeatureKind, FeatureSchema, Side};

/// Widest embedding, and longest vector.
const MAX_DIMENSION: u32 = 1024;

/// Uniform negatives of a batch of `sampled_softmax` where nothing is written.
const SHARED_NEGATIVES: u32 = 1024;

/// Most negatives of one sampler.
const MOST_NEGATIVES: u32 = 1 << 20;

/// Checked `[model]` and `[train]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSettings {
    model: ModelSection,
    train: TrainSection,
    labels_mode: bool,
}

impl ModelSettings {
    /// Checks the sections; `labels_mode` says that samples carry 0 or 1. All faults are pushed; `None` when there was one.
    pub fn check(
        model: &ModelSection,
        train: &TrainSection,
        schema: &FeatureSchema,
        labels_mode: bool,
        faults: &mut Faults,
    ) -> Option<Self> {
        let mut own = Faults::default();
        check_model(model, schema, &mut own);
        check_encoders(model, schema, &mut own);
        check_positions(model, train, &mut own);
        check_interests(model, train, &mut own);
        check_dimensions(schema, &mut own);
        check_train(train, &mut own);
        check_score(model.score, train, &mut own);
        check_loss(train, model.score, &mut own);
        check_negatives(train, schema, labels_mode, &mut own);
        check_optimizer(&train.optimizer, &mut own);
        check_clip(&train.clip, &mut own);
        check_schedule(&train.schedule, &mut own);
        check_early_stopping(train.early_stopping.as_ref(), &mut own);
        check_tensorboard(&train.tensorboard, &mut own);
        check_alarms(&train.alarms, &mut own);
        let sound = own.is_empty();
        for fault in own.into_vec() {
            faults.push(fault.key, fault.value, fault.reason, fault.hint);
        }
        sound.then(|| Self { model: model.clone(), train: train.clone(), labels_mode })
    }

    /// The checked `[model]` section.
    pub fn model(&self) -> &ModelSection {
        &self.model
    }

    /// The checked `[train]` section.
    pub fn train(&self) -> &TrainSection {
        &self.train
    }

    /// Where negatives come from: what is written, or what stands for nothing; none where the loss draws none.
    pub fn negatives(&self) -> Vec<NegativesSection> {
        let shared = UniformSection { count: SHARED_NEGATIVES, shared: true, ..UniformSection::default() };
        let default = match self.train.loss {
            LossSection::InBatchSoftmax { .. } | LossSection::FullSoftmax { .. } => return Vec::new(),
            LossSection::Bce {} if self.labels_mode => return Vec::new(),
            LossSection::SampledSoftmax { .. } => shared,
            LossSection::Bce {}
            | LossSection::Bpr { .. }
            | LossSection::Hinge { .. }
            | LossSection::CosineContrastive { .. } => UniformSection::default(),
        };
        match &self.train.negatives[..] {
            [] => vec![NegativesSection::Uniform(default)],
            written => written.to_vec(),
        }
    }

    /// True when samples carry 0 or 1 and their own item features.
    pub fn labels_mode(&self) -> bool {
        self.labels_mode
    }
}

fn check_model(model: &ModelSection, schema: &FeatureSchema, faults: &mut Faults) {
    let width = model.embedding_dimension;
    let widths = 1..=MAX_DIMENSION;
    faults.require(widths.contains(&width), "model.embedding_dimension", width, "1 to 1024");
    let length = model.output_dimension;
    faults.require((2..=MAX_DIMENSION).contains(&length), "model.output_dimension", length, "2 to 1024");
    for (name, tower, of_item) in [("user_tower", &model.user_tower, false), ("item_tower", &model.item_tower, true)] {
        check_tower(&format!("model.{name}.hidden"), tower, faults);
        let width = input_width(model, schema, of_item);
        if let Some(cross) = &tower.cross {
            check_cross(&format!("model.{name}.cross"), cross, width, faults);
        }
        let is_whole = tower.project || (tower.hidden.is_empty() && width == length);
        let reason =
            format!("without it `hidden` is [], and the input has to be as wide as the vector: {width}, {length}");
        faults.require(is_whole, &format!("model.{name}.project"), tower.project, &reason);
    }
}

fn check_tower(key: &str, tower: &TowerSection, faults: &mut Faults) {
    let sound = tower.hidden.len() <= 16 && tower.hidden.iter().all(|width| (2..=4096).contains(width));
    faults.require(sound, key, format!("{:?}", tower.hidden), "at most 16 layers, each 2 to 4096 wide");
}

fn check_cross(key: &str, cross: &CrossSection, width: u32, faults: &mut Faults) {
    faults.require((1..=8).contains(&cross.layers), &format!("{key}.layers"), cross.layers, "1 to 8");
    let rank = cross.rank.unwrap_or(1);
    let reason = format!("1 or more, below the width of the tower's input, which is {width}");
    faults.require(cross.rank.is_none() || (1..width).contains(&rank), &format!("{key}.rank"), rank, &reason);
}

/// All positions train in one pass where each sees only what was before it.
fn check_positions(model: &ModelSection, train: &TrainSection, faults: &mut Faults) {
    let is_causal = !model.encoders.is_empty() && model.encoders.iter().all(EncoderSection::is_causal);
    let reason = "`all` needs an entry in model.encoders, and `causal = true` in each";
    faults.require(train.positions == TrainedPositions::Single || is_causal, "train.positions", "all", reason);
}

/// The positive says which interest meets the negatives.
fn check_interests(model: &ModelSection, train: &TrainSection, faults: &mut Faults) {
    let several = model.encoders.iter().any(|encoder| encoder.interests() > 1);
    let reason = "not with several interests: they meet the items of a row by its positive, and a pair of `bce` has a label \
                  of its own; take a softmax, `bpr`, `hinge` or `cosine_contrastive`";
    faults.require(!several || train.loss != LossSection::Bce {}, "train.loss.kind", "bce", reason);
}

/// Two losses are defined on cosines.
fn check_score(score: Score, train: &TrainSection, faults: &mut Faults) {
    let kind = match train.loss {
        LossSection::Bce {} => "bce",
        LossSection::CosineContrastive { .. } => "cosine_contrastive",
        LossSection::InBatchSoftmax { .. }
        | LossSection::SampledSoftmax { .. }
        | LossSection::FullSoftmax { .. }
        | LossSection::Bpr { .. }
        | LossSection::Hinge { .. } => return,
    };
    let reason = "not with `model.score = \"dot\"`: it is defined on cosines; take a softmax, `bpr` or `hinge`";
    faults.require(score == Score::Cosine, "train.loss.kind", kind, reason);
}

fn check_dimensions(schema: &FeatureSchema, faults: &mut Faults) {
    for (number, feature) in schema.features().iter().enumerate() {
        let Some(dimension) = feature.dimension else { continue };
        let key = format!("features[{number}].dimension");
        faults.require((1..=MAX_DIMENSION).contains(&dimension), &key, dimension, "1 to 1024");
    }
}

fn check_train(train: &TrainSection, faults: &mut Faults) {
    faults.require(train.epochs > 0, "train.epochs", train.epochs, "1 or more");
    let rate = train.learning_rate;
    faults.require(rate.is_finite() && rate > 0.0, "train.learning_rate", rate, "a finite number above 0");
    let batch = train.batch_size;
    faults.require((2..=1 << 20).contains(&batch), "train.batch_size", batch, "2 to 1048576");
    let steps = [
        ("steps_per_epoch", train.steps_per_epoch),
        ("validation_steps", train.validation_steps),
        ("checkpoints.steps", train.checkpoints.steps),
    ];
    for (key, value) in steps {
        faults.require(value != Some(0), &format!("train.{key}"), 0, "1 or more, or leave it out");
    }
    let keep = train.checkpoints.keep;
    faults.require((1..=1000).contains(&keep), "train.checkpoints.keep", keep, "1 to 1000");
}

fn check_loss(train: &TrainSection, score: Score, faults: &mut Faults) {
    let (loss, smoothing) = (&train.loss, train.label_smoothing);
    faults.require((0.0..1.0).contains(&smoothing), "train.label_smoothing", smoothing, "0.0 to below 1.0");
    let sound = smoothing == 0.0 || loss.is_softmax();
    faults.require(sound, "train.label_smoothing", smoothing, "0.0: only a softmax has a target to spread");
    match loss {
        LossSection::Bce {} => {}
        LossSection::InBatchSoftmax { temperature, .. }
        | LossSection::SampledSoftmax { temperature }
        | LossSection::FullSoftmax { temperature } => check_temperature(*temperature, faults),
        LossSection::Bpr { temperature } => {
            faults.require((0.02..=10.0).contains(temperature), "train.loss.temperature", temperature, "0.02 to 10");
        }
        LossSection::Hinge { margin } => {
            let widest = 2.0 * score.bound().map_or(f64::INFINITY, f64::from);
            let sound = *margin > 0.0 && margin.is_finite() && *margin <= widest;
            faults.require(sound, "train.loss.margin", margin, "above 0, and of cosines at most 2");
        }
        LossSection::CosineContrastive { margin, negative_weight } => {
            faults.require((-1.0..1.0).contains(margin), "train.loss.margin", margin, "-1.0 to below 1.0");
            let sound = negative_weight.is_finite() && *negative_weight > 0.0;
            faults.require(sound, "train.loss.negative_weight", negative_weight, "a finite number above 0");
        }
    }
}

fn check_negatives(train: &TrainSection, schema: &FeatureSchema, labels_mode: bool, faults: &mut Faults) {
    let is_bce = train.loss == LossSection::Bce {};
    let draws = match train.loss {
        LossSection::Bce {} => !labels_mode,
        LossSection::SampledSoftmax { .. }
        | LossSection::Bpr { .. }
        | LossSection::Hinge { .. }
        | LossSection::CosineContrastive { .. } => true,
        LossSection::InBatchSoftmax { .. } | LossSection::FullSoftmax { .. } => false,
    };
    let reason = "this loss draws no negatives: `bce` does where samples carry no labels, and all others but \
                  `in_batch_softmax` and `full_softmax`";
    faults.require(draws || train.negatives.is_empty(), "train.negatives", train.negatives.len(), reason);
    for (number, section) in train.negatives.iter().enumerate() {
        let (key, common) = (|name: &str| format!("train.negatives[{number}].{name}"), section.common());
        let counts = 1..=MOST_NEGATIVES;
        let count = common.count.unwrap_or(1);
        faults.require(counts.contains(&count), &key("count"), count, "1 to 1048576");
        let weight = common.weight;
        faults.require(weight.is_finite() && weight > 0.0, &key("weight"), weight, "a finite number above 0");
        let pairs =
            "`bce` pairs a positive with negatives of its own: a `count` for each, no `shared`, no `cross_batch`";
        faults.require(!(is_bce && common.shared), &key("shared"), true, pairs);
        check_sampler(section, key, schema, faults);
    }
    check_rows(train, faults);
    let corrected = || train.negatives.iter().map(NegativesSection::common).filter(|common| common.logq);
    let mixed =
        train.loss.is_softmax() && corrected().any(|common| common.shared) && corrected().any(|common| !common.shared);
    let reason = "samplers with `logq = true` correct each other: all of them are `shared` (or `in_batch` without a \
                  count), or none";
    faults.require(!mixed, "train.negatives", train.negatives.len(), reason);
}

/// All rows of a batch are met once, and so are those of earlier ones, which need them beside.
fn check_rows(train: &TrainSection, faults: &mut Faults) {
    let of_rows = |section: &&NegativesSection| section.common().count.is_none();
    let kinds = || train.negatives.iter().filter(of_rows).map(NegativesSection::kind);
    for (number, section) in train.negatives.iter().enumerate().filter(|(_, section)| of_rows(section)) {
        let key = format!("train.negatives[{number}]");
        let is_first = !train.negatives[..number].iter().filter(of_rows).any(|other| other.kind() == section.kind());
        let reason = "one entry at most that takes all rows: two would be the same rows";
        faults.require(is_first, &format!("{key}.kind"), section.kind(), reason);
        let NegativesSection::CrossBatch(own) = section else { continue };
        let rows = u64::from(own.batches) * u64::from(train.batch_size);
        let sound = (1..=u64::from(MOST_NEGATIVES)).contains(&rows);
        let reason = "1 or more, and at most 1048576 rows with `train.batch_size`";
        faults.require(sound, &format!("{key}.batches"), own.batches, reason);
        let has_moving = kinds().any(|kind| kind == "in_batch");
        let reason = "needs `in_batch` without a count beside it: no gradient reaches the items of earlier batches";
        faults.require(has_moving, &format!("{key}.kind"), section.kind(), reason);
    }
}

fn check_sampler(
    section: &NegativesSection,
    key: impl Fn(&str) -> String,
    schema: &FeatureSchema,
    faults: &mut Faults,
) {
    match section {
        NegativesSection::Popularity(own) => {
            faults.require((0.0..=2.0).contains(&own.alpha), &key("alpha"), own.alpha, "0.0 to 2.0");
            let floor = own.uniform_floor;
            faults.require((0.0..=1.0).contains(&floor), &key("uniform_floor"), floor, "0.0 to 1.0");
        }
        NegativesSection::Impressed(own) => {
            faults.require(own.recent > 0, &key("recent"), own.recent, "1 or more");
        }
        NegativesSection::SameAttribute(own) => {
            let found = schema.features().iter().find(|feature| feature.name == own.feature);
            let has_ids = found.is_some_and(|feature| {
                feature.side == Side::Item && !matches!(feature.kind, FeatureKind::Numeric { .. })
            });
            faults.require(has_ids, &key("feature"), &own.feature, "an item feature with ids: not a numeric one");
        }
        NegativesSection::Uniform(_)
        | NegativesSection::InBatch(_)
        | NegativesSection::CrossBatch(_)
        | NegativesSection::Rejected(_)
        | NegativesSection::Mined(_) => {}
    }
}
