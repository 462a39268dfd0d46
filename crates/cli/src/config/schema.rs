//! The JSON Schema of the config, and the questions that checking and explaining ask it. The schema is generated from
//! the section types, so that a key exists in one place.

use super::file::ConfigFile;
use super::key::{KeyPath, Step};
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema of the whole file, JSON Schema 2020-12.
pub fn config_schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<ConfigFile>().to_value()
}

/// The schema of one value.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    root: &'a Value,
    node: &'a Value,
}

/// One form of a table: the only one, or the one of a `kind`.
#[derive(Debug, Clone, Copy)]
pub struct Form<'a> {
    shape: Shape<'a>,
    /// The key that tells forms apart, and its value here.
    pub tag: Option<(&'a str, &'a str)>,
}

/// A key of a form.
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// Its name.
    pub name: &'a str,
    /// What its value may be.
    pub shape: Shape<'a>,
    /// It must be written.
    pub required: bool,
}

impl<'a> Shape<'a> {
    /// The schema of the whole file.
    pub fn root(schema: &'a Value) -> Self {
        Self { root: schema, node: schema }
    }

    fn at(self, node: &'a Value) -> Self {
        Self { node, ..self }
    }

    /// The value of a schema keyword, here or where `$ref` leads.
    pub fn keyword(self, name: &str) -> Option<&'a Value> {
        self.node.get(name).or_else(|| self.referred()?.keyword(name))
    }

    fn referred(self) -> Option<Self> {
        let pointer = self.node.get("$ref")?.as_str()?.strip_prefix('#')?;
        self.root.pointer(pointer).map(|node| self.at(node))
    }

    /// The doc comment; that of the type where the key has none.
    pub fn description(self) -> &'a str {
        let own = self.keyword("description").and_then(Value::as_str);
        own.or_else(|| self.alternatives().first().and_then(|shape| shape.keyword("description")?.as_str()))
            .unwrap_or("")
    }

    /// The value that holds when nothing is written; `None` also where that is no value at all.
    pub fn default(self) -> Option<&'a Value> {
        self.node.get("default").filter(|value| !value.is_null())
    }

    /// The schemas of which one must hold, without `null`; itself when there is no choice.
    pub fn alternatives(self) -> Vec<Self> {
        let choice = self.keyword("anyOf").or_else(|| self.keyword("oneOf")).and_then(Value::as_array);
        let Some(choice) = choice else { return vec![self] };
        let shapes = choice.iter().map(|node| self.at(node)).filter(|shape| !shape.has_type("null"));
        shapes.flat_map(Self::alternatives).collect()
    }

    /// True when it allows any value.
    pub fn is_any(self) -> bool {
        self.node.as_bool() == Some(true)
    }

    /// True when `type` is, or lists, this JSON type.
    pub fn has_type(self, name: &str) -> bool {
        match self.keyword("type") {
            Some(Value::Array(names)) => names.iter().any(|found| found == name),
            Some(found) => found == name,
            None => false,
        }
    }

    /// The texts of a closed list; empty where any text is allowed.
    pub fn choices(self) -> Vec<&'a str> {
        let one = |shape: Self| match (shape.keyword("const"), shape.keyword("enum")) {
            (Some(value), _) => vec![value],
            (None, Some(Value::Array(values))) => values.iter().collect(),
            (None, _) => Vec::new(),
        };
        self.alternatives().into_iter().flat_map(one).filter_map(Value::as_str).collect()
    }

    /// What the entries of an array may be.
    pub fn items(self) -> Option<Self> {
        let array = self.alternatives().into_iter().find(|shape| shape.has_type("array"))?;
        array.keyword("items").map(|node| self.at(node))
    }

    /// What the values of a table with free keys may be.
    pub fn free_values(self) -> Option<Self> {
        let tables = self.alternatives().into_iter();
        tables
            .filter_map(|shape| shape.keyword("additionalProperties"))
            .find(|node| node.is_object())
            .map(|node| self.at(node))
    }

    /// The forms of a table; empty where no table is allowed.
    pub fn forms(self) -> Vec<Form<'a>> {
        let tables = self.alternatives().into_iter().filter(|shape| shape.has_type("object"));
        tables.map(|shape| Form { shape, tag: shape.tag() }).collect()
    }

    fn tag(self) -> Option<(&'a str, &'a str)> {
        let properties = self.keyword("properties")?.as_object()?;
        properties.iter().find_map(|(name, node)| Some((name.as_str(), node.get("const")?.as_str()?)))
    }

    /// The key at `path`; keys of any form count, and a step into an array may be left out.
    pub fn find(self, path: &KeyPath) -> Option<Self> {
        path.steps().iter().try_fold(self, |shape, step| match step {
            Step::Entry(_) => shape.items(),
            Step::Key(name) => shape.named(name).or_else(|| shape.items()?.named(name)),
        })
    }

    fn named(self, name: &str) -> Option<Self> {
        let mut keys = self.forms().into_iter().flat_map(|form| form.keys());
        keys.find(|key| key.name == name).map(|key| key.shape).or_else(|| self.free_values())
    }

    /// Own properties, then those where `$ref` leads.
    fn properties(self) -> Vec<(&'a str, Self)> {
        let own = self.node.get("properties").and_then(Value::as_object);
        let own = own.into_iter().flatten().map(|(name, node)| (name.as_str(), self.at(node)));
        own.chain(self.referred().map(Self::properties).unwrap_or_default()).collect()
    }
}

impl<'a> Form<'a> {
    /// What the form is for.
    pub fn description(&self) -> &'a str {
        self.shape.description()
    }

    /// Its keys in the order of the type.
    pub fn keys(&self) -> Vec<Key<'a>> {
        let required: Vec<_> = self.shape.keyword("required").and_then(Value::as_array).into_iter().flatten().collect();
        let key = |(name, shape)| Key { name, shape, required: required.iter().any(|found| *found == name) };
        self.shape.properties().into_iter().map(key).collect()
    }
}
