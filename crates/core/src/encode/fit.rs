//! What is learnt from the training part: vocabularies, mean and deviation, collisions.

use super::Raw;
use super::value::{before_moments, clean, element_of, finite};
use crate::hash::fingerprint64;
use crate::schema::{FeatureKind, FeatureSchema, FeatureSpec, Normalise, Side};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Learnt state of a schema, by feature name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Values of fitted vocabularies, by falling count, then by text.
    pub vocabularies: BTreeMap<String, Vec<String>>,
    /// `(mean, deviation)` of numeric features, after `log` where it applies; a deviation of 0 counts as 1.
    pub moments: BTreeMap<String, (f64, f64)>,
}

/// Distinct values and collisions of one hashed feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collisions {
    /// Name of the feature.
    pub feature: String,
    /// Buckets of the table.
    pub buckets: u32,
    /// Distinct values seen.
    pub distinct: u64,
    /// Distinct values that share their bucket with another one.
    pub colliding: u64,
}

/// Sees raw values once and returns [`Fitted`]. Fitters of parts are merged in a fixed order, since sums of floats
/// depend on it.
#[derive(Debug, Clone)]
pub struct Fitter {
    user: Vec<FeatureFitter>,
    item: Vec<FeatureFitter>,
}

#[derive(Debug, Clone)]
struct FeatureFitter {
    feature: FeatureSpec,
    learnt: Learnt,
}

#[derive(Debug, Clone)]
enum Learnt {
    Nothing,
    Counts(FxHashMap<String, u64>),
    Distinct {
        buckets: u32,
        fingerprints: FxHashSet<u64>,
    },
    /// Count, sum and sum of squares.
    Moments {
        normalise: Normalise,
        sums: [f64; 3],
    },
}

impl Fitter {
    /// Nothing seen yet.
    pub fn new(schema: &FeatureSchema) -> Self {
        let of = |is_item: bool| {
            let mine = schema.features().iter().filter(move |feature| (feature.side == Side::Item) == is_item);
            let read = mine.filter(|feature| !matches!(feature.kind, FeatureKind::History { .. }));
            read.map(FeatureFitter::new).collect()
        };
        Self { user: of(false), item: of(true) }
    }

    /// Sees the values of one training row; `values` in the order of [`super::FeatureEncoder::user_columns`].
    pub fn see_user(&mut self, values: &[Raw<'_>]) {
        self.user.iter_mut().zip(values).for_each(|(fitter, value)| fitter.see(*value));
    }

    /// Sees the values of one item of the corpus, in the order of [`super::FeatureEncoder::item_columns`].
    pub fn see_item(&mut self, values: &[Raw<'_>]) {
        self.item.iter_mut().zip(values).for_each(|(fitter, value)| fitter.see(*value));
    }

    /// Joins what another part saw.
    pub fn merge(&mut self, other: Self) {
        let theirs = other.user.into_iter().chain(other.item);
        self.user
            .iter_mut()
            .chain(&mut self.item)
            .zip(theirs)
            .for_each(|(ours, theirs)| ours.learnt.merge(theirs.learnt));
    }

    /// The learnt state, and the collisions of each hashed feature.
    pub fn finish(self) -> (Fitted, Vec<Collisions>) {
        let (mut fitted, mut collisions) = (Fitted::default(), Vec::new());
        for FeatureFitter { feature, learnt } in self.user.into_iter().chain(self.item) {
            let name = feature.name.clone();
            match learnt {
                Learnt::Nothing => {}
                Learnt::Counts(counts) => {
                    fitted.vocabularies.insert(name, by_frequency(&feature.kind, counts));
                }
                Learnt::Moments { sums, .. } => {
                    fitted.moments.insert(name, mean_and_deviation(sums));
                }
                Learnt::Distinct { buckets, fingerprints } => {
                    collisions.push(count_collisions(name, buckets, &fingerprints))
                }
            }
        }
        (fitted, collisions)
    }
}

impl FeatureFitter {
    fn new(feature: &FeatureSpec) -> Self {
        let learnt = match &feature.kind {
            FeatureKind::Hash { buckets } => Learnt::Distinct { buckets: *buckets, fingerprints: FxHashSet::default() },
            FeatureKind::Vocabulary { values, .. } if values.is_empty() => Learnt::Counts(FxHashMap::default()),
            FeatureKind::Numeric { normalise } if *normalise != Normalise::None => {
                Learnt::Moments { normalise: *normalise, sums: [0.0; 3] }
            }
            FeatureKind::Vocabulary { .. }
            | FeatureKind::Numeric { .. }
            | FeatureKind::Bucketised { .. }
            | FeatureKind::History { .. } => Learnt::Nothing,
        };
        Self { feature: feature.clone(), learnt }
    }

    fn see(&mut self, raw: Raw<'_>) {
        let (trim, lowercase) = (self.feature.trim, self.feature.lowercase);
        let default = self.feature.default.as_deref().unwrap_or("");
        match (raw, &self.feature.list) {
            (Raw::Text(cell), Some(format)) => {
                for element in cell.split(format.separator) {
                    // A broken element is refused where the row is encoded.
                    let (value, _) = element_of(element, format.weighted).unwrap_or(("", 0.0));
                    self.learnt.see(&clean(value, trim, lowercase), "");
                }
            }
            (Raw::List(values), _) => {
                values.iter().for_each(|(value, _)| self.learnt.see(&clean(value, trim, lowercase), ""))
            }
            (Raw::Text(text), None) => self.learnt.see(&clean(text, trim, lowercase), default),
            (Raw::Missing, _) => self.learnt.see("", default),
        }
    }
}

impl Learnt {
    fn see(&mut self, text: &str, default: &str) {
        let text = if text.is_empty() { default } else { text };
        if text.is_empty() {
            return;
        }
        match self {
            Self::Nothing => {}
            Self::Counts(counts) => match counts.get_mut(text) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(text.to_owned(), 1);
                }
            },
            Self::Distinct { fingerprints, .. } => {
                fingerprints.insert(fingerprint64(text.as_bytes()));
            }
            Self::Moments { normalise, sums } => {
                if let Ok(number) = finite(text) {
                    let number = before_moments(*normalise, number);
                    *sums = [sums[0] + 1.0, sums[1] + number, sums[2] + number * number];
                }
            }
        }
    }

    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Counts(ours), Self::Counts(theirs)) => {
                theirs.into_iter().for_each(|(value, count)| *ours.entry(value).or_default() += count);
            }
            (Self::Distinct { fingerprints, .. }, Self::Distinct { fingerprints: theirs, .. }) => {
                fingerprints.extend(theirs)
            }
            (Self::Moments { sums, .. }, Self::Moments { sums: theirs, .. }) => {
                sums.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
            }
            _ => {}
        }
    }
}

fn by_frequency(kind: &FeatureKind, counts: FxHashMap<String, u64>) -> Vec<String> {
    let FeatureKind::Vocabulary { min_count, max_size, .. } = kind else { return Vec::new() };
    let mut kept: Vec<(String, u64)> =
        counts.into_iter().filter(|(_, count)| *count >= u64::from(*min_count)).collect();
    kept.sort_unstable_by(|(value, count), (other, count_there)| count_there.cmp(count).then_with(|| value.cmp(other)));
    kept.truncate(*max_size as usize);
    kept.into_iter().map(|(value, _)| value).collect()
}

fn mean_and_deviation([count, sum, squares]: [f64; 3]) -> (f64, f64) {
    if count == 0.0 {
        return (0.0, 1.0);
    }
    let mean = sum / count;
    let deviation = (squares / count - mean * mean).max(0.0).sqrt();
    (mean, if deviation > 1e-9 * mean.abs().max(1e-300) { deviation } else { 1.0 })
}

fn count_collisions(feature: String, buckets: u32, fingerprints: &FxHashSet<u64>) -> Collisions {
    let mut used: FxHashMap<u64, u64> = FxHashMap::default();
    for fingerprint in fingerprints {
        *used.entry(fingerprint % u64::from(buckets)).or_default() += 1;
    }
    let colliding = used.values().filter(|&&values| values > 1).sum();
    Collisions { feature, buckets, distinct: fingerprints.len() as u64, colliding }
}
