//! `twinspire demo`: a made-up click world, the whole chain on its logs, and the candidates of one user.

use super::recall::{answer_text, open_current};
use super::{CommandContext, stages};
use crate::arguments::{DemoArguments, WindowArguments};
use crate::config::{CheckedConfig, ConfigSource};
use crate::error::CliError;
use crate::output::{Reply, to_json};
use crate::pipeline::Serve;
use serde_json::json;
use twinspire_core::query::Query;
use twinspire_data::world::{CATEGORIES, World, WorldSettings, generate};
use twinspire_retrieval::Retriever;

/// Generates, runs, recalls.
///
/// # Errors
/// Whatever a stage returns; I/O.
pub fn run(context: &CommandContext<'_>, arguments: &DemoArguments) -> Result<Reply, CliError> {
    let started = context.clock.now_micros();
    let settings = WorldSettings { seed: context.globals.seed.unwrap_or(1), ..WorldSettings::default() };
    let world = generate(context.vfs, &arguments.dir, &settings)?;
    let (impressions, clicks) = (world.impressions, world.clicks);
    let shown = arguments.dir.display();
    context
        .output
        .talk(&format!("wrote {impressions} impressions and {clicks} clicks of {} days to {shown}", settings.days));
    let config = CheckedConfig::load(&ConfigSource {
        path: arguments.dir.join("twinspire.toml"),
        data_dir: Some(arguments.dir.clone()),
        overrides: context.globals.overrides(),
    })?;
    let mut reply = stages::run_all(context, &config, &WindowArguments::default(), (Serve::Always, false))?;
    let retriever = open_current(context, &config)?;
    let (user, favourites) = someone(&world, &retriever)?;
    let answer = retriever.retrieve(&Query { user: Some(user.clone()), k: 10, ..Query::default() })?;
    let seconds = (context.clock.now_micros() - started) as f64 / 1e6;
    let next = format!("twinspire recall --config {shown}/twinspire.toml --user {user} -k 10");
    reply.text.push_str(&format!(
        "\n== top 10 of user {user}, who likes {favourites}\n{}\n\nall of it took {seconds:.1} s; next:\n  {next}\n",
        answer_text(&answer)
    ));
    reply.fields.insert("answer".into(), to_json(&answer)?);
    reply.fields.insert("user".into(), json!({ "id": user, "likes": favourites }));
    Ok(reply)
}

/// The user with the longest history among the first hundred, and what was planted in her.
fn someone(world: &World, retriever: &Retriever) -> Result<(String, String), CliError> {
    let histories = retriever.bundle().histories();
    let length = |id: &str| histories.find(id).map_or(0, |row| histories.items(row).len());
    let user = world.users.iter().take(100).max_by_key(|user| length(&user.id));
    let Some(user) = user else {
        let (message, hint) = ("the world has no users".to_owned(), "choose another --seed".to_owned());
        return Err(CliError::Usage { message, hint });
    };
    let [first, second] = user.favourites.map(|favourite| CATEGORIES[favourite]);
    let likes = if first == second { first.to_owned() } else { format!("{first} and {second}") };
    Ok((user.id.clone(), likes))
}
