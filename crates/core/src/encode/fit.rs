//! What is learnt from the training part: vocabularies, mean and deviation, collisions.

use super::Raw;
use super::moments::Spread;
use super::value::{before_moments, clean, default_of, element_of, finite};
use crate::hash::fingerprint64;
use crate::schema::{FeatureKind, FeatureSchema, FeatureSpec, Normalise, Side};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};

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
/// depend on it. Its stored form is the same for the same rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fitter {
    user: Vec<FeatureFitter>,
    item: Vec<FeatureFitter>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct FeatureFitter {
    feature: FeatureSpec,
    /// Cleaned; empty without one.
    default: String,
    learnt: Learnt,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Learnt {
    Nothing,
    Counts(#[serde(serialize_with = "sorted_counts")] FxHashMap<String, u64>),
    Distinct {
        buckets: u32,
        #[serde(serialize_with = "sorted")]
        fingerprints: FxHashSet<u64>,
    },
    Moments {
        normalise: Normalise,
        spread: Spread,
    },
}

impl Fitter {
    /// Nothing seen yet.
    pub fn new(schema: &FeatureSchema) -> Self {
        let of = |is_item: bool| {
            let mine = schema.features().iter().filter(move |feature| (feature.side == Side::Item) == is_item);
            let read = mine.filter(|feature| feature.reads_column());
            read.map(FeatureFitter::new).collect()
        };
        Self { user: of(false), item: of(true) }
    }

    /// Sees the values of one training row; `values` in the order of [`super::FeatureEncoder::user_columns`].
    pub fn see_user(&mut self, values: &[Raw<'_>]) {
        self.user.iter_mut().zip(values).for_each(|(fitter, value)| fitter.see(*value, 1));
    }

    /// Sees the values of one item `times` times, in the order of [`super::FeatureEncoder::item_columns`].
    pub fn see_item(&mut self, values: &[Raw<'_>], times: u64) {
        self.item.iter_mut().zip(values).for_each(|(fitter, value)| fitter.see(*value, times));
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
        for FeatureFitter { feature, learnt, .. } in self.user.into_iter().chain(self.item) {
            let name = feature.name.clone();
            match learnt {
                Learnt::Nothing => {}
                Learnt::Counts(counts) => {
                    fitted.vocabularies.insert(name, by_frequency(&feature.kind, counts));
                }
                Learnt::Moments { spread, .. } => {
                    fitted.moments.insert(name, spread.mean_and_deviation());
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
                Learnt::Moments { normalise: *normalise, spread: Spread::default() }
            }
            FeatureKind::Vocabulary { .. }
            | FeatureKind::Numeric { .. }
            | FeatureKind::Bucketised { .. }
            | FeatureKind::History { .. }
            | FeatureKind::Window { .. } => Learnt::Nothing,
        };
        Self { feature: feature.clone(), default: default_of(feature).unwrap_or_default(), learnt }
    }

    fn see(&mut self, raw: Raw<'_>, times: u64) {
        let (trim, lowercase, default) = (self.feature.trim, self.feature.lowercase, self.default.as_str());
        match (raw, &self.feature.list) {
            (Raw::Text(cell), Some(format)) => {
                for element in cell.split(format.separator) {
                    // A broken element is refused where the row is encoded.
                    let (value, _) = element_of(element, format.weighted).unwrap_or(("", 0.0));
                    self.learnt.see(&clean(value, trim, lowercase), times);
                }
            }
            (Raw::List(values), _) => {
                values.iter().for_each(|(value, _)| self.learnt.see(&clean(value, trim, lowercase), times))
            }
            (Raw::Text(text), None) => {
                let text = clean(text, trim, lowercase);
                self.learnt.see(if text.is_empty() { default } else { &text }, times);
            }
            (Raw::Missing, _) => self.learnt.see(default, times),
        }
    }
}

impl Learnt {
    fn see(&mut self, text: &str, times: u64) {
        if text.is_empty() {
            return;
        }
        match self {
            Self::Nothing => {}
            Self::Counts(counts) => match counts.get_mut(text) {
                Some(count) => *count += times,
                None => {
                    counts.insert(text.to_owned(), times);
                }
            },
            Self::Distinct { fingerprints, .. } => {
                fingerprints.insert(fingerprint64(text.as_bytes()));
            }
            Self::Moments { normalise, spread } => {
                if let Ok(number) = finite(text) {
                    spread.join(Spread::of(before_moments(*normalise, number), times));
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
            (Self::Moments { spread, .. }, Self::Moments { spread: theirs, .. }) => spread.join(theirs),
            _ => {}
        }
    }
}

fn sorted_counts<S: Serializer>(counts: &FxHashMap<String, u64>, serializer: S) -> Result<S::Ok, S::Error> {
    counts.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

fn sorted<S: Serializer>(fingerprints: &FxHashSet<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    fingerprints.iter().collect::<BTreeSet<_>>().serialize(serializer)
}

fn by_frequency(kind: &FeatureKind, counts: FxHashMap<String, u64>) -> Vec<String> {
    let FeatureKind::Vocabulary { min_count, max_size, .. } = kind else { return Vec::new() };
    let mut kept: Vec<(String, u64)> =
        counts.into_iter().filter(|(_, count)| *count >= u64::from(*min_count)).collect();
    kept.sort_unstable_by(|(value, count), (other, count_there)| count_there.cmp(count).then_with(|| value.cmp(other)));
    kept.truncate(*max_size as usize);
    kept.into_iter().map(|(value, _)| value).collect()
}

fn count_collisions(feature: String, buckets: u32, fingerprints: &FxHashSet<u64>) -> Collisions {
    let mut used: FxHashMap<u64, u64> = FxHashMap::default();
    for fingerprint in fingerprints {
        *used.entry(fingerprint % u64::from(buckets)).or_default() += 1;
    }
    let colliding = used.values().filter(|&&values| values > 1).sum();
    Collisions { feature, buckets, distinct: fingerprints.len() as u64, colliding }
}
