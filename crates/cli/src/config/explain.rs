//! What a key means, what it may be, what it is now and where that comes from: `twinspire config explain KEY`.

use super::key::{KeyPath, Step, closest};
use super::schema::{Form, Key, Shape};
use super::tree::{Node, Place};
use super::words::describe;
use crate::error::CliError;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// Everything about a key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Path of the key; empty for the whole file.
    pub key: String,
    /// What it is for.
    pub meaning: String,
    /// What it may be.
    pub allowed: String,
    /// The values of a closed list that say more than their name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// What holds when nothing is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// Where it was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Its keys, when it is a table or a list of tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forms: Vec<FormKeys>,
}

/// One value of a closed list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// The value.
    pub name: String,
    /// What it means.
    pub meaning: String,
}

/// The keys of a table, or of one kind of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FormKeys {
    /// As in `kind = "bce"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What this kind is for.
    pub meaning: String,
    /// Its keys.
    pub keys: Vec<KeyLine>,
}

/// One key of a table, in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KeyLine {
    /// Its name.
    pub name: String,
    /// What it may be.
    pub allowed: String,
    /// What holds when nothing is written, as TOML; `None` where that is no value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// It must be written.
    pub required: bool,
    /// What it is for.
    pub meaning: String,
}

/// Explains the key called `text`; `tree` is what was written.
///
/// # Errors
/// [`CliError::UnknownKey`] with the closest key.
pub fn explain(schema: &Value, tree: &Node, text: &str) -> Result<Explanation, CliError> {
    let (root, path) = (Shape::root(schema), KeyPath::parse(text));
    let shape = root.find(&path).ok_or_else(|| unknown(root, &path))?;
    let written = tree.get(&path).filter(|_| !path.steps().is_empty());
    let forms = table_forms(shape).iter().map(form_keys).collect::<Vec<_>>();
    let choices = shape.alternatives().into_iter().filter_map(choice).collect();
    Ok(Explanation {
        key: path.to_string(),
        meaning: shape.description().to_owned(),
        allowed: describe(shape),
        choices,
        default: shape.default().filter(|default| is_shown(default, !forms.is_empty())).cloned(),
        value: written.and_then(|node| serde_json::to_value(node.to_value()).ok()),
        place: written.and_then(|node| node.place.clone()),
        forms,
    })
}

fn choice(shape: Shape<'_>) -> Option<Choice> {
    let name = shape.keyword("const")?.as_str()?.to_owned();
    let meaning = shape.keyword("description")?.as_str()?.to_owned();
    Some(Choice { name, meaning })
}

/// The forms of a table, or of the tables in a list.
pub(super) fn table_forms(shape: Shape<'_>) -> Vec<Form<'_>> {
    let own = shape.forms();
    if own.is_empty() { shape.items().map(Shape::forms).unwrap_or_default() } else { own }
}

pub(super) fn form_keys(form: &Form<'_>) -> FormKeys {
    let kind = form.tag.map(|(tag, kind)| format!("{tag} = \"{kind}\""));
    let own = form.keys().into_iter().filter(|key| form.tag.is_none_or(|(tag, _)| tag != key.name));
    FormKeys { kind, meaning: form.description().to_owned(), keys: own.map(|key| key_line(&key)).collect() }
}

/// The default of a table is told by its keys, but not a number in its place.
fn is_shown(default: &Value, is_table: bool) -> bool {
    !is_table || default.is_number()
}

fn key_line(key: &Key<'_>) -> KeyLine {
    let is_table = !table_forms(key.shape).is_empty();
    KeyLine {
        name: key.name.to_owned(),
        allowed: describe(key.shape),
        default: key.shape.default().filter(|default| is_shown(default, is_table)).map(as_toml),
        required: key.required,
        meaning: key.shape.description().to_owned(),
    }
}

fn unknown(root: Shape<'_>, path: &KeyPath) -> CliError {
    CliError::UnknownKey { key: path.to_string(), suggestion: suggestion(root, path) }
}

/// The closest key beside the unknown one; else the same name in another table.
pub(super) fn suggestion(root: Shape<'_>, path: &KeyPath) -> Option<String> {
    let mut known = KeyPath::default();
    for step in path.steps() {
        let next = match step {
            Step::Key(name) => known.key(name),
            Step::Entry(number) => known.entry(*number),
        };
        if root.find(&next).is_none() {
            break;
        }
        known = next;
    }
    let written = match path.steps().get(known.steps().len()) {
        Some(Step::Key(name)) => name.as_str(),
        Some(Step::Entry(_)) | None => "",
    };
    let forms = root.find(&known).map(table_forms).unwrap_or_default();
    let beside: Vec<_> = forms.iter().flat_map(Form::keys).map(|key| key.name).collect();
    let near = closest(written, beside.iter().copied()).map(|name| known.key(name).to_string());
    near.or_else(|| homonym(root, written))
}

/// `sections.key` for a key that was asked for without its section.
fn homonym(root: Shape<'_>, name: &str) -> Option<String> {
    let sections = root.forms().into_iter().flat_map(|form| form.keys());
    let mut homes = sections.filter(|section| section.shape.find(&KeyPath::default().key(name)).is_some());
    homes.next().map(|section| KeyPath::default().key(section.name).key(name).to_string())
}

/// A JSON value as it is written in the config; keys without a value are left out.
pub(super) fn as_toml(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.key.is_empty() { "the config" } else { &self.key };
        writeln!(formatter, "{key}: {}", self.allowed)?;
        writeln!(formatter, "  {}", self.meaning)?;
        for Choice { name, meaning } in &self.choices {
            writeln!(formatter, "  `{name}`: {meaning}")?;
        }
        if let Some(default) = &self.default {
            writeln!(formatter, "  default  {}", as_toml(default))?;
        }
        match (&self.value, &self.place) {
            (Some(Value::Array(_)), _) if !self.forms.is_empty() => {}
            (Some(value), Some(place)) => writeln!(formatter, "  value    {}  ({place})", as_toml(value))?,
            _ if self.default.is_some() => writeln!(formatter, "  value    not written, so the default holds")?,
            _ => {}
        }
        self.forms.iter().try_for_each(|form| write!(formatter, "{form}"))
    }
}

impl fmt::Display for FormKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Some(kind) => writeln!(formatter, "\n{kind}: {}", self.meaning)?,
            None => writeln!(formatter, "\nkeys:")?,
        }
        for key in &self.keys {
            let default = match (&key.default, key.required) {
                (Some(default), _) => format!(", default {default}"),
                (None, true) => ", needed".into(),
                (None, false) => String::new(),
            };
            writeln!(formatter, "  {} ({}{default})\n      {}", key.name, key.allowed, key.meaning)?;
        }
        Ok(())
    }
}
