//! One thing that is wrong with the config, with the place where it was written.

use super::key::KeyPath;
use super::tree::{Node, Place};
use serde::Serialize;
use twinspire_core::check::Fault;

/// One thing that is wrong with the config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigFault {
    /// `unknown-key`, `missing-key`, `wrong-type`, `invalid-value` or `not-toml`.
    pub code: &'static str,
    /// Path of the key.
    pub key: String,
    /// Why it is refused, and what is allowed.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// Where it was written; `None` when nobody wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

impl ConfigFault {
    /// What a section's check found, at the place of the nearest key that was written.
    pub fn from_check(fault: Fault, tree: &Node) -> Self {
        let place = tree.nearest(&KeyPath::parse(&fault.key)).place.clone();
        let value = if fault.value.is_empty() { String::new() } else { format!(" (found {})", fault.value) };
        let message = format!("{}{value}", fault.reason);
        let hint = match fault.hint.strip_prefix(EXPLAIN) {
            Some(key) => explain_hint(&KeyPath::parse(key)),
            None => fault.hint,
        };
        Self { code: "invalid-value", key: fault.key, message, hint, place }
    }
}

const EXPLAIN: &str = "twinspire config explain ";

/// The command that explains the key. It names no entry of a list: shells read brackets as a pattern.
pub fn explain_hint(path: &KeyPath) -> String {
    format!("{EXPLAIN}{}", path.of_any_entry())
}

/// Orders faults as they are read: by line of the file, then environment and flags, then what nobody wrote.
pub fn sort(faults: &mut [ConfigFault]) {
    faults.sort_by(|left, right| {
        let order = |fault: &ConfigFault| (fault.place.is_none(), fault.place.clone());
        order(left).cmp(&order(right))
    });
}
