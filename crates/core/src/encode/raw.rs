//! Raw values, before encoding. A log cell is text; a request holds text, numbers or lists.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// A raw value, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Raw<'a> {
    /// No value: an absent column, an empty cell, JSON `null`.
    Missing,
    /// Text of a cell. If the feature is a list, it is split by the feature's separator.
    Text(&'a str),
    /// Values and weights that were a list already (JSON).
    List(&'a [(String, f32)]),
}

impl<'a> From<Option<&'a str>> for Raw<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Missing, Self::Text)
    }
}

/// A raw value of a request, owned. A number becomes its shortest text (`3`, `0.5`), a boolean `true` or `false`, so
/// that it meets the same bucket as the log's cell.
#[derive(Debug, Clone, PartialEq)]
pub enum RawValue {
    /// JSON `null`.
    Missing,
    /// JSON string, number or boolean, as text.
    Text(String),
    /// JSON array of strings or numbers (weight 1), or of `[value, weight]` pairs.
    List(Vec<(String, f32)>),
}

/// Raw features of a request by name.
pub type RawFeatures = BTreeMap<String, RawValue>;

impl RawValue {
    /// The same value, borrowed.
    pub fn as_raw(&self) -> Raw<'_> {
        match self {
            Self::Missing => Raw::Missing,
            Self::Text(text) => Raw::Text(text),
            Self::List(values) => Raw::List(values),
        }
    }
}

/// Text of a JSON scalar; a number with a zero fraction (`3.0`) becomes an integer (`3`).
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => Some(format!("{float:.0}")),
            _ => Some(number.to_string()),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn element(value: &Value) -> Option<(String, f32)> {
    if let Value::Array(pair) = value {
        let [value, weight] = pair.as_slice() else { return None };
        return Some((scalar(value)?, weight.as_f64()? as f32));
    }
    Some((scalar(value)?, 1.0))
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = "a feature is null, a string, a number, a boolean, or an array of strings, numbers or [value, weight] pairs";
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Missing),
            Value::Array(values) => {
                let elements: Option<Vec<_>> = values.iter().map(element).collect();
                elements.map(Self::List).ok_or_else(|| D::Error::custom(refused))
            }
            value @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                scalar(&value).map(Self::Text).ok_or_else(|| D::Error::custom(refused))
            }
        }
    }
}

impl Serialize for RawValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(values) => values.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_values_become_the_text_of_a_cell() {
        let json = r#"{"a": null, "b": "x", "c": 3, "d": 3.0, "e": 0.5, "f": true, "g": ["x", 2], "h": [["x", 0.5]]}"#;
        let features: RawFeatures = serde_json::from_str(json).unwrap();
        let text = |text: &str| RawValue::Text(text.into());
        let list = |pairs: &[(&str, f32)]| {
            RawValue::List(pairs.iter().map(|&(value, weight)| (value.into(), weight)).collect())
        };
        let expected = [RawValue::Missing, text("x"), text("3"), text("3"), text("0.5"), text("true")];
        assert!(features.values().take(6).eq(expected.iter()));
        assert_eq!(features["g"], list(&[("x", 1.0), ("2", 1.0)]));
        assert_eq!(features["h"], list(&[("x", 0.5)]));
        let again: RawFeatures = serde_json::from_str(&serde_json::to_string(&features).unwrap()).unwrap();
        assert_eq!(again, features);
    }

    #[test]
    fn objects_and_nested_lists_are_refused() {
        for json in [r#"{"a": {}}"#, r#"{"a": [[1, 2, 3]]}"#, r#"{"a": [null]}"#] {
            assert!(serde_json::from_str::<RawFeatures>(json).is_err(), "{json}");
        }
    }
}
