//! Errors of this crate, grouped by what the caller does next.

use crate::engine::NotFinite;
use twinspire_core::CoreError;

/// A result of this crate.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;

/// What can go wrong while a model is trained, stored or loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The loss or a gradient is not a finite number: change the settings and train again. Nothing was written.
    #[error("training diverged in epoch {epoch}, step {step}: the {what} is not finite (loss {loss})")]
    Diverged {
        /// Epoch, counted from 1.
        epoch: u32,
        /// Step since the start, counted from 1.
        step: u64,
        /// `loss` or `gradient`.
        what: &'static str,
        /// The loss of the step.
        loss: f64,
    },
    /// The samples do not allow what the settings ask for.
    #[error("{what}: {reason}")]
    Unsuitable {
        /// Setting or stage.
        what: String,
        /// Why.
        reason: String,
    },
    /// Mined negatives are asked for that are not there, or not for these samples: mine them.
    #[error("train.negatives: {reason}")]
    Unmined {
        /// What is missing.
        reason: String,
    },
    /// Files, tables, features.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl ModelError {
    /// A step that cannot be used; epoch and step count from 1.
    pub(crate) fn diverged(epoch: u32, step: u64, fault: NotFinite) -> Self {
        Self::Diverged { epoch, step, what: fault.what, loss: fault.loss }
    }

    pub(crate) fn unsuitable(what: &str, reason: impl Into<String>) -> Self {
        Self::Unsuitable { what: what.to_owned(), reason: reason.into() }
    }

    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Diverged { .. } => "diverged",
            Self::Unsuitable { .. } => "unsuitable-samples",
            Self::Unmined { .. } => "no-mined-negatives",
            Self::Core(error) => error.code(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Diverged { .. } => Some("try a lower train.learning_rate, or a higher train.loss.temperature".into()),
            Self::Unsuitable { .. } => None,
            Self::Unmined { .. } => Some("`twinspire mine` makes them with the bundle that is served".into()),
            Self::Core(error) => Some(error.hint()),
        }
    }
}
