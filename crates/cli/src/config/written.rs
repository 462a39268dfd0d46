//! What was written: the file, overlaid by environment and flags, with the faults of its form.

use super::fault::{ConfigFault, explain_hint};
use super::key::{KeyPath, Step};
use super::overrides::Override;
use super::parse::parse;
use super::schema::{Shape, config_schema};
use super::tree::{Content, Node};
use super::validate::validate;
use crate::error::CliError;
use std::path::{Path, PathBuf};
use twinspire_core::CoreError;

/// Sections that a recipe or a trial may change: what comes after the samples and before the judgement.
pub(super) const RECIPE_SECTIONS: [&str; 2] = ["model", "train"];

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
        Self::from_text(source, &read_text(&source.path)?)
    }

    /// As [`Self::read`], with a recipe between the file and the overrides: a file with keys of `[model]` and `[train]`,
    /// each of which replaces what the config has under it as a whole.
    ///
    /// # Errors
    /// As [`Self::read`]; a recipe with another section.
    pub fn read_recipe(source: &ConfigSource, recipe: &Path) -> Result<Self, CliError> {
        let mut tree = parse_file(&source.path, &read_text(&source.path)?)?;
        let laid = parse_file(recipe, &read_text(recipe)?)?;
        let Content::Table(sections) = laid.content else { return Self::overridden(source, tree) };
        for (section, node) in sections {
            let Content::Table(keys) = node.content else { return Err(no_recipe(recipe, &section)) };
            if !RECIPE_SECTIONS.contains(&section.as_str()) {
                return Err(no_recipe(recipe, &section));
            }
            for (key, value) in keys {
                let path = [Step::Key(section.clone()), Step::Key(key)];
                tree.set(&path, value).map_err(|_| no_recipe(recipe, &section))?;
            }
        }
        Self::overridden(source, tree)
    }

    /// As [`Self::read`], with the text of the file given.
    ///
    /// # Errors
    /// The text is not TOML.
    pub fn from_text(source: &ConfigSource, text: &str) -> Result<Self, CliError> {
        Self::overridden(source, parse_file(&source.path, text)?)
    }

    /// With these values laid over everything, each where a range says: what one trial of `twinspire tune` is.
    pub(super) fn with_values(&self, values: impl Iterator<Item = (KeyPath, Node)>) -> Self {
        let (mut tree, mut faults) = (self.tree.clone(), Vec::new());
        for (path, node) in values {
            let place = node.place.clone();
            if let Err(blocked) = tree.set(path.steps(), node) {
                let (key, hint) = (path.to_string(), explain_hint(&path));
                faults.push(ConfigFault { code: "unknown-key", key, message: blocked.0, hint, place });
            }
        }
        faults.extend(validate(&tree, Shape::root(&config_schema())));
        Self { tree, faults, ..self.clone() }
    }

    fn overridden(source: &ConfigSource, mut tree: Node) -> Result<Self, CliError> {
        let schema = config_schema();
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

fn read_text(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| unread(path, error))
}

fn parse_file(path: &Path, text: &str) -> Result<Node, CliError> {
    parse(path, text).map_err(|fault| CliError::Config {
        path: path.to_owned(),
        faults: vec![ConfigFault {
            code: "not-toml",
            key: String::new(),
            message: format!("the file is not TOML: {}", fault.reason),
            hint: "see https://toml.io, or start anew with `twinspire init --from FILES`".into(),
            place: Some(fault.place),
        }],
    })
}

fn no_recipe(path: &Path, section: &str) -> CliError {
    CliError::Usage {
        message: format!("{}: `{section}` is no section of a recipe", path.display()),
        hint: "a recipe has keys of [model] and [train]: all recipes share the samples".into(),
    }
}

fn unread(path: &Path, error: std::io::Error) -> CliError {
    if error.kind() == std::io::ErrorKind::NotFound {
        return CliError::ConfigMissing { path: path.to_owned() };
    }
    CoreError::io(path, error).into()
}
