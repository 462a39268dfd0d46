//! Several samplers at once.
//!
//! In: the sections of `[[train.negatives]]` and what their samplers read. Out: draws with what they count in a loss.
//! Each sampler gives its own number of negatives, `n_s`. A negative `j` that a corrected sampler drew is divided by how
//! often all corrected ones together are expected to draw it, `E(j) = Σ n_s · q_s(j)`, so that `Σ exp(s_j) / E(j)` over the
//! draws has the expectation `Σ exp(s_j)` over the corpus: importance sampling of the partition function (Bengio, Senécal:
//! "Adaptive Importance Sampling to Accelerate Training of a Neural Probabilistic Language Model", IEEE TNN 2008), with
//! several proposals weighted by the balance heuristic (Veach, Guibas: "Optimally Combining Sampling Techniques for Monte
//! Carlo Rendering", SIGGRAPH 1995); for `in_batch` and `cross_batch` the correction of Yi et al. (RecSys 2019). A
//! negative whose bias is wanted is not divided. The positive itself is always there, so it is never corrected
//! (Khrylchenko et al.: "Correcting the LogQ Correction", RecSys 2025).
//!
//! Rows of earlier batches are values: users are pushed away from them, but no gradient reaches their items. Without more,
//! an item would be pulled by all of its positives and pushed by a part of its negatives. So those candidates whose items
//! can be reached push for the others too: by how often an item is expected among all candidates, over how often among
//! those that move. The gradient of the item tower is then that of importance sampling from these alone, with the
//! partition function of all candidates.

use super::exclude::Exclusion;
use super::{InBatch, Listed, NegativeSampler, Popularity, Positive, SameAttribute, Uniform};
use crate::batch::Samples;
use crate::config::{LossSection, ModelSettings, NegativesSection};
use crate::error::{ModelError, Result};
use crate::train::Files;
use twinspire_core::ids::MISSING;
use twinspire_core::rng::Rng;

/// Largest corpus of the full softmax.
const MOST_FULL: usize = 1 << 17;

/// A drawn negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Draw {
    /// Row of the corpus.
    pub(crate) item: u32,
    /// Multiplies the loss of the pair; 0 where nothing could be drawn.
    pub(crate) weight: f32,
    /// Added to the score in a softmax: `ln(weight) - ln E(item)`; negative infinity where nothing could be drawn.
    pub(crate) shift: f32,
}

/// One sampler of the mix.
struct Source {
    sampler: Box<dyn NegativeSampler>,
    count: usize,
    corrected: bool,
    weight: f64,
}

/// All samplers, and what is never drawn.
pub(crate) struct Mix {
    /// Drawn for each positive.
    own: Vec<Source>,
    /// Drawn once a batch.
    shared: Vec<Source>,
    /// The rows of the batch are negatives of each other.
    rows: Option<Rows>,
    /// The rows of earlier batches are negatives.
    earlier: Option<Rows>,
    /// Every item is a negative, once.
    corpus: Option<u32>,
    known: Exclusion,
}

/// How the rows of a batch count.
struct Rows {
    sampler: InBatch,
    corrected: bool,
    weight: f64,
}

/// A sampler of candidates that all rows of a batch meet.
struct MetSource<'a> {
    sampler: &'a dyn NegativeSampler,
    count: usize,
    corrected: bool,
    weight: f64,
    /// Gradients reach its items.
    moves: bool,
}

impl MetSource<'_> {
    /// How often it is expected to give an item.
    fn expected(&self, item: u32, met: Met<'_>) -> f64 {
        let nobody = Positive { item: MISSING, user: MISSING, time: 0, batch: met.rows };
        self.count as f64 * self.sampler.probability(&nobody, item)
    }
}

/// Items whose vectors are there without a draw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Met<'a> {
    /// Of the rows of the batch.
    pub(crate) rows: &'a [u32],
    /// Of the rows of earlier batches.
    pub(crate) earlier: &'a [u32],
}

/// A mix with the stream that it draws from.
#[derive(Clone, Copy)]
pub(crate) struct Drawn<'a> {
    pub(crate) mix: &'a Mix,
    pub(crate) seed: u64,
    pub(crate) purpose: &'static str,
}

impl Drawn<'_> {
    /// The stream of one chunk of a batch. A batch has less than 2^24 chunks.
    pub(crate) fn stream(&self, batch: u64, chunk: usize) -> Rng {
        Rng::stream(self.seed, self.purpose, (batch << 24) | chunk as u64)
    }

    /// The negatives that all rows of batch `number` share, beside those that are `met`.
    pub(crate) fn draw_shared(&self, number: u64, met: Met<'_>, draws: &mut Vec<Draw>) {
        // No chunk has this number.
        let mut rng = self.stream(number, (1 << 24) - 1);
        self.mix.draw_shared(met, &mut rng, draws);
    }
}

impl Mix {
    /// The negatives that the settings ask for.
    ///
    /// # Errors
    /// `Unsuitable` where the samples do not have what a sampler needs, or the corpus is too large for a full softmax.
    pub(crate) fn new(settings: &ModelSettings, files: &Files, samples: &Samples<'_>) -> Result<Self> {
        let is_full = matches!(settings.train().loss, LossSection::FullSoftmax { .. });
        if is_full && files.items.len() > MOST_FULL {
            let reason = format!("full_softmax takes up to {MOST_FULL} items, the corpus has {}", files.items.len());
            return Err(ModelError::unsuitable("train.loss", reason));
        }
        let known = Exclusion::new(settings.train().known_positives, samples, &files.histories);
        let mut mix = Self::nothing(known);
        mix.corpus = is_full.then_some(files.items.len() as u32);
        // Pairs have no partition function that could be estimated.
        let can_correct = settings.train().loss.is_softmax();
        for section in settings.negatives() {
            mix.add(&section, (files, samples), can_correct)?;
        }
        Ok(mix)
    }

    /// Uniform negatives for each positive, its own item aside.
    pub(crate) fn uniform(corpus: usize, count: usize) -> Self {
        let sampler = Box::new(Uniform { corpus: corpus as u32 });
        let mut mix = Self::nothing(Exclusion::Own);
        mix.own.push(Source { sampler, count, corrected: false, weight: 1.0 });
        mix
    }

    fn nothing(known: Exclusion) -> Self {
        Self { own: Vec::new(), shared: Vec::new(), rows: None, earlier: None, corpus: None, known }
    }

    fn add(
        &mut self,
        section: &NegativesSection,
        (files, samples): (&Files, &Samples<'_>),
        can_correct: bool,
    ) -> Result<()> {
        let common = section.common();
        let (corrected, weight) = (can_correct && common.logq, common.weight);
        let Some(count) = common.count else {
            let rows = Some(Rows { sampler: InBatch::new(&samples.positives_by_item()), corrected, weight });
            match section {
                NegativesSection::CrossBatch(_) => self.earlier = rows,
                NegativesSection::InBatch(_)
                | NegativesSection::Uniform(_)
                | NegativesSection::Popularity(_)
                | NegativesSection::Impressed(_)
                | NegativesSection::Rejected(_)
                | NegativesSection::SameAttribute(_)
                | NegativesSection::Mined(_) => self.rows = rows,
            }
            return Ok(());
        };
        let source = Source { sampler: sampler(section, files, samples)?, count: count as usize, corrected, weight };
        if common.shared {
            self.shared.push(source)
        } else {
            self.own.push(source)
        };
        Ok(())
    }

    /// Negatives that are drawn for each positive.
    pub(crate) fn own_len(&self) -> usize {
        self.own.iter().map(|source| source.count).sum()
    }

    /// Are the rows of a batch negatives of each other?
    pub(crate) fn takes_rows(&self) -> bool {
        self.rows.is_some()
    }

    /// Items that are left out of a sample's negatives beside its own.
    pub(crate) fn known<'a>(&'a self, samples: &'a Samples<'_>, row: u32) -> &'a [u32] {
        self.known.of(samples, row)
    }

    /// Gives [`Mix::own_len`] negatives of a positive; what is `known` counts nothing.
    pub(crate) fn draw_own(&self, positive: &Positive<'_>, known: &[u32], rng: &mut Rng, mut take: impl FnMut(Draw)) {
        for source in &self.own {
            for _ in 0..source.count {
                let drawn = source.sampler.draw(positive, rng);
                let negative = drawn.filter(|item| *item != positive.item && !known.contains(item));
                take(match negative {
                    Some(item) => source.counted(item, expected(&self.own, positive, item)),
                    None => Draw { item: positive.item, weight: 0.0, shift: f32::NEG_INFINITY },
                });
            }
        }
    }

    /// The negatives that all positives of a batch share, beside those that are `met`.
    fn draw_shared(&self, met: Met<'_>, rng: &mut Rng, draws: &mut Vec<Draw>) {
        draws.clear();
        draws.extend((0..self.corpus.unwrap_or(0)).map(|item| Draw { item, weight: 1.0, shift: 0.0 }));
        let nobody = Positive { item: MISSING, user: MISSING, time: 0, batch: met.rows };
        for source in &self.shared {
            let drawn = (0..source.count).filter_map(|_| source.sampler.draw(&nobody, rng));
            draws.extend(drawn.map(|item| source.counted(item, self.expected_shared(met, item))));
        }
    }

    /// What row items add to their scores as negatives of the other rows.
    pub(crate) fn row_shift(&self, met: Met<'_>, item: u32) -> f32 {
        self.met_shift(self.rows.as_ref(), met, item)
    }

    /// What items of earlier batches add to their scores.
    pub(crate) fn earlier_shift(&self, met: Met<'_>, item: u32) -> f32 {
        self.met_shift(self.earlier.as_ref(), met, item)
    }

    fn met_shift(&self, rows: Option<&Rows>, met: Met<'_>, item: u32) -> f32 {
        let Some(Rows { corrected, weight, .. }) = rows else { return f32::NEG_INFINITY };
        shift(*weight, if *corrected { self.expected_shared(met, item) } else { 1.0 })
    }

    fn expected_shared(&self, met: Met<'_>, item: u32) -> f64 {
        self.met_sources(met).filter(|source| source.corrected).map(|source| source.expected(item, met)).sum()
    }

    fn met_sources(&self, met: Met<'_>) -> impl Iterator<Item = MetSource<'_>> {
        let rows = self.rows.iter().map(move |rows| (rows, met.rows.len().saturating_sub(1), true));
        let of_rows = rows.chain(self.earlier.iter().map(move |rows| (rows, met.earlier.len(), false)));
        let of_rows = of_rows.map(|(Rows { sampler, corrected, weight }, count, moves)| MetSource {
            sampler,
            count,
            corrected: *corrected,
            weight: *weight,
            moves,
        });
        let shared = self.shared.iter().map(|source| {
            let Source { sampler, count, corrected, weight } = source;
            MetSource { sampler: &**sampler, count: *count, corrected: *corrected, weight: *weight, moves: true }
        });
        shared.chain(of_rows)
    }

    /// What all candidates together are expected to weigh for an item, over what those weigh that move.
    pub(crate) fn push(&self, met: Met<'_>, item: u32) -> f32 {
        let corrected = self.expected_shared(met, item);
        let (mut moving, mut still) = (0.0, 0.0);
        for source in self.met_sources(met) {
            let weighs = source.weight * source.expected(item, met) / if source.corrected { corrected } else { 1.0 };
            *(if source.moves { &mut moving } else { &mut still }) += weighs;
        }
        if moving > 0.0 { (1.0 + still / moving) as f32 } else { 1.0 }
    }
}

impl Source {
    fn counted(&self, item: u32, expected: f64) -> Draw {
        let divisor = if self.corrected { expected } else { 1.0 };
        Draw { item, weight: self.weight as f32, shift: shift(self.weight, divisor) }
    }
}

/// `E(item)` of corrected samplers.
fn expected(sources: &[Source], positive: &Positive<'_>, item: u32) -> f64 {
    let corrected = sources.iter().filter(|source| source.corrected);
    corrected.map(|source| source.count as f64 * source.sampler.probability(positive, item)).sum()
}

fn shift(weight: f64, expected: f64) -> f32 {
    (weight / expected).ln() as f32
}

/// The sampler of an entry.
///
/// # Errors
/// `Unsuitable` or `Unmined` where there is nothing to draw from.
pub(super) fn sampler(
    section: &NegativesSection,
    files: &Files,
    samples: &Samples<'_>,
) -> Result<Box<dyn NegativeSampler>> {
    let items = &files.items;
    Ok(match section {
        NegativesSection::Uniform(_) => Box::new(Uniform { corpus: items.len() as u32 }),
        NegativesSection::Popularity(own) => Box::new(Popularity::new(items.counts(), own.alpha, own.uniform_floor)),
        NegativesSection::InBatch(_) | NegativesSection::CrossBatch(_) => {
            Box::new(InBatch::new(&samples.positives_by_item()))
        }
        NegativesSection::SameAttribute(own) => {
            let found = SameAttribute::new(files.encoder.item_layout(), &items.features(), &own.feature);
            let reason = || format!("the item tower has no feature {:?} with ids", own.feature);
            Box::new(found.ok_or_else(|| ModelError::unsuitable("same_attribute", reason()))?)
        }
        NegativesSection::Impressed(own) => {
            Box::new(Listed::new(files.lists.impressions()?, Some(own.recent as usize)))
        }
        NegativesSection::Rejected(_) => Box::new(Listed::new(files.lists.rejections()?, None)),
        NegativesSection::Mined(_) => Box::new(Listed::new(files.lists.mined()?, None)),
    })
}
