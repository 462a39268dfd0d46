//! Values that are laid over the file: first the environment (`TWINSPIRE__TRAIN__EPOCHS=3`), then flags
//! (`--set train.epochs=3`).

use super::fault::{ConfigFault, explain_hint};
use super::key::KeyPath;
use super::parse::{everywhere, parse_value};
use super::schema::Shape;
use super::tree::{Node, Place};

/// What the names of variables begin with. A key's parts are joined with two underscores.
pub const PREFIX: &str = "TWINSPIRE__";

/// One value that is laid over the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The key.
    pub path: KeyPath,
    /// The value as TOML; text that is not TOML stands for itself.
    pub text: String,
    /// Where it was written.
    pub place: Place,
}

impl Override {
    /// A value of a flag of its own, as `--seed`.
    pub fn flag(flag: &str, key: &str, value: impl ToString) -> Self {
        Self { path: KeyPath::parse(key), text: value.to_string(), place: Place::Flag { flag: flag.to_owned() } }
    }

    /// Variables that begin with [`PREFIX`], by name.
    pub fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Vec<Self> {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
        let mut found: Vec<_> = ours
            .map(|(variable, text)| Self {
                path: KeyPath::from_variable(&variable[PREFIX.len()..]),
                text,
                place: Place::Environment { variable },
            })
            .collect();
        found.sort_by(|left, right| left.place.cmp(&right.place));
        found
    }

    /// Lays the value over what was written.
    pub(super) fn apply(&self, tree: &mut Node, schema: Shape<'_>) -> Option<ConfigFault> {
        let raw = || everywhere(toml::Value::String(self.text.clone()), &self.place);
        let value = match (parse_value(&self.text, &self.place), schema.find(&self.path)) {
            (Some(node), Some(shape)) if is_text_only(shape) && node.to_value().as_str().is_none() => raw(),
            (Some(node), _) => node,
            (None, _) => raw(),
        };
        let blocked = tree.set(self.path.steps(), value).err()?;
        Some(ConfigFault {
            code: "unknown-key",
            key: self.path.to_string(),
            message: blocked.0,
            hint: explain_hint(&self.path),
            place: Some(self.place.clone()),
        })
    }
}

fn is_text_only(shape: Shape<'_>) -> bool {
    shape.alternatives().into_iter().all(|shape| shape.has_type("string"))
}
