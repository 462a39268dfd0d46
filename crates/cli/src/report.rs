//! How an error is shown: lines for people, JSON for scripts. What, where, why, and what to do next.

use crate::config::ConfigFault;
use crate::error::CliError;
use serde::Serialize;
use std::fmt::Write as _;
use twinspire_data::DataError;
use twinspire_data::ingest::Reject;

/// An error as scripts see it.
#[derive(Debug, Serialize)]
pub struct ErrorReport {
    /// Stable name of the kind of error.
    pub code: &'static str,
    /// What and why.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Key of the config that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where it is, as `file:line` with the value at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// Faults of the config.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<ConfigFault>,
}

impl ErrorReport {
    /// The error for scripts.
    pub fn new(error: &CliError) -> Self {
        let (code, message, hint) = (error.code(), error.to_string(), error.hint());
        Self { code, message, hint, key: key(error), places: places(error), faults: faults(error).to_vec() }
    }
}

fn faults(error: &CliError) -> &[ConfigFault] {
    if let CliError::Config { faults, .. } = error { faults } else { &[] }
}

fn key(error: &CliError) -> Option<String> {
    if let CliError::UnknownKey { key, .. } | CliError::Data(DataError::MissingColumn { key, .. }) = error {
        return Some(key.clone());
    }
    None
}

/// The first bad rows, where bad rows are what ended the command.
fn places(error: &CliError) -> Vec<String> {
    let CliError::Data(DataError::TooManyRejects { account, .. }) = error else { return Vec::new() };
    account.examples.iter().map(Reject::line).collect()
}

/// The error for people: each fault of a config with its place, or the one error.
pub fn error_text(error: &CliError) -> String {
    let CliError::Config { path, faults } = error else {
        return block((error.code(), &error.to_string()), &places(error), error.hint().as_deref());
    };
    let mut text = String::new();
    for fault in faults {
        let place = fault.place.as_ref().map_or_else(|| path.display().to_string(), ToString::to_string);
        let message = match fault.key.as_str() {
            "" => fault.message.clone(),
            key => format!("{key}: {}", fault.message),
        };
        text += &block((fault.code, &message), &[place], Some(&fault.hint));
        text.push('\n');
    }
    let _ = writeln!(text, "{error}; nothing was started");
    text
}

fn block((code, message): (&str, &str), places: &[String], hint: Option<&str>) -> String {
    let mut text = format!("error[{code}]: {message}\n");
    for place in places {
        let _ = writeln!(text, "  --> {place}");
    }
    if let Some(hint) = hint {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}
