//! Errors of this crate, grouped by what the caller does next.

use std::path::{Path, PathBuf};

/// A result of this crate.
pub type Result<T, E = CoreError> = std::result::Result<T, E>;

/// What can go wrong in files, tables, features and bundles.
#[derive(Debug, thiserror::Error)]
pub enum CoreError {
    /// The operating system refused; look at the path, then try again.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// File or folder that was touched.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what its manifest or its format says: make it anew, or take another bundle.
    #[error("{path} is damaged: {reason}", path = path.display())]
    Damaged {
        /// The file at fault.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// Two parts that must fit do not: they come from different settings or versions.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// What was compared.
        what: String,
        /// The value that was needed.
        expected: String,
        /// The value that was there.
        found: String,
    },
    /// The name is taken; sealed things are never overwritten.
    #[error("{path} exists already and is never overwritten", path = path.display())]
    Exists {
        /// The path that is taken.
        path: PathBuf,
    },
    /// Somebody reads what was to be taken away: try again later.
    #[error("{path} is in use", path = path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Input that should be there is not: a day without logs, a folder without files.
    #[error("{reason}")]
    Missing {
        /// What is missing, with day and pattern.
        reason: String,
    },
    /// A value in a request or a setting is not allowed.
    #[error("{field}: {reason}")]
    Invalid {
        /// Name of the field.
        field: String,
        /// Why it is refused, with the allowed values.
        reason: String,
    },
}

impl CoreError {
    /// Wraps an I/O error with the path it happened at.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// A file that is not what it should be.
    pub fn damaged(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), reason: reason.into() }
    }

    /// Damage that was found in memory, said of the file that the bytes came from.
    pub fn of_file(self, path: &Path) -> Self {
        let Self::Damaged { reason, .. } = self else { return self };
        Self::damaged(path, reason)
    }

    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io",
            Self::Damaged { .. } => "damaged",
            Self::Mismatch { .. } => "mismatch",
            Self::Exists { .. } => "exists",
            Self::InUse { .. } => "in-use",
            Self::Missing { .. } => "missing-partition",
            Self::Invalid { .. } => "invalid-value",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { .. } => "check that the path exists and that it may be read or written".into(),
            Self::Damaged { .. } => "make the file again with `twinspire run`, or serve another bundle".into(),
            Self::Mismatch { .. } => {
                "the parts come from different settings or versions: run `twinspire run` again".into()
            }
            Self::Missing { .. } => {
                "check `input.path`, `--data`, `--date` and `--days`; every day of the window needs logs".into()
            }
            Self::InUse { .. } => "another command works there: try again when it has ended".into(),
            Self::Exists { .. } => "nothing is lost; sealed folders are never overwritten".into(),
            Self::Invalid { .. } => "correct the value and try again".into(),
        }
    }
}
