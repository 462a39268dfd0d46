//! Errors of this crate, grouped by what the caller does next.

use crate::collapse::Alarm;
use crate::engine::NotFinite;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;

/// A result of this crate.
pub type Result<T, E = ModelError> = std::result::Result<T, E>;

/// What can go wrong while a model is trained, stored or loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The loss, a gradient or a parameter is not a finite number: change the settings and train again. No model was
    /// written.
    #[error("training diverged in epoch {epoch}, step {step}: the {what} is not finite (loss {loss}){}", samples(rows))]
    Diverged {
        /// Epoch, counted from 1.
        epoch: u32,
        /// Step since the start, counted from 1.
        step: u64,
        /// `loss`, `gradient` or `model`.
        what: &'static str,
        /// The loss of the step, or of the epoch so far.
        loss: f64,
        /// Numbers of the samples of the step; none where it is the model after it.
        rows: Vec<u32>,
        /// The newest checkpoint of the run, if there is one.
        checkpoint: Option<PathBuf>,
    },
    /// It was told to end: the same command goes on from the checkpoint.
    #[error("training stopped in epoch {epoch} after step {step}; checkpoint {}", checkpoint.display())]
    Stopped {
        /// Epoch, counted from 1.
        epoch: u32,
        /// Steps since the start.
        step: u64,
        /// What was written.
        checkpoint: PathBuf,
    },
    /// An alarm of `[train.alarms]` that is to end training was raised: change the settings and train again, or let it only
    /// warn. No model was written.
    #[error("training was stopped in epoch {epoch} after step {step}: {}", listed(alarms))]
    Collapsed {
        /// Epoch, counted from 1.
        epoch: u32,
        /// Steps since the start.
        step: u64,
        /// Those that end training.
        alarms: Vec<Alarm>,
        /// What was written.
        checkpoint: PathBuf,
    },
    /// The samples do not allow what the settings ask for.
    #[error("{what}: {reason}")]
    Unsuitable {
        /// Setting or stage.
        what: String,
        /// Why.
        reason: String,
    },
    /// Training cannot start from the earlier model: change what it starts from, or the settings.
    #[error("training cannot start from {start}: {reason}")]
    Unstartable {
        /// The run or the bundle.
        start: String,
        /// Why.
        reason: String,
        /// What to do.
        hint: &'static str,
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

/// The samples of a step, the first few by number.
fn samples(rows: &[u32]) -> String {
    const SHOWN: usize = 8;
    if rows.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = rows.iter().take(SHOWN).map(u32::to_string).collect();
    let more = if rows.len() > SHOWN { ", ..." } else { "" };
    format!("; its {} samples are {}{more}", rows.len(), shown.join(", "))
}

fn listed(alarms: &[Alarm]) -> String {
    alarms.iter().map(Alarm::to_string).collect::<Vec<_>>().join("; ")
}

/// Likely reasons and next steps of alarms that ended training.
fn advice(alarms: &[Alarm], checkpoint: &Path) -> String {
    let advice = alarms.iter().map(|Alarm { sign, .. }| {
        format!("likely reasons of {}: {}; {}", sign.name(), sign.reasons(), sign.next_step())
    });
    let keys: Vec<String> = alarms.iter().map(|alarm| format!("train.alarms.{}.action", alarm.sign.name())).collect();
    let go_on = format!(
        "if it is as it should be, the same command with {} = \"warn\" goes on from {}",
        keys.join(" and "),
        checkpoint.display()
    );
    advice.chain([go_on]).collect::<Vec<_>>().join(". ")
}

impl ModelError {
    /// A step that cannot be used, where nothing is written; epoch and step count from 1.
    pub(crate) fn diverged((epoch, step): (u32, u64), fault: NotFinite, rows: &[u32]) -> Self {
        Self::Diverged { epoch, step, what: fault.what, loss: fault.loss, rows: rows.to_vec(), checkpoint: None }
    }

    pub(crate) fn unsuitable(what: &str, reason: impl Into<String>) -> Self {
        Self::Unsuitable { what: what.to_owned(), reason: reason.into() }
    }

    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Diverged { .. } => "diverged",
            Self::Stopped { .. } => "stopped",
            Self::Collapsed { .. } => "collapsed",
            Self::Unsuitable { .. } => "unsuitable-samples",
            Self::Unstartable { .. } => "warm-start",
            Self::Unmined { .. } => "no-mined-negatives",
            Self::Core(error) => error.code(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Diverged { checkpoint, .. } => {
                let kept = checkpoint.as_ref().map(|path| format!("; {} is kept", path.display()));
                let advice = "try a lower train.learning_rate, or a higher train.loss.temperature";
                Some(format!("{advice}{}", kept.unwrap_or_default()))
            }
            Self::Stopped { .. } => Some("the same command goes on from there".into()),
            Self::Collapsed { alarms, checkpoint, .. } => Some(advice(alarms, checkpoint)),
            Self::Unsuitable { .. } => None,
            Self::Unstartable { hint, .. } => Some((*hint).to_owned()),
            Self::Unmined { .. } => Some("`twinspire mine` makes them with the bundle that is served".into()),
            Self::Core(error) => Some(error.hint()),
        }
    }
}
