//! A filter whose names are resolved. In: [`super::Filter::resolve`]. Out: whether one item fits. What fits of a whole
//! corpus is found from the table of attributes, elsewhere.

use super::{AttributeValue, Bounds};
use std::collections::BTreeSet;

/// What an item must be. Attributes are numbers: places in the list that the filter was resolved against.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// It has this text.
    Text {
        /// Number of the attribute.
        attribute: u32,
        /// The text.
        value: String,
    },
    /// It has a number within the bounds.
    Range {
        /// Number of the attribute.
        attribute: u32,
        /// The bounds.
        bounds: Bounds,
    },
    /// Its id is one of these.
    Items(BTreeSet<String>),
    /// The predicate does not hold.
    Not(Box<Predicate>),
    /// All hold.
    All(Vec<Predicate>),
    /// One holds.
    Any(Vec<Predicate>),
}

impl Predicate {
    /// Does an item of this id with these values (attribute, value) fit?
    pub fn holds(&self, id: &str, values: &[(u32, AttributeValue)]) -> bool {
        let of = |wanted: u32| values.iter().filter(move |(attribute, _)| *attribute == wanted).map(|(_, value)| value);
        match self {
            Self::Text { attribute, value } => {
                of(*attribute).any(|known| matches!(known, AttributeValue::Text(text) if text == value))
            }
            Self::Range { attribute, bounds } => of(*attribute).any(|known| match known {
                &AttributeValue::Number(number) => !bounds.is_below(number) && !bounds.is_above(number),
                AttributeValue::Text(_) => false,
            }),
            Self::Items(ids) => ids.contains(id),
            Self::Not(predicate) => !predicate.holds(id, values),
            Self::All(predicates) => predicates.iter().all(|predicate| predicate.holds(id, values)),
            Self::Any(predicates) => predicates.iter().any(|predicate| predicate.holds(id, values)),
        }
    }
}
