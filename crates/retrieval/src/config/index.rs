//! The `[index]` section.

use super::MOST_CANDIDATES;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use twinspire_core::check::Faults;

/// How the nearest item vectors are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IndexKind {
    /// The program chooses by a stored cost table, never by a stopwatch.
    #[default]
    Auto,
    /// Every item is looked at.
    Exact,
    /// Cells of near items, of which as many are looked at as the recall target needs.
    Ivf,
}

/// The index over item vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IndexSection {
    /// How the nearest item vectors are found: `auto`, `exact` or `ivf`.
    pub kind: IndexKind,
    /// Share of the exact best items that a list must hold on average, 0.5 to 1.0; an exact index finds all of them.
    pub recall_target: f64,
    /// Length of the lists that the recall is about, 1 to 1000: what requests usually ask for.
    pub k: usize,
}

impl Default for IndexSection {
    fn default() -> Self {
        Self { kind: IndexKind::Auto, recall_target: 0.98, k: 500 }
    }
}

/// Checked `[index]`.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexSettings {
    kind: IndexKind,
    recall_target: f64,
    k: usize,
}

impl IndexSettings {
    /// Checks the section. All faults are pushed; `None` when there was one.
    pub fn check(section: &IndexSection, faults: &mut Faults) -> Option<Self> {
        let &IndexSection { kind, recall_target, k } = section;
        let target_is_sound = (0.5..=1.0).contains(&recall_target);
        faults.require(target_is_sound, "index.recall_target", recall_target, "0.5 to 1.0");
        let k_is_sound = (1..=MOST_CANDIDATES).contains(&k);
        faults.require(k_is_sound, "index.k", k, "1 to 1000");
        (target_is_sound && k_is_sound).then_some(Self { kind, recall_target, k })
    }

    /// Which kind is wanted.
    pub fn kind(&self) -> IndexKind {
        self.kind
    }

    /// Recall that an index with cells must reach.
    pub fn recall_target(&self) -> f64 {
        self.recall_target
    }

    /// Length of the lists that the recall is about.
    pub fn k(&self) -> usize {
        self.k
    }
}
