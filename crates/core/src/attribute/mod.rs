//! Attributes of items: the values by which a request filters candidates, and whether an item may be recommended at all.
//!
//! In: values of items, and [`Filter`]s as they are written. Out: [`AttributeTable`], which says for each value the items
//! that have it, and [`Predicate`]s, in which every name is resolved and every value has the right type. An attribute is
//! no feature: no tower reads it. An item may have several values of an attribute, or none; none fits no comparison.

mod filter;
mod predicate;
mod rows;
mod table;
#[cfg(test)]
mod tests;

pub use filter::{Bounds, Filter};
pub use predicate::Predicate;
pub use rows::AttributeRows;
pub use table::AttributeTable;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

/// What the values of an attribute are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// Text, compared as it is.
    #[default]
    Text,
    /// Finite numbers, which have an order.
    Number,
}

/// An attribute that filters may name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: AttributeKind,
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// Of kind `text`.
    Text(String),
    /// Of kind `number`; finite.
    Number(f64),
}

impl AttributeValue {
    /// The kind of attribute that has such values.
    pub fn kind(&self) -> AttributeKind {
        match self {
            Self::Text(_) => AttributeKind::Text,
            Self::Number(_) => AttributeKind::Number,
        }
    }

    /// The number that a cell holds; `None` unless it is finite.
    pub fn number(cell: &str) -> Option<Self> {
        cell.trim().parse().ok().filter(|number: &f64| number.is_finite()).map(Self::Number)
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = AttributeValue;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a string or a finite number")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Text(text.to_owned()))
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<AttributeValue, E> {
                let finite = Some(number).filter(|number| number.is_finite());
                finite.map(AttributeValue::Number).ok_or_else(|| E::invalid_value(de::Unexpected::Float(number), &self))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Number(number as f64))
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<AttributeValue, E> {
                Ok(AttributeValue::Number(number as f64))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
