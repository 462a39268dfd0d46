//! TOML to the tree of what was written.
//!
//! In: the text of a file, or of one value. Out: [`Node`]s with their places. Which keys there are is no matter here.

use super::tree::{Content, Node, Place};
use std::borrow::Cow;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A config file that is not TOML.
#[derive(Debug)]
pub struct SyntaxFault {
    /// Where.
    pub place: Place,
    /// What the parser expected.
    pub reason: String,
}

/// Reads the text of a file.
///
/// # Errors
/// The first place that is not TOML.
pub fn parse(path: &Path, text: &str) -> Result<Node, SyntaxFault> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|error| SyntaxFault {
        place: source.place(error.span().map_or(0, |span| span.start)),
        reason: error.message().trim().replace('\n', ", "),
    })?;
    Ok(Node { content: source.table(table.get_ref()), place: None })
}

/// Reads the value of an override, which has one place as a whole; `None` when it is not TOML.
pub fn parse_value(text: &str, place: &Place) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    Some(everywhere(toml_value(value.get_ref()), place))
}

/// A value that was written at one place.
pub fn everywhere(value: toml::Value, place: &Place) -> Node {
    let content = match value {
        toml::Value::Table(table) => {
            Content::Table(table.into_iter().map(|(name, value)| (name, everywhere(value, place))).collect())
        }
        toml::Value::Array(entries) => {
            Content::Array(entries.into_iter().map(|entry| everywhere(entry, place)).collect())
        }
        scalar @ (toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)) => Content::Scalar(scalar),
    };
    Node { content, place: Some(place.clone()) }
}

struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        Place::File { path: self.path.to_owned(), line, column }
    }

    fn table(&self, table: &DeTable<'_>) -> Content {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &Cow<'_, str> = key.get_ref();
            (name.to_string(), self.node(key.span().start, value))
        };
        Content::Table(table.iter().map(entry).collect())
    }

    fn node(&self, offset: usize, value: &Spanned<DeValue<'_>>) -> Node {
        let content = match value.get_ref() {
            DeValue::Table(table) => self.table(table),
            DeValue::Array(entries) => {
                Content::Array(entries.iter().map(|entry| self.node(entry.span().start, entry)).collect())
            }
            scalar @ (DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)) => Content::Scalar(toml_value(scalar)),
        };
        Node { content, place: Some(self.place(offset)) }
    }
}

/// An integer beyond 64 bits becomes a float, which no integer key accepts.
fn toml_value(value: &DeValue<'_>) -> toml::Value {
    match value {
        DeValue::String(text) => toml::Value::String(text.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => toml::Value::Integer(number),
            Err(_) => toml::Value::Float(integer.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(float) => toml::Value::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => toml::Value::Boolean(*truth),
        DeValue::Datetime(datetime) => toml::Value::Datetime(*datetime),
        DeValue::Array(entries) => {
            toml::Value::Array(entries.iter().map(|entry| toml_value(entry.get_ref())).collect())
        }
        DeValue::Table(table) => toml::Value::Table(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), toml_value(value.get_ref()))).collect(),
        ),
    }
}
