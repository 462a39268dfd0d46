//! `twinspire tune`: settings from ranges, tried on the validation part.

use super::CommandContext;
use crate::arguments::TuneArguments;
use crate::config::CheckedConfig;
use crate::config::key::KeyPath;
use crate::config::ranges::is_whole;
use crate::error::CliError;
use crate::output::{Reply, to_json};
use crate::pipeline::{Candidate, Run, Tuned};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use twinspire_core::vfs::write_file;
use twinspire_model::TuneSettings;

/// Tries the settings, and says which were best.
///
/// # Errors
/// No `[tune]`; a trial whose settings have faults; no trial that came to a figure; whatever the stages return.
pub fn run(context: &CommandContext<'_>, arguments: &TuneArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let settings = config.tune().ok_or_else(|| CliError::Usage {
        message: "the config has no [tune], so that there is nothing to try".into(),
        hint: "`twinspire config explain tune` says what it holds".into(),
    })?;
    let candidates = candidates(&config, settings)?;
    let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
    let tuned = run.tune(settings, &candidates)?;
    let trials = candidates.len();
    let best = tuned.table.best().ok_or(CliError::AllDiverged { trials })?;
    let recipe = recipe(&candidates[best.number]);
    let mut lines = text(&tuned, &recipe);
    if let Some(path) = &arguments.html {
        let page = tuned.table.page(&format!("settings tried for run {}", run.date()));
        write_file(context.vfs, path, page.as_bytes())?;
        lines.push(format!("page: {}", path.display()));
    }
    let mut fields = Map::new();
    fields.insert("run".into(), json!(run.date()));
    fields.insert("tuned".into(), to_json(&tuned)?);
    fields.insert("best".into(), json!({ "trial": best.number, "toml": recipe }));
    Ok(Reply::of_fields(lines.join("\n"), fields))
}

/// The trials, each checked: a fault in one of them comes before any training.
fn candidates(config: &CheckedConfig, settings: &TuneSettings) -> Result<Vec<Candidate>, CliError> {
    let trials = settings.trials(is_whole).into_iter();
    trials.map(|trial| Ok(Candidate { config: config.trial(&trial)?, trial })).collect()
}

/// The settings of a candidate as a recipe: each key of `[model]` and `[train]` that a range reaches into, as a whole.
fn recipe(candidate: &Candidate) -> String {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (key, _) in &candidate.trial.values {
        let [section, name] = first_steps(key);
        let path = KeyPath::default().key(&section).key(&name);
        let value = candidate.config.written().get(&path).map(|node| node.to_value().to_string());
        sections.entry(section).or_default().extend(value.map(|value| (name, value)));
    }
    let section = |(section, keys): (&String, &BTreeMap<String, String>)| {
        let keys: String = keys.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        format!("[{section}]\n{keys}")
    };
    sections.iter().map(section).collect()
}

/// Section and key of a key that may lie deeper: `train.loss.temperature` is of `train.loss`.
fn first_steps(key: &str) -> [String; 2] {
    let steps = KeyPath::parse(key).of_any_entry().to_string();
    let mut steps = steps.splitn(3, '.').map(str::to_owned);
    [steps.next().unwrap_or_default(), steps.next().unwrap_or_default()]
}

fn text(tuned: &Tuned, recipe: &str) -> Vec<String> {
    let Tuned { queries, items, table, .. } = tuned;
    let mut lines = vec![format!("validation part, {queries} queries, full corpus of {items} items")];
    lines.extend(table.lines());
    lines.push(String::new());
    if recipe.is_empty() {
        lines.push("no trial was better than the config as it stands".into());
    } else {
        lines.push("the best settings, for the config or as a recipe of `twinspire compare`:".into());
        lines.extend(recipe.lines().map(str::to_owned));
    }
    lines
}
