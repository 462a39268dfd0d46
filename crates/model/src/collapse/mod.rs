//! Whether a model collapses while it is trained.
//!
//! In: the model, samples, and a loss. Out: figures by name, and [`Alarm`]s where one is beyond its threshold. A model has
//! collapsed when users cannot be told apart any more: all vectors point one way, or lie on a line, or every list holds the
//! same hot items, or the loss is that of a model which knows nothing. What follows an alarm is not decided here.

mod alarm;
mod measure;

pub use alarm::{Alarm, Sign};

use crate::batch::{Samples, UsersOf};
use crate::config::{AlarmAction, AlarmsSection, LossSection, ModelSettings, Score};
use crate::layer::normalize;
use crate::layout::ModelLayout;
use crate::model::TwoTower;
use crate::validate::ItemVectors;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use twinspire_core::rng::Rng;

/// Of so many items one is hot.
const HOT: usize = 100;

/// Steps of the first epoch after which alarms are raised, where no setting says when.
const WARM_STEPS: u64 = 1000;

/// What is looked at, and against what.
pub(crate) struct Watch<'a> {
    section: &'a AlarmsSection,
    samples: &'a Samples<'a>,
    /// Samples whose users are looked at, ascending.
    rows: Vec<u32>,
    hot: BTreeSet<u32>,
    /// The loss of a model that knows nothing, where it is known.
    ignorance: Option<f64>,
}

impl<'a> Watch<'a> {
    /// Draws the samples; `counts` are the positives of each item of the corpus.
    pub(crate) fn new(settings: &'a ModelSettings, samples: &'a Samples<'a>, counts: &[u64], seed: u64) -> Self {
        let section = &settings.train().alarms;
        let (mut rng, all) = (Rng::stream(seed, "alarms", 0), samples.len() as u32);
        let few = all <= section.users;
        let drawn: BTreeSet<u32> =
            if few { (0..all).collect() } else { (0..section.users).map(|_| rng.below(all)).collect() };
        let mut order: Vec<u32> = (0..counts.len() as u32).collect();
        order.sort_by_key(|&item| (std::cmp::Reverse(counts[item as usize]), item));
        let hot = order.into_iter().take(counts.len().div_ceil(HOT)).collect();
        let ignorance = ignorance(settings, counts.len());
        Self { section, samples, rows: drawn.into_iter().collect(), hot, ignorance }
    }

    /// Is it time for a look inside an epoch, after so many steps?
    pub(crate) fn is_due(&self, steps: u64) -> bool {
        self.section.every > 0 && steps.is_multiple_of(u64::from(self.section.every))
    }

    /// What a look finds, by name; without the vectors of the `items`, no lists are made. What is off is not looked at.
    pub(crate) fn figures(
        &self,
        model: &TwoTower,
        loss: f64,
        items: Option<&ItemVectors<'_>>,
    ) -> BTreeMap<String, f64> {
        let AlarmsSection { mean_cosine, effective_rank, hot_share, loss_share, .. } = self.section;
        let is_on = |action: AlarmAction| action != AlarmAction::Off;
        let (corpus, dimension, rows) = (self.samples.corpus(), model.dimension(), &self.rows);
        let users = LazyCell::new(|| {
            let users = model.user_vectors(corpus, rows.len(), |start| UsersOf(self.samples, &rows[start..]));
            directions(users, &model.layout)
        });
        let of_lists = |items: &ItemVectors<'_>| {
            let k = (hot_share.k as usize).min(self.hot.len());
            measure::hot_share(&users, items, dimension, (&self.hot, k))
        };
        let cosine = is_on(mean_cosine.action).then(|| measure::mean_cosine(&users, dimension)).flatten();
        let rank = is_on(effective_rank.action).then(|| measure::effective_rank(&users, dimension)).flatten();
        let share = items.filter(|_| is_on(hot_share.action)).and_then(of_lists);
        let of_loss = self.ignorance.filter(|_| is_on(loss_share.action)).map(|ignorance| loss / ignorance);
        let figures = [
            (Sign::MeanCosine, cosine),
            (Sign::EffectiveRank, rank),
            (Sign::HotShare, share),
            (Sign::LossShare, of_loss),
        ];
        figures.into_iter().filter_map(|(sign, figure)| Some((sign.name().to_owned(), figure?))).collect()
    }

    /// The figures that are beyond their thresholds, after so many steps; `epochs` ended before the one that is looked at.
    pub(crate) fn alarms(&self, figures: &BTreeMap<String, f64>, (epochs, steps): (u32, u64)) -> Vec<Alarm> {
        let is_warm = match self.section.warm_up_steps {
            Some(needed) => steps >= needed,
            None => epochs > 0 || steps >= WARM_STEPS,
        };
        if !is_warm {
            return Vec::new();
        }
        let AlarmsSection { mean_cosine, effective_rank, hot_share, loss_share, .. } = self.section;
        let limits = [
            (Sign::MeanCosine, mean_cosine.above, mean_cosine.action),
            (Sign::EffectiveRank, effective_rank.below, effective_rank.action),
            (Sign::HotShare, hot_share.above, hot_share.action),
            (Sign::LossShare, loss_share.above, loss_share.action),
        ];
        let raised = |(sign, limit, action): (Sign, f64, AlarmAction)| {
            let figure = figures.get(sign.name()).copied().filter(|_| action != AlarmAction::Off)?;
            let stops = action == AlarmAction::Stop;
            sign.is_beyond(figure, limit).then_some(Alarm { sign, figure, limit, stops })
        };
        limits.into_iter().filter_map(raised).collect()
    }
}

/// User vectors of length 1: what users have in common is their direction, and a user's length changes no list of hers.
fn directions(mut users: Vec<f32>, layout: &ModelLayout) -> Vec<f32> {
    match layout.score() {
        Score::Cosine => {}
        Score::Dot => {
            let mut factors = vec![0.0; users.len() / layout.dimension()];
            normalize::forward(&mut users, layout.dimension(), &mut factors);
        }
    }
    users
}

/// The mean loss of a model to which all items are alike, over a corpus of so many; nothing where it depends on more than the
/// settings.
fn ignorance(settings: &ModelSettings, corpus: usize) -> Option<f64> {
    let (train, negatives) = (settings.train(), settings.negatives());
    let own = || negatives.iter().map(|section| f64::from(section.common().count.unwrap_or(0))).sum::<f64>();
    match train.loss {
        // The correction divides an item by how often it is met; then the mean is higher still.
        LossSection::InBatchSoftmax { .. } => Some(f64::from(train.batch_size).ln()),
        LossSection::FullSoftmax { .. } => Some((corpus as f64).ln()),
        LossSection::SampledSoftmax { .. } => Some(met(settings, corpus).ln()),
        LossSection::Bpr { .. } => Some(2f64.ln()),
        LossSection::Hinge { margin } => Some(margin),
        LossSection::Bce {} if settings.labels_mode() => None,
        LossSection::Bce {} => {
            let share = 1.0 / (1.0 + own());
            Some(-(share * share.ln() + (1.0 - share) * (1.0 - share).ln()))
        }
        LossSection::CosineContrastive { .. } => None,
    }
}

/// How many items a positive of a sampled softmax meets, itself among them: negatives that are corrected stand for the whole
/// corpus, others for themselves.
fn met(settings: &ModelSettings, corpus: usize) -> f64 {
    let batch = f64::from(settings.train().batch_size);
    let (mut others, mut is_corrected) = (0.0, false);
    for section in settings.negatives() {
        let common = section.common();
        if common.logq {
            is_corrected = true;
        } else {
            others += common.weight * common.count.map_or(batch, f64::from);
        }
    }
    others + if is_corrected { corpus as f64 } else { 1.0 }
}
