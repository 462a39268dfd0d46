//! What the ids of a field stand for, so that rows of an embedding table can be found again under other numbers.

use super::{FeatureEncoder, Fitted};
use crate::schema::{FeatureKind, FeatureSchema, NumberForm, WindowRule};

/// What the ids of a field stand for, by number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum IdMeaning<'a> {
    /// So many buckets of a hash.
    Buckets(u32),
    /// These values.
    Values(&'a [String]),
    /// The intervals between these rising boundaries.
    Intervals(&'a [f64]),
}

impl FeatureEncoder {
    /// What the ids of a feature stand for; nothing where it has none (numbers, histories), or there is no such feature.
    pub fn id_meaning(&self, feature: &str) -> Option<IdMeaning<'_>> {
        meaning(self.schema(), self.fitted(), feature)
    }
}

fn meaning<'a>(schema: &'a FeatureSchema, fitted: &'a Fitted, feature: &str) -> Option<IdMeaning<'a>> {
    let feature = schema.find(feature)?;
    match &feature.kind {
        FeatureKind::Hash { buckets } => Some(IdMeaning::Buckets(*buckets)),
        FeatureKind::Vocabulary { values, .. } if !values.is_empty() => Some(IdMeaning::Values(values)),
        FeatureKind::Vocabulary { .. } => {
            fitted.vocabularies.get(&feature.name).map(|values| IdMeaning::Values(values))
        }
        FeatureKind::Bucketised { boundaries } => Some(IdMeaning::Intervals(boundaries)),
        FeatureKind::Window { rule: WindowRule::Number { form: NumberForm::Bucketised(boundaries), .. }, .. } => {
            Some(IdMeaning::Intervals(boundaries))
        }
        FeatureKind::Window { rule: WindowRule::Top { of, .. }, .. } => meaning(schema, fitted, of),
        FeatureKind::Window { rule: WindowRule::Number { form: NumberForm::Numeric(_), .. }, .. }
        | FeatureKind::Numeric { .. }
        | FeatureKind::History { .. } => None,
    }
}
