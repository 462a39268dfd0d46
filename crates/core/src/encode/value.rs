//! One feature: a raw value to an id, a number, or weighted ids.

use super::{EncodedRows, Fitted, MultiColumn, Raw};
use crate::hash::{bucket, fingerprint64};
use crate::ids::MISSING;
use crate::schema::{FeatureKind, FeatureSpec, ListFormat, Normalise};
use crate::{CoreError, Result};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// Which kind of column a feature fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Single,
    Multi,
    Dense,
}

#[derive(Debug, Clone)]
enum Rule {
    Hash(u32),
    /// Fingerprint of a value to its row. Two values of one vocabulary never share all 64 bits (checked when built).
    Vocabulary(FxHashMap<u64, u32>),
    Boundaries(Vec<f64>),
    Number(Scale),
}

/// How a number is normalised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    normalise: Normalise,
    mean: f64,
    deviation: f64,
}

impl Scale {
    /// The scale of a feature.
    ///
    /// # Errors
    /// `Mismatch` when its moments were not learnt.
    pub(super) fn new(feature: &FeatureSpec, normalise: Normalise, fitted: &Fitted) -> Result<Self> {
        let (mean, deviation) = match normalise {
            Normalise::None => (0.0, 1.0),
            Normalise::Standard | Normalise::Log => *learnt(&fitted.moments, feature)?,
        };
        Ok(Self { normalise, mean, deviation })
    }

    /// The normalised number.
    pub(super) fn apply(&self, number: f64) -> f32 {
        ((before_moments(self.normalise, number) - self.mean) / self.deviation) as f32
    }
}

/// The interval that a number falls into; a boundary belongs to the one above it.
pub(super) fn interval(boundaries: &[f64], number: f64) -> u32 {
    boundaries.partition_point(|&boundary| boundary <= number) as u32
}

/// Encodes the values of one feature.
#[derive(Debug, Clone)]
pub(super) struct ValueEncoder {
    name: String,
    rule: Rule,
    list: Option<ListFormat>,
    trim: bool,
    lowercase: bool,
    default: Option<String>,
}

type Encoded<T> = std::result::Result<T, String>;

impl ValueEncoder {
    pub(super) fn new(feature: &FeatureSpec, fitted: &Fitted) -> Result<Self> {
        let rule = match &feature.kind {
            FeatureKind::Hash { buckets } => Rule::Hash(*buckets),
            FeatureKind::Vocabulary { values, .. } if !values.is_empty() => vocabulary(feature, values)?,
            FeatureKind::Vocabulary { .. } => vocabulary(feature, learnt(&fitted.vocabularies, feature)?)?,
            FeatureKind::Bucketised { boundaries } => Rule::Boundaries(boundaries.clone()),
            FeatureKind::Numeric { normalise } => Rule::Number(Scale::new(feature, *normalise, fitted)?),
            FeatureKind::History { .. } | FeatureKind::Window { .. } => {
                unreachable!("histories read items, not values")
            }
        };
        let (name, list, default) = (feature.name.clone(), feature.list.clone(), default_of(feature));
        Ok(Self { name, rule, list, trim: feature.trim, lowercase: feature.lowercase, default })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn input(&self) -> Input {
        match (&self.rule, &self.list) {
            (Rule::Number(_), _) => Input::Dense,
            (_, Some(_)) => Input::Multi,
            (_, None) => Input::Single,
        }
    }

    /// Rows of the embedding table; 0 for numbers. A vocabulary without values has one row, which is never read.
    pub(super) fn cardinality(&self) -> u32 {
        match &self.rule {
            Rule::Hash(buckets) => *buckets,
            Rule::Vocabulary(rows) => (rows.len() as u32).max(1),
            Rule::Boundaries(boundaries) => boundaries.len() as u32 + 1,
            Rule::Number(_) => 0,
        }
    }

    /// The cleaned text, or nothing.
    fn text<'a>(&'a self, raw: Raw<'a>) -> Encoded<Option<Cow<'a, str>>> {
        let text = match raw {
            Raw::Missing => "",
            Raw::Text(text) => text,
            Raw::List([]) => "",
            Raw::List([(only, _)]) => only.as_str(),
            Raw::List(_) => return Err("it takes one value, not a list".into()),
        };
        let cleaned = clean(text, self.trim, self.lowercase);
        if cleaned.is_empty() {
            return Ok(self.default.as_deref().map(Cow::Borrowed));
        }
        Ok(Some(cleaned))
    }

    fn id(&self, text: &str) -> Encoded<u32> {
        match &self.rule {
            Rule::Hash(buckets) => Ok(bucket(text, *buckets)),
            Rule::Vocabulary(rows) => Ok(rows.get(&fingerprint64(text.as_bytes())).copied().unwrap_or(MISSING)),
            Rule::Boundaries(boundaries) => Ok(interval(boundaries, finite(text)?)),
            Rule::Number(_) => unreachable!("a number has no id"),
        }
    }

    /// Appends one value; `multi` is the number of the next multi field. A refused list leaves a part of itself.
    pub(super) fn encode(&self, raw: Raw<'_>, multi: usize, rows: &mut EncodedRows) -> Encoded<()> {
        match self.input() {
            Input::Single => self.single(raw).map(|id| rows.single.push(id)),
            Input::Dense => self.number(raw).map(|number| rows.dense.push(number)),
            Input::Multi => self.list(raw, &mut rows.multi[multi]),
        }
    }

    /// The id of a value; MISSING where there is none.
    fn single(&self, raw: Raw<'_>) -> Encoded<u32> {
        match self.text(raw)? {
            Some(text) => self.id(&text),
            None => Ok(MISSING),
        }
    }

    /// The normalised number; 0 where there is none.
    fn number(&self, raw: Raw<'_>) -> Encoded<f32> {
        let Rule::Number(scale) = &self.rule else { unreachable!("only numbers are dense") };
        match self.text(raw)? {
            Some(text) => Ok(scale.apply(finite(&text)?)),
            None => Ok(0.0),
        }
    }

    /// Appends the ids and weights of a list as one row.
    fn list(&self, raw: Raw<'_>, column: &mut MultiColumn) -> Encoded<()> {
        let format = self.list.as_ref().expect("only lists fill multi columns");
        let start = column.ids.len();
        match raw {
            Raw::Missing => {}
            Raw::Text(cell) => {
                for element in cell.split(format.separator) {
                    let (value, weight) = element_of(element, format.weighted)?;
                    self.append(value, weight, column)?;
                }
            }
            Raw::List(elements) => {
                for (value, weight) in elements {
                    self.append(value, *weight, column)?;
                }
            }
        }
        if column.ids.len() == start
            && let Some(default) = &self.default
        {
            self.append(default, 1.0, column)?;
        }
        column.end_row();
        Ok(())
    }

    fn append(&self, value: &str, weight: f32, column: &mut MultiColumn) -> Encoded<()> {
        if !weight.is_finite() || weight < 0.0 {
            return Err(format!("the weight of `{value}` must be a finite number of at least 0, found {weight}"));
        }
        let cleaned = clean(value, self.trim, self.lowercase);
        if cleaned.is_empty() {
            return Ok(());
        }
        let id = self.id(&cleaned)?;
        if id != MISSING {
            column.ids.push(id);
            column.weights.push(weight);
        }
        Ok(())
    }
}

/// What stands in for a missing value, cleaned as the values are.
pub(super) fn default_of(feature: &FeatureSpec) -> Option<String> {
    let default = feature.default.as_deref()?;
    Some(clean(default, feature.trim, feature.lowercase).into_owned()).filter(|default| !default.is_empty())
}

/// What is seen by the fitter and hashed by the encoder.
pub(crate) fn clean(text: &str, trim: bool, lowercase: bool) -> Cow<'_, str> {
    let text = if trim { text.trim() } else { text };
    if lowercase { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) }
}

/// Value and weight of one element of a cell, `item` or `item:count`.
pub(super) fn element_of(element: &str, weighted: bool) -> Encoded<(&str, f32)> {
    if !weighted || element.is_empty() {
        return Ok((element, 1.0));
    }
    let (value, weight) =
        element.rsplit_once(':').ok_or_else(|| format!("`{element}` has no weight; expected `value:weight`"))?;
    let weight = weight.parse().map_err(|_| format!("`{weight}` is not a weight"))?;
    Ok((value, weight))
}

/// A number that 32 bits can hold, or why not.
pub(super) fn finite(text: &str) -> Encoded<f64> {
    match text.parse::<f64>() {
        Ok(number) if (number as f32).is_finite() => Ok(number),
        Ok(_) => Err(format!("`{text}` is not finite, or too large for 32 bits")),
        Err(_) => Err(format!("`{text}` is not a number")),
    }
}

/// The value whose mean and deviation are learnt.
pub(super) fn before_moments(normalise: Normalise, number: f64) -> f64 {
    match normalise {
        Normalise::None | Normalise::Standard => number,
        Normalise::Log => number.max(0.0).ln_1p(),
    }
}

fn vocabulary(feature: &FeatureSpec, values: &[String]) -> Result<Rule> {
    let mut rows = FxHashMap::default();
    for (row, value) in values.iter().enumerate() {
        let value = clean(value, feature.trim, feature.lowercase);
        if rows.insert(fingerprint64(value.as_bytes()), row as u32).is_some() {
            let reason = format!("`{value}` occurs twice in its vocabulary");
            return Err(CoreError::Invalid { field: feature.name.clone(), reason });
        }
    }
    Ok(Rule::Vocabulary(rows))
}

fn learnt<'a, T>(state: &'a std::collections::BTreeMap<String, T>, feature: &FeatureSpec) -> Result<&'a T> {
    state.get(&feature.name).ok_or_else(|| CoreError::Mismatch {
        what: format!("learnt state of feature `{}`", feature.name),
        expected: "present".into(),
        found: "nothing".into(),
    })
}
