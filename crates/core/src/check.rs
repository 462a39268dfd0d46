//! Faults of a config, collected so that all of them are shown at once.
//!
//! Each section type of a crate is *parsed* by serde and then *checked* into a type that nothing else can build;
//! checking pushes a [`Fault`] for every value that is not allowed.

use serde::Serialize;

/// One thing that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Path of the key, as in `train.loss.temperature` or `features[3].buckets`.
    pub key: String,
    /// The value that was found, as text.
    pub value: String,
    /// Why it is refused, and which values are allowed.
    pub reason: String,
    /// What to do next.
    pub hint: String,
}

/// Collects faults under a key prefix.
#[derive(Debug, Default)]
pub struct Faults {
    found: Vec<Fault>,
}

impl Faults {
    /// Records one fault.
    pub fn push(
        &mut self,
        key: impl Into<String>,
        value: impl ToString,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.found.push(Fault { key: key.into(), value: value.to_string(), reason: reason.into(), hint: hint.into() });
    }

    /// Records a fault unless `allowed`.
    pub fn require(&mut self, allowed: bool, key: &str, value: impl ToString, reason: &str) {
        if !allowed {
            self.push(key, value, reason, format!("twinspire config explain {key}"));
        }
    }

    /// True when nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All faults, in the order they were found.
    pub fn into_vec(self) -> Vec<Fault> {
        self.found
    }
}
