//! What the config says of the attributes of items, and how a cell of the table of items is read as their values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinspire_core::attribute::{Attribute, AttributeKind, AttributeValue};
use twinspire_core::check::Faults;

/// An attribute of items, by which requests may filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttributeSection {
    /// Column of the table of items, and name in filters.
    pub column: String,
    /// What its values are: `text`, compared as it is, or `number`.
    pub kind: AttributeKind,
    /// Text between the values of a cell that has several, such as `|`; without it, a cell is one value. An empty cell has none.
    pub separator: Option<String>,
}

/// Which items may be recommended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AvailableSection {
    /// Column of the table of items.
    pub column: String,
    /// Values of an item that may be recommended; one with another value, or without a row in the table, may not.
    pub values: Vec<String>,
}

impl Default for AvailableSection {
    fn default() -> Self {
        Self { column: "available".into(), values: vec!["1".into(), "true".into()] }
    }
}

impl AttributeSection {
    /// The attribute as filters know it.
    pub fn attribute(&self) -> Attribute {
        Attribute { name: self.column.clone(), kind: self.kind }
    }

    /// Values of a cell; `None` in the place of one that is not a finite number and should be. Empty ones are left out.
    pub fn values(&self, cell: &str) -> impl Iterator<Item = Option<AttributeValue>> {
        let (several, one) = match &self.separator {
            Some(separator) => (Some(cell.split(separator.as_str())), None),
            None => (None, Some(cell)),
        };
        let texts = several.into_iter().flatten().chain(one).filter(|text| !text.is_empty());
        texts.map(|text| match self.kind {
            AttributeKind::Text => Some(AttributeValue::Text(text.to_owned())),
            AttributeKind::Number => AttributeValue::number(text),
        })
    }
}

/// Attributes have names, each once; a separator separates; an item can be available.
pub(super) fn check_attributes(
    attributes: &[AttributeSection],
    available: Option<&AvailableSection>,
    faults: &mut Faults,
) {
    for (number, attribute) in attributes.iter().enumerate() {
        let at = |key: &str| format!("input.items.attributes[{number}].{key}");
        let column = &attribute.column;
        let is_new = attributes[..number].iter().all(|earlier| earlier.column != *column);
        faults.require(
            !column.is_empty() && is_new,
            &at("column"),
            column,
            "a column name that no other attribute has",
        );
        let separates = attribute.separator.as_deref() != Some("");
        faults.require(separates, &at("separator"), "", "one character or more, or leave it out");
    }
    if let Some(available) = available {
        let sound = !available.column.is_empty();
        faults.require(sound, "input.items.available.column", "", "a column name is needed");
        let sound = !available.values.is_empty();
        faults.require(sound, "input.items.available.values", "[]", "one value at least");
    }
}
