//! What was written, key by key, each with the place where it was written: the file, overlaid by environment and flags.
//! [`super::parse`] makes it.

use super::key::{KeyPath, Step};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Place {
    /// A line of the config file.
    File {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column in characters, counted from 1.
        column: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// The flag, as in `--set train.epochs`.
        flag: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(formatter, "{}:{line}:{column}", path.display()),
            Self::Environment { variable } => write!(formatter, "environment variable {variable}"),
            Self::Flag { flag } => write!(formatter, "{flag}"),
        }
    }
}

/// A value with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What was written.
    pub content: Content,
    /// Where; `None` for tables that nobody wrote.
    pub place: Option<Place>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Keys and their values.
    Table(BTreeMap<String, Node>),
    /// Entries in their order.
    Array(Vec<Node>),
    /// Text, number, truth or time.
    Scalar(toml::Value),
}

impl Node {
    /// A table with nothing in it.
    pub fn empty() -> Self {
        Self { content: Content::Table(BTreeMap::new()), place: None }
    }

    /// The deepest node that was written on the way to `path`.
    pub fn nearest(&self, path: &KeyPath) -> &Self {
        let mut node = self;
        for step in path.steps() {
            let Some(next) = node.child(step) else { break };
            node = next;
        }
        node
    }

    /// The node at `path`.
    pub fn get(&self, path: &KeyPath) -> Option<&Self> {
        path.steps().iter().try_fold(self, |node, step| node.child(step))
    }

    fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.content, step) {
            (Content::Table(entries), Step::Key(name)) => entries.get(name),
            (Content::Array(entries), Step::Entry(number)) => entries.get(*number),
            (Content::Table(_) | Content::Array(_) | Content::Scalar(_), _) => None,
        }
    }

    /// Puts `value` at `path` and makes the tables on the way.
    ///
    /// # Errors
    /// A step that cannot be taken.
    pub fn set(&mut self, path: &[Step], value: Self) -> Result<(), NoSuchPlace> {
        let Some((step, rest)) = path.split_first() else {
            *self = value;
            return Ok(());
        };
        let next = match (&mut self.content, step) {
            (Content::Table(entries), Step::Key(name)) => entries.entry(name.clone()).or_insert_with(Self::empty),
            (Content::Array(entries), Step::Entry(number)) => {
                let length = entries.len();
                let missing = || NoSuchPlace(format!("there is no entry {number}: the array has {length}"));
                entries.get_mut(*number).ok_or_else(missing)?
            }
            (Content::Table(_) | Content::Scalar(_), Step::Entry(number)) => {
                return Err(NoSuchPlace(format!("entry {number} is asked for where no array was written")));
            }
            (Content::Array(_) | Content::Scalar(_), Step::Key(name)) => {
                return Err(NoSuchPlace(format!("key `{name}` is asked for where no table was written")));
            }
        };
        next.set(rest, value)
    }

    /// The same without places.
    pub fn to_value(&self) -> toml::Value {
        match &self.content {
            Content::Table(entries) => {
                toml::Value::Table(entries.iter().map(|(name, node)| (name.clone(), node.to_value())).collect())
            }
            Content::Array(entries) => toml::Value::Array(entries.iter().map(Self::to_value).collect()),
            Content::Scalar(value) => value.clone(),
        }
    }
}

/// A path that leads through something else than tables and arrays.
#[derive(Debug)]
pub struct NoSuchPlace(pub String);
