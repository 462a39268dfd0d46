//! Settings of `[model]` without which weights mean something else, although their shapes are the same: an activation, where
//! layers are normalised, the score.

use crate::config::ModelSection;
use serde_json::{Map, Value};

/// Keys that training alone reads.
const OF_TRAINING: [&str; 2] = ["dropout", "auxiliary_weight"];

/// A setting that is another one now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// As in `model.user_tower.activation`.
    pub(super) key: String,
    pub(super) then: String,
    pub(super) now: String,
}

/// The first setting of the model that differs, of those that its vectors depend on.
pub(super) fn first_changed(then: &ModelSection, now: &ModelSection) -> Option<Changed> {
    let value = |section| serde_json::to_value(section).unwrap_or_default();
    differing("model".to_owned(), &value(then), &value(now))
}

/// Some settings are not written down where they are the default.
fn said(value: &Value) -> String {
    if value.is_null() { "the default".to_owned() } else { value.to_string() }
}

fn of<'v>(values: &'v Map<String, Value>, key: &str) -> &'v Value {
    values.get(key).unwrap_or(&Value::Null)
}

fn differing(key: String, then: &Value, now: &Value) -> Option<Changed> {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => {
            let keys = then.keys().chain(now.keys().filter(|own| !then.contains_key(*own)));
            let mut keys = keys.filter(|own| !OF_TRAINING.contains(&own.as_str()));
            keys.find_map(|own| differing(format!("{key}.{own}"), of(then, own), of(now, own)))
        }
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => {
            let mut pairs = then.iter().zip(now).enumerate();
            pairs.find_map(|(at, (then, now))| differing(format!("{key}[{at}]"), then, now))
        }
        _ => (then != now).then(|| Changed { key, then: said(then), now: said(now) }),
    }
}
