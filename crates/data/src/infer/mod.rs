//! A first config from a look at the files: `twinspire init --from FILES`.
//!
//! In: paths of files of any format: logs, and side tables of items and users. Out: the commented text of
//! a config and the [`Guess`]es in it, each with a reason and how sure it is. At most 1 MiB of each file is looked at,
//! decompressed; nothing is written and nothing is decided that the text does not say.
//!
//! The road: `look` (bytes to rows: delimiter, header) → `column` (what the values are) → `table` (which file is the
//! log) → `role` and `name` (user, item, time, outcome) → `place` (path pattern, split) → `feature` → `text`.

mod column;
mod feature;
mod look;
mod name;
mod place;
mod role;
mod settings;
mod table;
mod text;

#[cfg(test)]
mod tests;

use crate::error::{DataError, Result};
use serde::Serialize;
use std::path::PathBuf;

/// How sure a guess is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Something had to be written here: look at it first.
    Low,
    /// Names or values say so, not both.
    Medium,
    /// Names and values say so.
    High,
}

impl Confidence {
    /// `low`, `medium` or `high`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// One key of the config that was guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// Path of the key, such as `input.user`; `features.NAME` for an entry of `[[features]]`.
    pub key: String,
    /// The value as TOML; for a feature, the lines of its entry.
    pub value: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// What was seen.
    pub reason: String,
}

/// A column that became no feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The column.
    pub column: String,
    /// Why.
    pub reason: String,
}

/// A first config, and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inferred {
    /// Commented TOML.
    pub config: String,
    /// In the order of the config.
    pub guesses: Vec<Guess>,
    /// Columns of the log and of side tables that nothing was made of.
    pub left_out: Vec<LeftOut>,
}

/// Looks at the first rows of `files` and guesses a config. Files with the same columns count as one log. Paths stand in
/// the config as they are given, so it belongs into the folder that they are relative to.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::EmptyFile`]; [`DataError::Unsuitable`] when no column can be the item, or
/// none says anything of a user or a request, with the columns that were found.
pub fn infer(files: &[PathBuf]) -> Result<Inferred> {
    let looks = files.iter().map(|path| look::Look::open(path)).collect::<Result<Vec<_>>>()?;
    if looks.is_empty() {
        return Err(DataError::Unsuitable { what: "--from".into(), reason: "name at least one log file".into() });
    }
    let tables = table::Tables::arrange(looks)?;
    let mut guesses = settings::guess(&tables);
    let (features, left_out) = feature::guess(&tables)?;
    guesses.extend(features);
    guesses.extend(settings::guess_loss(&tables));
    let config = text::config(files, &guesses, &left_out);
    Ok(Inferred { config, guesses, left_out })
}
