//! Errors of this crate, grouped by what the caller does next. A channel that fails is not an error as long as another
//! one answers: it is named in the answer.

use std::path::PathBuf;
use twinspire_core::CoreError;

/// A result of this crate.
pub type Result<T, E = RetrievalError> = std::result::Result<T, E>;

/// What can go wrong between a bundle and its candidates.
#[derive(Debug, thiserror::Error)]
pub enum RetrievalError {
    /// There is nothing to judge with: choose another part, or another split.
    #[error("there are no queries of the {part} part in {folder}", folder = folder.display())]
    NoQueries {
        /// The part that was looked for.
        part: String,
        /// Folder of the samples.
        folder: PathBuf,
    },
    /// A channel cannot be built from this data: change its settings, or leave it out.
    #[error("channel `{channel}`: {reason}")]
    Unsuitable {
        /// Name of the channel.
        channel: String,
        /// What it lacks.
        reason: String,
    },
    /// An index finds less than it must: ask for less, give it queries that are like those to come, or scan exactly.
    #[error("the index finds {found:.4} of the exact lists on held-out queries, the target is {target}")]
    Recall {
        /// What was asked for.
        target: f64,
        /// What was measured.
        found: f64,
    },
    /// Every channel that was asked failed: serve another bundle.
    #[error("no channel answered: {}", reasons.join("; "))]
    NoChannel {
        /// One reason a channel.
        reasons: Vec<String>,
    },
    /// Files, tables, features, requests.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl RetrievalError {
    /// A value of a request or a setting that is not allowed.
    pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        CoreError::Invalid { field: field.into(), reason: reason.into() }.into()
    }

    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoQueries { .. } => "no-queries",
            Self::Unsuitable { .. } => "unsuitable-channel",
            Self::Recall { .. } => "low-recall",
            Self::NoChannel { .. } => "no-channel",
            Self::Core(error) => error.code(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::NoQueries { .. } => {
                "choose another `evaluate.part`, or a `samples.split` that holds positives back".into()
            }
            Self::Unsuitable { .. } => "correct its entry in `channels.list`, or remove it".into(),
            Self::Recall { .. } => "set `index.kind` to `exact`, or lower `index.recall_target`".into(),
            Self::NoChannel { .. } => "serve another bundle, or make this one again with `twinspire run`".into(),
            Self::Core(error) => error.hint(),
        }
    }
}
