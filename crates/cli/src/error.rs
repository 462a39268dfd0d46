//! The error that ends a command: those of the other crates, and those of the command line and the config itself. How
//! it is shown is in [`crate::report`].

use crate::config::ConfigFault;
use crate::exit::Exit;
use std::path::PathBuf;
use twinspire_core::CoreError;
use twinspire_data::DataError;
use twinspire_data::ingest::Limit;
use twinspire_model::ModelError;
use twinspire_retrieval::RetrievalError;
use twinspire_serve::ServeError;

/// What ends a command.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The config has faults: correct them, all are listed.
    #[error("{} in {}", count(faults.len()), path.display())]
    Config {
        /// The config file.
        path: PathBuf,
        /// All of them.
        faults: Vec<ConfigFault>,
    },
    /// There is no config file: name it, or make one.
    #[error("there is no config file {}", path.display())]
    ConfigMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A key was asked for that the config does not have.
    #[error("the config has no key `{key}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The closest key.
        suggestion: Option<String>,
    },
    /// The command was used in a way that cannot work: change the command line.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A stage before this one has not run: run it.
    #[error("`{stage}` has not been made yet in {}", folder.display())]
    StageMissing {
        /// Name of the stage's folder.
        stage: &'static str,
        /// Folder of the run.
        folder: PathBuf,
    },
    /// Nothing is published yet: run the chain.
    #[error("no bundle is published in {}", base_dir.display())]
    NoBundle {
        /// Folder of runs and bundles.
        base_dir: PathBuf,
    },
    /// The sealed bundle of this content does not open: take it away, and publish again.
    #[error("the sealed bundle does not open: {source}")]
    SealedBundle {
        /// Where it lies.
        folder: PathBuf,
        /// Why it does not open.
        source: RetrievalError,
    },
    /// The first rows of a file already hold too many rejects: correct the rows or the config.
    #[error("{file}: among its first rows more would be rejected than {limit} allows")]
    CheckRejects {
        /// The file.
        file: String,
        /// What is allowed.
        limit: Limit,
    },
    /// No trial of a search came to a figure: narrow the ranges.
    #[error("all {trials} trials diverged or collapsed")]
    AllDiverged {
        /// How many there were.
        trials: usize,
    },
    /// Files, tables, bundles.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// Logs and samples.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Training.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Channels and evaluation.
    #[error(transparent)]
    Retrieval(#[from] RetrievalError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

fn count(faults: usize) -> String {
    if faults == 1 { "1 fault".into() } else { format!("{faults} faults") }
}

impl CliError {
    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config { .. } => "config",
            Self::ConfigMissing { .. } => "no-config",
            Self::UnknownKey { .. } => "unknown-key",
            Self::Usage { .. } => "usage",
            Self::StageMissing { .. } => "stage-missing",
            Self::NoBundle { .. } => "no-bundle",
            Self::SealedBundle { source, .. } => source.code(),
            Self::CheckRejects { .. } => "too-many-rejects",
            Self::AllDiverged { .. } => "diverged",
            Self::Core(error) => error.code(),
            Self::Data(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Retrieval(error) => error.code(),
            Self::Serve(error) => error.code(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Config { .. } => None,
            Self::ConfigMissing { .. } => {
                Some("name it with `--config PATH`, or write one with `twinspire init --from FILES`".into())
            }
            Self::UnknownKey { suggestion: Some(key), .. } => Some(format!("did you mean `{key}`?")),
            Self::UnknownKey { .. } => Some("`twinspire config explain` lists the keys".into()),
            Self::Usage { hint, .. } => Some(hint.clone()),
            Self::StageMissing { .. } => Some("`twinspire run` makes what is missing and keeps what is there".into()),
            Self::NoBundle { .. } => Some("`twinspire run` makes and publishes one".into()),
            Self::SealedBundle { folder, .. } => {
                Some(format!("take {} away, then `twinspire publish` seals the bundle again", folder.display()))
            }
            Self::CheckRejects { limit, .. } => {
                Some(format!("correct the rows or the config as the lines above say, or raise {}", limit.key()))
            }
            Self::AllDiverged { .. } => Some(
                "the config as it stands was among them: try a lower train.learning_rate, and narrower tune.ranges"
                    .into(),
            ),
            Self::Core(error) => Some(error.hint()),
            Self::Data(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Retrieval(error) => Some(error.hint()),
            Self::Serve(error) => Some(error.hint()),
        }
    }

    /// What the process ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config { .. } | Self::ConfigMissing { .. } | Self::UnknownKey { .. } | Self::Usage { .. } => {
                Exit::Usage
            }
            Self::CheckRejects { .. } | Self::Data(DataError::TooManyRejects { .. }) => Exit::BadRows,
            Self::AllDiverged { .. } | Self::Model(ModelError::Diverged { .. } | ModelError::Collapsed { .. }) => {
                Exit::Diverged
            }
            Self::Model(ModelError::Stopped { .. }) => Exit::Stopped,
            Self::Core(error)
            | Self::Data(DataError::Core(error))
            | Self::Model(ModelError::Core(error))
            | Self::Retrieval(RetrievalError::Core(error)) => core_exit(error),
            Self::StageMissing { .. }
            | Self::NoBundle { .. }
            | Self::SealedBundle { .. }
            | Self::Data(_)
            | Self::Model(_)
            | Self::Retrieval(_)
            | Self::Serve(_) => Exit::Failed,
        }
    }
}

fn core_exit(error: &CoreError) -> Exit {
    match error {
        CoreError::Exists { .. } | CoreError::InUse { .. } => Exit::Conflict,
        CoreError::Invalid { .. } => Exit::Usage,
        CoreError::Io { .. } | CoreError::Damaged { .. } | CoreError::Mismatch { .. } | CoreError::Missing { .. } => {
            Exit::Failed
        }
    }
}
