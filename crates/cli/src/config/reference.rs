//! `docs/reference/config.md`, written from the schema: every key with what it may be, its default and its meaning.

use super::explain::{FormKeys, KeyLine, form_keys, table_forms};
use super::schema::{Form, Shape};
use serde_json::Value;
use std::fmt::Write as _;

const HEAD: &str = "\
# The config file

Generated from the section types; `twinspire config explain KEY` says the same for one key, `twinspire config schema` is
the JSON Schema for editors. A relative path starts at the folder of the file. A value is taken from the command line
(`--set train.epochs=3`), else from the environment (`TWINSPIRE__TRAIN__EPOCHS=3`), else from the file, else it is the
default. Unknown keys are refused.
";

/// The page.
pub fn config_page(schema: &Value) -> String {
    let mut page = HEAD.to_owned();
    let root = Shape::root(schema).forms();
    let sections = root.iter().flat_map(Form::keys);
    let (tables, plain): (Vec<_>, Vec<_>) = sections.partition(|key| !table_forms(key.shape).is_empty());
    let lines = root.iter().map(form_keys).flat_map(|form| form.keys);
    let plain_lines: Vec<_> = lines.filter(|line| plain.iter().any(|key| key.name == line.name)).collect();
    page += "\n## Root keys\n\n";
    table(&mut page, &plain_lines);
    for section in tables {
        write_table(&mut page, section.name, section.shape, 2);
    }
    page
}

/// A table of the config, then the tables in it.
fn write_table(page: &mut String, path: &str, shape: Shape<'_>, depth: usize) {
    let is_list = shape.forms().is_empty();
    let title = if is_list { format!("[[{path}]]") } else { format!("[{path}]") };
    let _ = write!(page, "\n{} `{title}`\n\n{}\n", "#".repeat(depth), shape.description());
    let forms = table_forms(shape);
    for form in &forms {
        let FormKeys { kind, meaning, keys } = form_keys(form);
        if let Some(kind) = kind {
            let _ = write!(page, "\n`{kind}`: {meaning}\n");
        }
        if !keys.is_empty() {
            page.push('\n');
            table(page, &keys);
        }
    }
    let mut nested: Vec<_> =
        forms.iter().flat_map(Form::keys).filter(|key| !table_forms(key.shape).is_empty()).collect();
    nested.dedup_by_key(|key| key.name);
    for key in nested {
        write_table(page, &format!("{path}.{}", key.name), key.shape, (depth + 1).min(4));
    }
}

fn table(page: &mut String, keys: &[KeyLine]) {
    page.push_str("| key | what it may be | default | meaning |\n|---|---|---|---|\n");
    for key in keys {
        let default = match (&key.default, key.required) {
            (Some(default), _) => format!("`{default}`"),
            (None, true) => "needed".into(),
            (None, false) => String::new(),
        };
        let cells = [format!("`{}`", key.name), key.allowed.clone(), default, key.meaning.clone()];
        let escaped: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        let _ = writeln!(page, "| {} |", escaped.join(" | "));
    }
}
