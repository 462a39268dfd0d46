//! `twinspire init --from FILES`: a first config from a look at the data.

use super::CommandContext;
use crate::arguments::InitArguments;
use crate::error::CliError;
use crate::output::Reply;
use serde_json::json;
use twinspire_core::CoreError;
use twinspire_core::vfs::write_file;
use twinspire_data::infer::{Inferred, infer};

/// Writes the config and says what was guessed and how sure it is.
///
/// # Errors
/// A file that cannot be read or made sense of; a config that is there already; values for a config, of which there is none yet.
pub fn run(context: &CommandContext<'_>, arguments: &InitArguments) -> Result<Reply, CliError> {
    if let Some(set) = context.globals.set.first() {
        return Err(CliError::Usage {
            message: format!("`init` writes a config and reads none: `--set {}` says nothing to it", set.path),
            hint: "write the key into the config afterwards, or give `--set` to the commands that read it".into(),
        });
    }
    let out = &arguments.out;
    if context.vfs.exists(out).map_err(|error| CoreError::io(out, error))? {
        return Err(CoreError::Exists { path: out.clone() }.into());
    }
    let inferred = infer(&arguments.from)?;
    write_file(context.vfs, out, inferred.config.as_bytes())?;
    let text = format!("{}\n\nwrote {}; next: `twinspire check`", guesses(&inferred), out.display());
    Reply::new(text, &json!({ "config": out, "guesses": inferred.guesses, "left_out": inferred.left_out }))
}

fn guesses(inferred: &Inferred) -> String {
    let first_line = |value: &str| value.lines().next().unwrap_or_default().to_owned();
    let guessed = inferred.guesses.iter().map(|guess| {
        let value =
            if guess.key.starts_with("features.") { String::new() } else { format!(" = {}", first_line(&guess.value)) };
        format!("{:<6}  {}{value}: {}", guess.confidence.name(), guess.key, guess.reason)
    });
    let left_out = inferred.left_out.iter().map(|left| format!("not used  {}: {}", left.column, left.reason));
    guessed.chain(left_out).collect::<Vec<_>>().join("\n")
}
