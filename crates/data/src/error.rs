//! Errors of this crate, grouped by what the caller does next. Bad rows are not errors: they are counted, see
//! [`crate::ingest`]; only too many of them are.

use crate::files::is_url;
use crate::ingest::{FileAccount, Limit};
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;
use twinspire_core::partition::Date;

/// A result of this crate.
pub type Result<T, E = DataError> = std::result::Result<T, E>;

/// What can go wrong between the logs and the samples.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A column of the config is not in a file: correct the config.
    #[error("{key}: column `{column}` is not in {file}; its columns are: {found}", file = file.display(), found = found.join(", "))]
    MissingColumn {
        /// Key of the config that names the column.
        key: String,
        /// The column that was looked for.
        column: String,
        /// The file.
        file: PathBuf,
        /// The columns that are there.
        found: Vec<String>,
        /// The closest of them.
        suggestion: Option<String>,
    },
    /// A column that is needed occurs twice in a header: correct the file.
    #[error("column `{column}` occurs {times} times in the header of {file}", file = file.display())]
    RepeatedColumn {
        /// The column.
        column: String,
        /// How often it occurs.
        times: usize,
        /// The file.
        file: PathBuf,
    },
    /// A day of the window has no file: supply it, or choose another window.
    #[error("no file for {date}: nothing matches {pattern}")]
    MissingPartition {
        /// The day.
        date: Date,
        /// The pattern for that day.
        pattern: String,
        /// First and last day for which there are files.
        available: Option<(Date, Date)>,
    },
    /// No day has a file: correct the path.
    #[error("no file matches {pattern}")]
    NoFile {
        /// The path or pattern.
        pattern: String,
    },
    /// A file has no rows: supply it, or take it away.
    #[error("{path} is empty: {reason}", path = path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
        /// No byte, or no row.
        reason: String,
    },
    /// A file ends too early or is not what its ending says: fetch it again.
    #[error("{path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the decompressor or the system said.
        reason: String,
    },
    /// An object store did not do what was asked, after every try: see to the keys, the name or the network.
    #[error("{}: {reason}", url.display())]
    ObjectStore {
        /// The object or folder.
        url: PathBuf,
        /// What the caller can do.
        kind: StoreFault,
        /// What the store or the network said.
        reason: String,
    },
    /// The program was built without object stores: take another one, or files of this machine.
    #[error("{} lies in an object store, and this program was built without them", url.display())]
    NoObjectStores {
        /// The object or folder.
        url: PathBuf,
    },
    /// More rows of a file were rejected than the config allows; nothing is published.
    #[error("{path}: {complaint}", path = account.path, complaint = limit.complaint(account))]
    TooManyRejects {
        /// Counts and first examples of the file.
        account: Box<FileAccount>,
        /// What is allowed.
        limit: Limit,
        /// All stored rejects of the file.
        rejects: PathBuf,
    },
    /// A unit has not been run yet, or for other settings: run it.
    #[error("unit {unit} has not been run: there is no {}", folder.display())]
    UnitMissing {
        /// Its number.
        unit: usize,
        /// Where its result would lie.
        folder: PathBuf,
    },
    /// The list of units is not there, or of other settings or files: make it again.
    #[error("{path}: {what}", path = path.display())]
    PlanChanged {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A row is corrected that was not rejected: the file has changed since, so write its rejects again.
    #[error("{path}:{line}: a correction is there for this row, which is not rejected", path = path.display())]
    StaleCorrection {
        /// The file.
        path: PathBuf,
        /// Line of the row.
        line: u64,
    },
    /// The window cannot be known from the data: name its last day.
    #[error("`days` counts back from a last day, and {pattern} has no {{date}}")]
    UnknownWindow {
        /// The path.
        pattern: String,
    },
    /// The data does not allow what the settings ask for.
    #[error("{what}: {reason}")]
    Unsuitable {
        /// Setting or stage.
        what: String,
        /// Why.
        reason: String,
    },
    /// Files, tables, features.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl DataError {
    /// An I/O error with the path it happened at.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Core(CoreError::io(path, source))
    }

    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingColumn { .. } => "missing-column",
            Self::RepeatedColumn { .. } => "repeated-column",
            Self::MissingPartition { .. } => "missing-partition",
            Self::NoFile { .. } => "no-file",
            Self::EmptyFile { .. } => "empty-file",
            Self::Unreadable { .. } => "unreadable-file",
            Self::ObjectStore { .. } => "object-store",
            Self::NoObjectStores { .. } => "no-object-stores",
            Self::TooManyRejects { .. } => "too-many-rejects",
            Self::UnitMissing { .. } => "unit-missing",
            Self::PlanChanged { .. } => "plan-changed",
            Self::StaleCorrection { .. } => "stale-correction",
            Self::UnknownWindow { .. } => "unknown-window",
            Self::Unsuitable { .. } => "unsuitable-data",
            Self::Core(error) => error.code(),
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::MissingColumn { key, suggestion: Some(name), .. } => {
                Some(format!("did you mean `{name}`? Set it at {key}"))
            }
            Self::MissingColumn { key, .. } => Some(format!("set {key} to one of the columns that are there")),
            Self::RepeatedColumn { .. } => Some("give each of them a name of its own in the header of the file".into()),
            Self::MissingPartition { available: Some((first, last)), .. } => Some(format!(
                "there are files from {first} to {last}: name the last day with `--date {last}`, or fewer days with `--days`"
            )),
            Self::MissingPartition { .. } => Some("check input.path and input.date_format: no day has a file".into()),
            Self::NoFile { .. } => {
                Some("check input.path; a relative path starts at the config file, or at --data DIR".into())
            }
            Self::EmptyFile { .. } => Some("write the file again, or take it away".into()),
            Self::Unreadable { path, .. } => Some(unreadable_hint(path)),
            Self::ObjectStore { url, kind, .. } => Some(store_hint(url, *kind)),
            Self::NoObjectStores { .. } => Some("build it with `cargo build --release --features object-store`".into()),
            Self::TooManyRejects { rejects, limit, .. } => {
                Some(format!("look at {}, then correct the rows or raise {}", rejects.display(), limit.key()))
            }
            Self::StaleCorrection { .. } => {
                Some("take its line out of the files of input.corrections; has the log changed since?".into())
            }
            Self::UnitMissing { unit, .. } => Some(format!(
                "run it with `twinspire samples unit {unit}`, or all that is missing with `twinspire samples`"
            )),
            Self::PlanChanged { .. } => Some("list the units again with `twinspire samples plan`".into()),
            Self::UnknownWindow { .. } => Some("name the last day with `--date`, or leave out input.days".into()),
            Self::Unsuitable { .. } => None,
            Self::Core(error) => Some(error.hint()),
        }
    }
}

/// What the caller can do about a store that refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// There is no such object or bucket.
    NotFound,
    /// It lets nobody in with these keys.
    Refused,
    /// Anything else.
    Failed,
}

fn store_hint(url: &Path, kind: StoreFault) -> String {
    let keys = match url.to_string_lossy().split("://").next() {
        Some("s3") => "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION (and AWS_ENDPOINT for others than AWS)",
        Some("gs") => "GOOGLE_APPLICATION_CREDENTIALS",
        Some("az") => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        Some(_) | None => "the path",
    };
    match kind {
        StoreFault::NotFound => "check the name of the bucket and of the object".into(),
        StoreFault::Refused => format!("check {keys} in the environment, and what they may read"),
        StoreFault::Failed => {
            format!("check the name of the bucket, {keys} in the environment, and the network; then run it again")
        }
    }
}

fn unreadable_hint(path: &Path) -> String {
    let shown = path.display();
    if is_url(path) {
        return "run the same command again; if it fails in the same way, fetch the object and look at it".into();
    }
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => format!("the file was cut or damaged: try `gzip -t {shown}`, then fetch it again"),
        Some("zst") => format!("the file was cut or damaged: try `zstd -t {shown}`, then fetch it again"),
        Some("parquet") => "fetch it again, or have it written again with snappy, gzip, lz4 or zstd".into(),
        _ => "check that the file may be read".into(),
    }
}
