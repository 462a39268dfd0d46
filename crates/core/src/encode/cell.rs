//! What the encoder would refuse in the cell of a log, so that a row can be rejected before it is stored.
//! In: a feature and the text of a cell. Out: the fault, if there is one. It encodes nothing.

use super::value::{clean, element_of};
use crate::schema::{FeatureKind, FeatureSpec};

/// Why a cell cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellFault {
    /// Text where a number is needed.
    NotANumber,
    /// NaN, an infinity, or a number too large for 32 bits.
    NotFinite,
    /// An element of a weighted list without a weight, or with one that is not a finite number of at least 0.
    Weight,
}

fn number_fault(text: &str) -> Option<CellFault> {
    match text.parse::<f64>() {
        Ok(number) if (number as f32).is_finite() => None,
        Ok(_) => Some(CellFault::NotFinite),
        Err(_) => Some(CellFault::NotANumber),
    }
}

fn weight_is_sound(element: &str) -> bool {
    element_of(element, true).is_ok_and(|(_, weight)| weight.is_finite() && weight >= 0.0)
}

/// The fault of a cell under a feature. Empty cells have none, and neither have histories and their windows, which read no cell.
pub fn cell_fault(feature: &FeatureSpec, cell: &str) -> Option<CellFault> {
    match (&feature.kind, &feature.list) {
        (FeatureKind::Numeric { .. } | FeatureKind::Bucketised { .. }, _) => {
            let text = clean(cell, feature.trim, feature.lowercase);
            if text.is_empty() { None } else { number_fault(&text) }
        }
        (FeatureKind::Hash { .. } | FeatureKind::Vocabulary { .. }, Some(format)) if format.weighted => {
            let sound = cell.split(format.separator).all(weight_is_sound);
            (!sound).then_some(CellFault::Weight)
        }
        (
            FeatureKind::Hash { .. }
            | FeatureKind::Vocabulary { .. }
            | FeatureKind::History { .. }
            | FeatureKind::Window { .. },
            _,
        ) => None,
    }
}
