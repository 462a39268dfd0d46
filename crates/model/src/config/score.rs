//! `score`: what a user vector and an item vector say of a pair.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The score of a user and an item, from their vectors. A loss may divide it by a temperature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// The cosine of the angle between them: the towers divide their vectors by the length.
    #[default]
    Cosine,
    /// Their dot product: vectors keep the length that the last layer gives them.
    Dot,
}

impl Score {
    /// What is as it was before there was a choice is not written: a model keeps its bytes.
    pub(super) fn is_cosine(&self) -> bool {
        *self == Self::Cosine
    }

    /// What no score exceeds; nothing where lengths are free.
    pub(crate) fn bound(self) -> Option<f32> {
        match self {
            Self::Cosine => Some(1.0),
            Self::Dot => None,
        }
    }
}
