//! A filter as it is written, in a request or in the config. In: JSON. Out: a [`Predicate`] once the attributes are known.
//!
//! ```json
//! {"and": [
//!     {"eq": {"city": "Wien"}},
//!     {"in": {"category": ["jazz", "folk"]}},
//!     {"range": {"price": {"gte": 5, "lt": 20}}},
//!     {"not": {"items": ["i17", "i18"]}}
//! ]}
//! ```

use super::{Attribute, AttributeKind, AttributeValue, Predicate};
use crate::{CoreError, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which items may come back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Each attribute has the value.
    Eq(BTreeMap<String, AttributeValue>),
    /// Each attribute has one of the values.
    In(BTreeMap<String, Vec<AttributeValue>>),
    /// Each attribute has a number within the bounds.
    Range(BTreeMap<String, Bounds>),
    /// The item is one of these ids; one that the corpus does not have does no harm.
    Items(Vec<String>),
    /// The filter does not hold.
    Not(Box<Filter>),
    /// All of them hold; without any, every item fits.
    And(Vec<Filter>),
    /// One of them holds; without any, no item fits.
    Or(Vec<Filter>),
}

/// Bounds of a number; all that are given hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<f64>,
    /// At least it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gte: Option<f64>,
    /// Below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<f64>,
    /// At most it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lte: Option<f64>,
}

impl Bounds {
    /// One number only.
    pub fn exactly(number: f64) -> Self {
        Self { gte: Some(number), lte: Some(number), ..Self::default() }
    }

    /// Is the number below all that the bounds hold?
    pub fn is_below(&self, number: f64) -> bool {
        self.gt.is_some_and(|bound| number <= bound) || self.gte.is_some_and(|bound| number < bound)
    }

    /// Is the number above all that the bounds hold?
    pub fn is_above(&self, number: f64) -> bool {
        self.lt.is_some_and(|bound| number >= bound) || self.lte.is_some_and(|bound| number > bound)
    }
}

impl Filter {
    /// Resolves names and checks types against the attributes that there are.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] of the field `filter` for a name that is none of them (it lists them) or a value of another
    /// type.
    pub fn resolve(&self, attributes: &[Attribute]) -> Result<Predicate> {
        let one = |(name, value): (&String, &AttributeValue)| equal(attributes, name, value);
        let several = |filters: &[Self]| filters.iter().map(|filter| filter.resolve(attributes)).collect::<Result<_>>();
        Ok(match self {
            Self::Eq(values) => Predicate::All(values.iter().map(one).collect::<Result<_>>()?),
            Self::In(values) => {
                let any = |(name, values): (&String, &Vec<AttributeValue>)| {
                    find(attributes, name)?;
                    let each = values.iter().map(|value| equal(attributes, name, value));
                    each.collect::<Result<_>>().map(Predicate::Any)
                };
                Predicate::All(values.iter().map(any).collect::<Result<_>>()?)
            }
            Self::Range(ranges) => {
                let within = |(name, &bounds): (&String, &Bounds)| match find(attributes, name)? {
                    (attribute, AttributeKind::Number) => Ok(Predicate::Range { attribute, bounds }),
                    (_, AttributeKind::Text) => Err(invalid(format!("`{name}` is text, which has no range"))),
                };
                Predicate::All(ranges.iter().map(within).collect::<Result<_>>()?)
            }
            Self::Items(ids) => Predicate::Items(ids.iter().cloned().collect()),
            Self::Not(filter) => Predicate::Not(Box::new(filter.resolve(attributes)?)),
            Self::And(filters) => Predicate::All(several(filters)?),
            Self::Or(filters) => Predicate::Any(several(filters)?),
        })
    }
}

fn equal(attributes: &[Attribute], name: &str, value: &AttributeValue) -> Result<Predicate> {
    match (find(attributes, name)?, value) {
        ((attribute, AttributeKind::Text), AttributeValue::Text(value)) => {
            Ok(Predicate::Text { attribute, value: value.clone() })
        }
        ((attribute, AttributeKind::Number), &AttributeValue::Number(number)) => {
            Ok(Predicate::Range { attribute, bounds: Bounds::exactly(number) })
        }
        ((_, AttributeKind::Text), AttributeValue::Number(number)) => {
            Err(invalid(format!("`{name}` is text, {number} is a number")))
        }
        ((_, AttributeKind::Number), AttributeValue::Text(text)) => {
            Err(invalid(format!("`{name}` is a number, {text:?} is text")))
        }
    }
}

fn find(attributes: &[Attribute], name: &str) -> Result<(u32, AttributeKind)> {
    let found = attributes.iter().zip(0..).find(|(attribute, _)| attribute.name == name);
    found.map(|(attribute, number)| (number, attribute.kind)).ok_or_else(|| {
        let names: Vec<&str> = attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        let known =
            if names.is_empty() { "there are none".to_owned() } else { format!("there are: {}", names.join(", ")) };
        invalid(format!("there is no attribute `{name}`; {known}"))
    })
}

fn invalid(reason: String) -> CoreError {
    CoreError::Invalid { field: "filter".to_owned(), reason }
}
