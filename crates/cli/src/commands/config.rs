//! `twinspire config show|explain|schema`.

use super::CommandContext;
use crate::arguments::{ConfigCommand, ExplainArguments, ShowArguments};
use crate::config::key::KeyPath;
use crate::config::tree::{Content, Node, Place};
use crate::config::{WrittenConfig, config_schema, explain};
use crate::error::CliError;
use crate::output::Reply;
use serde::Serialize;
use serde_json::json;

/// Runs one of the three.
///
/// # Errors
/// A config with faults, an unknown key.
pub fn run(context: &CommandContext<'_>, command: &ConfigCommand) -> Result<Reply, CliError> {
    match command {
        ConfigCommand::Show(arguments) => show(context, arguments),
        ConfigCommand::Explain(arguments) => explain_key(context, arguments),
        ConfigCommand::Schema => schema(),
    }
}

/// A key that was written.
#[derive(Debug, Serialize)]
struct WrittenKey {
    key: String,
    value: toml::Value,
    place: Option<Place>,
}

fn show(context: &CommandContext<'_>, arguments: &ShowArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    if arguments.effective {
        return Reply::new(config.effective_toml(), &json!({ "config": config.file() }));
    }
    let mut keys = Vec::new();
    written_keys(&KeyPath::default(), config.written(), &mut keys);
    keys.sort_by(|left, right| left.place.cmp(&right.place));
    let line = |key: &WrittenKey| {
        let place = key.place.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} = {}  # {place}\n", key.key, key.value)
    };
    Reply::new(keys.iter().map(line).collect::<String>(), &json!({ "keys": keys }))
}

/// Scalars, and lists without tables in them.
fn written_keys(path: &KeyPath, node: &Node, found: &mut Vec<WrittenKey>) {
    match &node.content {
        Content::Table(entries) => entries.iter().for_each(|(name, entry)| written_keys(&path.key(name), entry, found)),
        Content::Array(entries) if entries.iter().any(|entry| matches!(entry.content, Content::Table(_))) => {
            entries.iter().enumerate().for_each(|(number, entry)| written_keys(&path.entry(number), entry, found));
        }
        Content::Array(_) | Content::Scalar(_) => {
            found.push(WrittenKey { key: path.to_string(), value: node.to_value(), place: node.place.clone() });
        }
    }
}

/// Works without a config file too: then nothing was written.
fn explain_key(context: &CommandContext<'_>, arguments: &ExplainArguments) -> Result<Reply, CliError> {
    let source = context.config_source([]);
    let written = match WrittenConfig::read(&source) {
        Err(CliError::ConfigMissing { .. }) => WrittenConfig::from_text(&source, "")?,
        read => read?,
    };
    let explanation = explain(&config_schema(), written.tree(), &arguments.key)?;
    Reply::new(explanation.to_string(), &explanation)
}

fn schema() -> Result<Reply, CliError> {
    let schema = config_schema();
    Reply::new(format!("{schema:#}"), &json!({ "schema": schema }))
}
