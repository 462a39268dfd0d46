//! Which keys a range of `[tune]` may name: those of the model and its training, as the schema has them.

use super::explain::suggestion;
use super::fault::explain_hint;
use super::key::KeyPath;
use super::schema::{Shape, config_schema};
use super::words::{describe, integers};
use super::written::RECIPE_SECTIONS;
use twinspire_core::check::Faults;
use twinspire_model::TuneSection;

/// Pushes a fault for each key that is none, that is of another stage, or whose values are no numbers where a range of
/// numbers is written.
pub(super) fn check_ranges(section: &TuneSection, faults: &mut Faults) {
    let schema = config_schema();
    let root = Shape::root(&schema);
    for (number, range) in section.ranges.iter().enumerate() {
        let (place, path) = (format!("tune.ranges[{number}].key"), KeyPath::parse(range.key()));
        let Some(shape) = root.find(&path).filter(|_| !path.steps().is_empty()) else {
            let meant = suggestion(root, &path).map(|key| format!("did you mean `{key}`?"));
            faults.push(place, range.key(), "the config has no such key", meant.unwrap_or_else(|| explain_hint(&path)));
            continue;
        };
        let is_tried = RECIPE_SECTIONS.iter().any(|section| range.key().starts_with(&format!("{section}.")));
        let reason = "a key of [model] or [train]: all trials share the samples and the judgement";
        faults.require(is_tried, &place, range.key(), reason);
        let is_number =
            shape.alternatives().into_iter().any(|shape| shape.has_type("number") || shape.has_type("integer"));
        let reason = format!("numbers between two, but the key is: {}; `list` takes any values", describe(shape));
        faults.require(is_number || !range.is_numeric(), &place, range.key(), &reason);
    }
}

/// Is the value of this key a whole number?
pub fn is_whole(key: &str) -> bool {
    let schema = config_schema();
    Shape::root(&schema).find(&KeyPath::parse(key)).is_some_and(|shape| integers(shape).is_some())
}
