//! `twinspire compare`: several recipes of training on the same samples.

use super::CommandContext;
use crate::arguments::CompareArguments;
use crate::config::WrittenConfig;
use crate::error::CliError;
use crate::output::Reply;
use crate::pipeline::{Compared, Recipe, Run};
use std::path::{Path, PathBuf};
use twinspire_retrieval::evaluate::{RecipeFigures, shown_length};

/// Trains and judges the recipes.
///
/// # Errors
/// A recipe that is none; whatever the stages return.
pub fn run(context: &CommandContext<'_>, arguments: &CompareArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    let source = context.config_source([]);
    let recipe = |path: &PathBuf| {
        let config = WrittenConfig::read_recipe(&source, path)?.check()?;
        Ok(Recipe { name: name_of(path), config })
    };
    let recipes: Vec<Recipe> = arguments.recipes.iter().map(recipe).collect::<Result<_, CliError>>()?;
    let mut names: Vec<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(CliError::Usage {
            message: format!("two recipes are called {:?}", twice[0]),
            hint: "a recipe is called as its file, without folder and ending: rename one".into(),
        });
    }
    let seeds = if arguments.seeds.is_empty() { vec![config.seed()] } else { arguments.seeds.clone() };
    let run = Run::new(context.surroundings(&config), arguments.window.date, arguments.window.days)?;
    let compared = run.compare(&recipes, &seeds)?;
    Reply::new(text(&compared), &compared)
}

/// File name without its ending.
fn name_of(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn text(compared: &Compared) -> String {
    let Compared { queries, items, seeds, lengths, segments, recipes } = compared;
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let mut lines = vec![format!(
        "validation part, {queries} queries, full corpus of {items} items, seeds {}; mean ± standard deviation",
        seeds.join(", ")
    )];
    let of_items = segments.iter().filter_map(|segment| Some((segment, segment.items?)));
    let sizes: Vec<String> = of_items
        .map(|(segment, items)| format!("{} {items} items, {} true", segment.name, segment.true_items))
        .collect();
    lines.push(format!("recall by segment of the true item: {}", sizes.join("; ")));
    lines.extend(RecipeFigures::lines(recipes, shown_length(lengths)));
    lines.push(String::new());
    lines.join("\n")
}
