//! What the samplers of a config give, before anything is trained on it.
//!
//! In: the files of the samples stage, the checked settings, a seed. Out: for each sampler, how often each item was drawn
//! for random positives, and with which probability. No vector is computed, so that `cross_batch` stands here as what it
//! keeps: rows of a shuffled epoch.

use super::exclude::Exclusion;
use super::mix::sampler;
use super::{NegativeSampler, Positive};
use crate::batch::Samples;
use crate::config::{InBatchSection, LossSection, ModelSettings, NegativesSection, UniformSection};
use crate::error::{ModelError, Result};
use crate::train::{Files, check_mined, mined_folder};
use twinspire_core::rng::Rng;
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::{StageContext, read_manifest};

/// What one sampler gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Census {
    /// Its `kind` in the config.
    pub sampler: &'static str,
    /// Negatives of each item of the corpus.
    pub counts: Vec<u64>,
    /// Draws that count nothing: the positive itself, another one of the user, or no item at all.
    pub void: u64,
    /// Least and greatest sampling probability of the negatives; absent where there are none.
    pub probabilities: Option<(f64, f64)>,
    /// Why it cannot be drawn from, such as ranks that were not mined yet.
    pub missing: Option<String>,
}

/// Draws `draws` negatives from every sampler of `settings`, in their order. The rows of a batch stand for
/// `in_batch_softmax`, the corpus for `full_softmax`; where samples bring their own labels, there is no sampler.
///
/// # Errors
/// No samples, damaged or foreign tables; I/O. A sampler that lacks what it draws from is no error.
pub fn census(
    context: &StageContext<'_>,
    settings: &ModelSettings,
    layout: &SampleLayout,
    draws: u32,
) -> Result<Vec<Census>> {
    let manifest = read_manifest(context.vfs, &layout.folder)?;
    let files = Files::open(layout, Some(mined_folder(layout)))?;
    let samples = Samples::new(&files.train, files.read_histories(), &files.items);
    let known = Exclusion::new(settings.train().known_positives, &samples, &files.histories);
    let place = Place { samples: &samples, known: &known, rows: samples.numbers(true) };
    let streams = sections(settings).into_iter().zip(0..);
    let each = streams.map(|(section, number)| {
        let is_mined = matches!(section, NegativesSection::Mined(_));
        let usable = if is_mined { check_mined(context.vfs, layout, &manifest).map(drop) } else { Ok(()) };
        let mut census = Census::nothing(section.kind(), files.items.len());
        match usable.and_then(|()| sampler(&section, &files, &samples)) {
            Ok(sampler) => census.draw(&*sampler, &place, (Rng::stream(context.seed, "census", number), draws)),
            Err(error @ (ModelError::Unmined { .. } | ModelError::Unsuitable { .. })) => {
                census.missing = Some(error.to_string());
            }
            Err(
                error @ (ModelError::Core(_)
                | ModelError::Stopped { .. }
                | ModelError::Collapsed { .. }
                | ModelError::Diverged { .. }
                | ModelError::Unstartable { .. }),
            ) => return Err(error),
        }
        Ok(census)
    });
    each.collect()
}

/// The samplers of the settings, and what stands for those of a loss that draws none.
fn sections(settings: &ModelSettings) -> Vec<NegativesSection> {
    match settings.train().loss {
        LossSection::InBatchSoftmax { .. } => vec![NegativesSection::InBatch(InBatchSection::default())],
        LossSection::FullSoftmax { .. } => vec![NegativesSection::Uniform(UniformSection::default())],
        LossSection::Bce {}
        | LossSection::SampledSoftmax { .. }
        | LossSection::Bpr { .. }
        | LossSection::Hinge { .. }
        | LossSection::CosineContrastive { .. } => settings.negatives(),
    }
}

/// What negatives are drawn for.
struct Place<'a> {
    samples: &'a Samples<'a>,
    known: &'a Exclusion,
    /// Positives.
    rows: Vec<u32>,
}

impl Census {
    fn nothing(sampler: &'static str, items: usize) -> Self {
        Self { sampler, counts: vec![0; items], void: 0, probabilities: None, missing: None }
    }

    fn draw(&mut self, sampler: &dyn NegativeSampler, place: &Place<'_>, (mut rng, draws): (Rng, u32)) {
        if place.rows.is_empty() {
            return;
        }
        let items: Vec<u32> = place.rows.iter().map(|&row| place.samples.outcome(row).item).collect();
        for _ in 0..draws {
            let number = rng.below(place.rows.len() as u32) as usize;
            let (row, item) = (place.rows[number], items[number]);
            let event = place.samples.event(row);
            let positive = Positive { item, user: event.user, time: event.time, batch: &items };
            let known = place.known.of(place.samples, row);
            let drawn = sampler.draw(&positive, &mut rng);
            match drawn.filter(|drawn| *drawn != item && !known.contains(drawn)) {
                Some(negative) => self.count(negative, sampler.probability(&positive, negative)),
                None => self.void += 1,
            }
        }
    }

    fn count(&mut self, item: u32, probability: f64) {
        self.counts[item as usize] += 1;
        let (least, greatest) = self.probabilities.unwrap_or((probability, probability));
        self.probabilities = Some((least.min(probability), greatest.max(probability)));
    }
}
