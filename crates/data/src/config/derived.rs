//! The checked form of `[[input.derived]]`. In: names and expressions, and the features that read them. Out: [`Derived`],
//! or faults. It reads no file and no row.

use super::InputSection;
use crate::sql::{Expression, hint};
use std::collections::BTreeSet;
use twinspire_core::check::Faults;
use twinspire_core::schema::{FeatureKind, FeatureSchema, FeatureSpec};

/// A column that is computed.
#[derive(Debug, Clone)]
pub(crate) struct Derived {
    /// Its name.
    pub name: String,
    /// Key of the config that holds the expression.
    pub key: String,
    /// What is computed.
    pub expression: Expression,
}

/// Checks all of them. All faults are pushed.
pub(super) fn check_derived(input: &InputSection, features: &FeatureSchema, faults: &mut Faults) -> Vec<Derived> {
    let (mut derived, mut names) = (Vec::new(), BTreeSet::new());
    for (number, section) in input.derived.iter().enumerate() {
        let key = format!("input.derived[{number}]");
        let sound = !section.name.is_empty() && names.insert(&section.name);
        faults.require(sound, &format!("{key}.name"), &section.name, "a name that no other one has");
        let key = format!("{key}.expression");
        match Expression::value(&section.expression) {
            Ok(expression) => derived.push(Derived { name: section.name.clone(), key, expression }),
            Err(reason) => faults.push(&key, &section.expression, reason, hint("input.derived")),
        }
    }
    for (number, feature) in features.features().iter().enumerate() {
        let Some(of) = derived.iter().find(|of| of.name == feature.column) else { continue };
        let reason = "the expression of this column gives text; a number is needed: `number(…)` makes one";
        let fits = of.expression.is_number() || !needs_numbers(feature);
        faults.require(fits, &format!("features[{number}].kind"), &feature.column, reason);
        let is_weighted = feature.list.as_ref().is_some_and(|list| list.weighted);
        let reason = "the column is computed, and nobody knows that its elements have weights";
        faults.require(!is_weighted, &format!("features[{number}].list"), &feature.column, reason);
    }
    derived
}

/// True for a feature whose cells are numbers.
fn needs_numbers(feature: &FeatureSpec) -> bool {
    match feature.kind {
        FeatureKind::Numeric { .. } | FeatureKind::Bucketised { .. } => true,
        FeatureKind::Hash { .. }
        | FeatureKind::Vocabulary { .. }
        | FeatureKind::History { .. }
        | FeatureKind::Window { .. } => false,
    }
}
