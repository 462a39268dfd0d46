//! The configs that are shipped, and the schema that editors are given, agree with the section types.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use twinspire_cli::config::parse::parse;
use twinspire_cli::config::schema::Shape;
use twinspire_cli::config::validate::validate;
use twinspire_cli::config::{CheckedConfig, ConfigFile, ConfigSource, config_schema};
use twinspire_cli::report::error_text;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `config/*.toml`, and the configs in `examples/*`: not the recipes, which change the settings of one.
fn shipped() -> Vec<PathBuf> {
    let entries = |folder: &str| {
        let folder = fs::read_dir(root().join(folder)).expect("the folder is there");
        folder.map(|entry| entry.expect("the folder can be read").path())
    };
    let is_toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    let folders = entries("examples").filter(|path| path.is_dir());
    let examples = folders.flat_map(|folder| {
        entries(&format!("examples/{}", folder.file_name().expect("a folder has a name").display()))
    });
    let is_whole = |path: &PathBuf| fs::read_to_string(path).expect("the file can be read").contains("[input]");
    let examples = examples.filter(|path| is_toml(path) && is_whole(path));
    entries("config").filter(is_toml).chain(examples).collect()
}

#[test]
fn every_shipped_config_passes_every_check() {
    let configs = shipped();
    assert!(configs.len() >= 5, "only {} configs found", configs.len());
    for path in configs {
        let source = ConfigSource { path: path.clone(), data_dir: None, overrides: Vec::new() };
        if let Err(error) = CheckedConfig::load(&source) {
            panic!("{}:\n{}", path.display(), error_text(&error));
        }
    }
}

/// Paths of all keys, without entry numbers; the keys of every kind of a table.
fn keys_of(shape: Shape<'_>, path: &str, found: &mut BTreeSet<String>) {
    let tables =
        if shape.forms().is_empty() { shape.items().map(Shape::forms).unwrap_or_default() } else { shape.forms() };
    for key in tables.iter().flat_map(|form| form.keys()) {
        let path = format!("{path}{}", key.name);
        keys_of(key.shape, &format!("{path}."), found);
        found.insert(path);
    }
}

/// Paths of the keys that a text names as `key = value`, those in comments too.
fn named_keys(text: &str) -> BTreeSet<String> {
    let (mut found, mut section) = (BTreeSet::new(), String::new());
    for line in text.lines().map(|line| line.trim_start_matches(['#', ' '])) {
        if line.starts_with('[') && line.trim_end().ends_with(']') {
            let name = line.trim_matches(['[', ']', ' ']);
            add_with_parents(&mut found, name);
            section = format!("{name}.");
            continue;
        }
        for (sign, _) in line.match_indices(" = ") {
            let name = line[..sign].rsplit([' ', '{']).next().unwrap_or_default();
            found.insert(format!("{section}{name}"));
        }
        if let Ok(table) = line.parse::<toml::Table>() {
            flatten(&mut found, &section, &toml::Value::Table(table));
        }
    }
    found
}

fn add_with_parents(found: &mut BTreeSet<String>, name: &str) {
    let ends = name.match_indices('.').map(|(end, _)| end).chain([name.len()]);
    found.extend(ends.map(|end| name[..end].to_owned()));
}

fn flatten(found: &mut BTreeSet<String>, prefix: &str, value: &toml::Value) {
    if let toml::Value::Array(entries) = value {
        entries.iter().for_each(|entry| flatten(found, prefix, entry));
    }
    for (name, value) in value.as_table().into_iter().flatten() {
        found.insert(format!("{prefix}{name}"));
        flatten(found, &format!("{prefix}{name}."), value);
    }
}

#[test]
fn the_full_config_names_every_key() {
    let schema = config_schema();
    let mut known = BTreeSet::new();
    keys_of(Shape::root(&schema), "", &mut known);
    assert!(known.contains("train.loss.temperature") && known.contains("channels.list.share"), "{known:?}");
    let named = named_keys(&fs::read_to_string(root().join("config/full.toml")).unwrap());
    let missing: Vec<_> = known.difference(&named).collect();
    assert!(missing.is_empty(), "config/full.toml does not name {missing:?}");
}

/// Calls `visit` for each object of the schema, with the path to it.
fn walk(node: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, node);
    match node {
        Value::Object(entries) => {
            entries.iter().for_each(|(name, entry)| walk(entry, &format!("{path}/{name}"), visit))
        }
        Value::Array(entries) => {
            entries.iter().enumerate().for_each(|(number, entry)| walk(entry, &format!("{path}/{number}"), visit));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_schema_is_2020_12_closed_and_explains_every_key() {
    let schema = config_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let mut faults = Vec::new();
    walk(&schema, "", &mut |path, node| {
        if let Some(target) = node.get("$ref").and_then(Value::as_str) {
            let found = target.strip_prefix('#').and_then(|pointer| schema.pointer(pointer));
            faults.extend(found.is_none().then(|| format!("{path}: {target} leads nowhere")));
        }
        if let Some(properties) = node.get("properties").and_then(Value::as_object) {
            let is_open = node.get("additionalProperties") != Some(&Value::Bool(false));
            faults.extend(is_open.then(|| format!("{path}: unknown keys are not refused")));
            let silent =
                properties.iter().filter(|(_, key)| key.get("description").is_none() && key.get("const").is_none());
            faults.extend(silent.map(|(name, _)| format!("{path}: `{name}` has no doc comment")));
        }
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_defaults_satisfy_the_schema() {
    let text = toml::to_string(&ConfigFile::default()).unwrap();
    let schema = config_schema();
    let tree = parse(Path::new("defaults.toml"), &text).unwrap();
    assert_eq!(validate(&tree, Shape::root(&schema)), []);
}
