//! What was written: the file, overlaid by environment and flags, with the faults of its form.

use super::fault::ConfigFault;
use super::overrides::Override;
use super::parse::parse;
use super::schema::{Shape, config_schema};
use super::tree::Node;
use super::validate::validate;
use crate::error::CliError;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;

/// Where a config comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSource {
    /// The file.
    pub path: PathBuf,
    /// Base of relative input paths; without it, the folder of the file.
    pub data_dir: Option<PathBuf>,
    /// Values that are laid over the file, the last one wins.
    pub overrides: Vec<Override>,
}

/// What was written, with all overrides, before it is checked by [`super::CheckedConfig`].
#[derive(Debug, Clone)]
pub struct WrittenConfig {
    pub(super) path: PathBuf,
    pub(super) data_dir: PathBuf,
    pub(super) tree: Node,
    pub(super) faults: Vec<ConfigFault>,
}

impl WrittenConfig {
    /// Reads the file and lays the overrides over it. Unknown keys and wrong types are kept for [`Self::check`].
    ///
    /// # Errors
    /// The file is not there, cannot be read, or is not TOML.
    pub fn read(source: &ConfigSource) -> Result<Self, CliError> {
        let path = &source.path;
        let text = std::fs::read_to_string(path).map_err(|error| unread(path, error))?;
        Self::from_text(source, &text)
    }

    /// As [`Self::read`], with the text of the file given.
    ///
    /// # Errors
    /// The text is not TOML.
    pub fn from_text(source: &ConfigSource, text: &str) -> Result<Self, CliError> {
        let schema = config_schema();
        let mut tree = parse(&source.path, text).map_err(|fault| CliError::Config {
            path: source.path.clone(),
            faults: vec![ConfigFault {
                code: "not-toml",
                key: String::new(),
                message: format!("the file is not TOML: {}", fault.reason),
                hint: "see https://toml.io, or start anew with `twinspire init --from FILES`".into(),
                place: Some(fault.place),
            }],
        })?;
        let apply = |laid: &Override| laid.apply(&mut tree, Shape::root(&schema));
        let mut faults: Vec<_> = source.overrides.iter().filter_map(apply).collect();
        faults.extend(validate(&tree, Shape::root(&schema)));
        let folder = source.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        Ok(Self { path: source.path.clone(), data_dir: source.data_dir.clone().unwrap_or(folder), tree, faults })
    }

    /// What was written, key by key.
    pub fn tree(&self) -> &Node {
        &self.tree
    }
}

fn unread(path: &Path, error: std::io::Error) -> CliError {
    if error.kind() == std::io::ErrorKind::NotFound {
        return CliError::ConfigMissing { path: path.to_owned() };
    }
    CoreError::io(path, error).into()
}
