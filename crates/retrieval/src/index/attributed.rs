//! Attributes of vectors from elsewhere, as JSON lines. In: `{"id": "a", "city": "Wien", "price": 3.5, "tags": ["x", "y"]}`.
//! Out: [`AttributeRows`] in the order of the index's items. An attribute has the kind of the first value that is seen.

use crate::error::{Result, RetrievalError};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use twinspire_core::attribute::{Attribute, AttributeKind, AttributeRows, AttributeValue};

/// What an item has of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a string, a finite number, a list of them, or null")]
pub enum Values {
    /// One value.
    One(AttributeValue),
    /// Several, or none.
    Several(Vec<AttributeValue>),
    /// None.
    Nothing(()),
}

impl Values {
    /// The values.
    pub fn iter(&self) -> impl Iterator<Item = &AttributeValue> {
        match self {
            Self::One(value) => std::slice::from_ref(value).iter(),
            Self::Several(values) => values.iter(),
            Self::Nothing(()) => [].iter(),
        }
    }

    /// Number of the attribute `name`, if the values are of its kind; else what is wrong.
    pub(super) fn number_of(&self, name: &str, attributes: &[Attribute]) -> std::result::Result<u32, String> {
        let Some(number) = attributes.iter().position(|attribute| attribute.name == name) else {
            let names: Vec<&str> = attributes.iter().map(|attribute| attribute.name.as_str()).collect();
            return Err(format!("there is no attribute `{name}`; there are: {}", names.join(", ")));
        };
        let kind = attributes[number].kind;
        match (self.iter().all(|value| value.kind() == kind), kind) {
            (true, _) => Ok(number as u32),
            (false, AttributeKind::Text) => Err(format!("`{name}` is text, not a number")),
            (false, AttributeKind::Number) => Err(format!("`{name}` is a number, not text")),
        }
    }
}

#[derive(Deserialize)]
struct Line {
    id: String,
    #[serde(flatten)]
    values: BTreeMap<String, Values>,
}

/// Reads the attributes of the items `ids`; lines about other items are counted, and returned beside.
///
/// # Errors
/// `Invalid` that names the line: one that is no such object, or whose value is of another kind than those before.
pub fn read_attributes(text: &str, ids: &[String]) -> Result<(AttributeRows, usize)> {
    let numbers: FxHashMap<&str, u32> = ids.iter().map(String::as_str).zip(0..).collect();
    let at =
        |number: usize, reason: String| RetrievalError::invalid(format!("attributes, line {}", number + 1), reason);
    let (mut attributes, mut lines, mut strange): (Vec<Attribute>, Vec<(u32, Line)>, usize) = Default::default();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|error| at(number, error.to_string()))?;
        for (name, values) in &line.values {
            if let (Some(first), true) = (values.iter().next(), attributes.iter().all(|known| known.name != *name)) {
                attributes.push(Attribute { name: name.clone(), kind: first.kind() });
            }
            if values.iter().next().is_some() {
                values.number_of(name, &attributes).map_err(|reason| at(number, reason))?;
            }
        }
        match numbers.get(line.id.as_str()) {
            Some(&item) => lines.push((item, line)),
            None => strange += 1,
        }
    }
    let mut rows = AttributeRows::new(attributes, ids.len());
    for (item, line) in lines {
        for (name, values) in &line.values {
            let Ok(attribute) = values.number_of(name, rows.attributes()) else { continue };
            values.iter().for_each(|value| rows.push(item, attribute, value.clone()));
        }
    }
    Ok((rows, strange))
}
