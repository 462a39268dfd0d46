//! How long work talks. The binary shows bars or plain lines; libraries only report.

use std::sync::{Mutex, PoisonError};

/// Receives the progress of a stage. Calls may come from any thread.
pub trait Progress: Sync {
    /// A step begins: what it does, how many units it has, and what a unit is (`files`, `samples`).
    fn start(&self, what: &str, total: Option<u64>, unit: &str);
    /// That many more units are done.
    fn advance(&self, units: u64);
    /// A short state beside the bar, as in `loss 0.4312`.
    fn state(&self, text: &str);
    /// A line that stays.
    fn line(&self, text: &str);
    /// The step is over.
    fn finish(&self);
}

/// Says nothing; for tests and `--quiet`.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total: Option<u64>, _unit: &str) {}
    fn advance(&self, _units: u64) {}
    fn state(&self, _text: &str) {}
    fn line(&self, _text: &str) {}
    fn finish(&self) {}
}

/// Keeps the lines that stay; for tests.
#[derive(Debug, Default)]
pub struct Heard(Mutex<Vec<String>>);

impl Heard {
    /// The lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Progress for Heard {
    fn start(&self, _what: &str, _total: Option<u64>, _unit: &str) {}
    fn advance(&self, _units: u64) {}
    fn state(&self, _text: &str) {}
    fn line(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }
    fn finish(&self) {}
}
