//! What was written against the schema: unknown keys, missing keys and wrong types, all at once, at every depth.

use super::fault::{ConfigFault, explain_hint};
use super::key::{KeyPath, closest};
use super::schema::{Form, Shape};
use super::tree::{Content, Node, Place};
use super::words::{describe, integers, is_character, join, kinds};
use std::collections::BTreeMap;

/// All faults of form; empty when the file can be read into its types.
pub fn validate(tree: &Node, schema: Shape<'_>) -> Vec<ConfigFault> {
    let mut walk = Walk { faults: Vec::new() };
    walk.node(&KeyPath::default(), tree, schema);
    walk.faults
}

struct Walk {
    faults: Vec<ConfigFault>,
}

impl Walk {
    fn push(&mut self, code: &'static str, path: &KeyPath, place: Option<&Place>, (message, hint): (String, String)) {
        self.faults.push(ConfigFault { code, key: path.to_string(), message, hint, place: place.cloned() });
    }

    fn node(&mut self, path: &KeyPath, node: &Node, shape: Shape<'_>) {
        match (&node.content, shape.items()) {
            (Content::Table(entries), _) if !shape.forms().is_empty() => self.table(path, node, entries, shape),
            (Content::Array(entries), Some(items)) => {
                for (number, entry) in entries.iter().enumerate() {
                    self.node(&path.entry(number), entry, items);
                }
            }
            (_, None) if shape.is_any() => {}
            (Content::Scalar(value), _) if shape.alternatives().into_iter().any(|shape| accepts(shape, value)) => {}
            (Content::Table(_) | Content::Array(_) | Content::Scalar(_), _) => self.wrong_type(path, node, shape),
        }
    }

    fn wrong_type(&mut self, path: &KeyPath, node: &Node, shape: Shape<'_>) {
        let found = node.to_value();
        let choices = shape.choices();
        let slip = found.as_str().and_then(|text| closest(text, choices.iter().copied()));
        let hint = match (slip, &found) {
            (Some(choice), _) => format!("did you mean `{choice}`?"),
            (None, toml::Value::Datetime(_)) if shape.has_type("string") => {
                format!("put quotes around it: \"{found}\"")
            }
            (None, _) => explain_hint(path),
        };
        let message = format!("expected {}, found {}", describe(shape), written(&node.content));
        self.push("wrong-type", path, node.place.as_ref(), (message, hint));
    }

    fn table(&mut self, path: &KeyPath, node: &Node, entries: &BTreeMap<String, Node>, shape: Shape<'_>) {
        let Some(form) = self.form(path, node, entries, shape) else { return };
        let keys = form.keys();
        for (name, entry) in entries {
            match (keys.iter().find(|key| key.name == name), shape.free_values()) {
                (Some(key), _) => self.node(&path.key(name), entry, key.shape),
                (None, Some(values)) => self.node(&path.key(name), entry, values),
                (None, None) => self.unknown_key(path, name, entry, (shape, form)),
            }
        }
        for key in keys.iter().filter(|key| key.required && !entries.contains_key(key.name)) {
            let words = format!("this key is needed: {}", describe(key.shape));
            let hint = explain_hint(&path.key(key.name));
            self.push("missing-key", &path.key(key.name), node.place.as_ref(), (words, hint));
        }
    }

    /// The only form of the table, or the one its `kind` names.
    fn form<'a>(
        &mut self,
        path: &KeyPath,
        node: &Node,
        entries: &BTreeMap<String, Node>,
        shape: Shape<'a>,
    ) -> Option<Form<'a>> {
        let forms = shape.forms();
        let Some((tag, _)) = forms.first()?.tag else { return forms.into_iter().next() };
        let kinds = kinds(shape);
        let Some(entry) = entries.get(tag) else {
            let words = format!("this key is needed: {}", join(&kinds));
            let hint = format!("add for example {tag} = \"{}\"", kinds[0]);
            self.push("missing-key", &path.key(tag), node.place.as_ref(), (words, hint));
            return None;
        };
        let kind = entry.to_value();
        let found = forms.into_iter().find(|form| form.tag.is_some_and(|(_, name)| kind.as_str() == Some(name)));
        if found.is_none() {
            let message = format!("expected {}, found {}", join(&kinds), written(&entry.content));
            let slip = kind.as_str().and_then(|kind| closest(kind, kinds.iter().copied()));
            let hint = slip.map_or_else(|| explain_hint(path), |kind| format!("did you mean `{kind}`?"));
            self.push("wrong-type", &path.key(tag), entry.place.as_ref(), (message, hint));
        }
        found
    }

    fn unknown_key(&mut self, path: &KeyPath, name: &str, entry: &Node, (shape, form): (Shape<'_>, Form<'_>)) {
        let keys: Vec<_> = form.keys().iter().map(|key| key.name).collect();
        let home = shape.forms().into_iter().find(|other| other.keys().iter().any(|key| key.name == name));
        let table = match (path.steps().is_empty(), form.tag) {
            (true, _) => "the file".to_owned(),
            (false, Some((_, kind))) => format!("{path} of kind `{kind}`"),
            (false, None) => path.to_string(),
        };
        let hint = match (closest(name, keys.iter().copied()), home.and_then(|form| form.tag)) {
            (_, Some((tag, kind))) => format!("it belongs to {tag} = \"{kind}\""),
            (Some(key), None) => format!("did you mean `{key}`?"),
            (None, None) if path.steps().is_empty() => "twinspire config schema".to_owned(),
            (None, None) => explain_hint(path),
        };
        let message = format!("{table} has no such key; its keys are {}", keys.join(", "));
        self.push("unknown-key", &path.key(name), entry.place.as_ref(), (message, hint));
    }
}

fn accepts(shape: Shape<'_>, value: &toml::Value) -> bool {
    match value {
        toml::Value::String(text) => {
            let choices = shape.choices();
            let fits = if is_character(shape) { text.chars().count() == 1 } else { shape.has_type("string") };
            fits && (choices.is_empty() || choices.contains(&text.as_str()))
        }
        toml::Value::Integer(number) => {
            shape.has_type("number") || integers(shape).is_some_and(|range| range.contains(number))
        }
        toml::Value::Float(_) => shape.has_type("number"),
        toml::Value::Boolean(_) => shape.has_type("boolean"),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => false,
    }
}

/// A value as it is shown in a fault.
fn written(content: &Content) -> String {
    match content {
        Content::Table(_) => "a table".into(),
        Content::Array(_) => "a list".into(),
        Content::Scalar(value @ toml::Value::String(_)) => format!("text {value}"),
        Content::Scalar(value) => value.to_string(),
    }
}
