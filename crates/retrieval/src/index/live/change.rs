//! What may change, as it is written. In: JSON, such as `{"upsert": {"id": "a", "vector": [0.1, 0.9]}}` or `{"delete": "a"}`.
//! Out: [`Change`]s, whose vectors and attributes are checked when they are applied.

use crate::index::attributed::Values;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One change of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The item is there from now on, as it is here; whatever was known of its id is gone.
    Upsert(LiveItem),
    /// The item of this id is not there any more; one that never was does no harm.
    Delete(String),
}

/// An item with its vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveItem {
    /// Its id, without line breaks.
    pub id: String,
    /// As long as those of the index, finite.
    pub vector: Vec<f32>,
    /// Values of the attributes that the index has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Values>,
}

impl Change {
    /// Id of the item that changes.
    pub fn id(&self) -> &str {
        match self {
            Self::Upsert(item) => &item.id,
            Self::Delete(id) => id,
        }
    }
}
