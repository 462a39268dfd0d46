//! `twinspire users delete`: a user leaves the interactions at once, and everything derived with the runs that follow.

use super::CommandContext;
use crate::arguments::UsersDeleteArguments;
use crate::error::CliError;
use crate::output::Reply;
use std::path::Path;
use twinspire_core::CoreError;
use twinspire_data::forget::{Forgotten, forget_users};

/// Deletes users. The reply names none of them.
///
/// # Errors
/// Nobody is identified by the config, or nobody is named; another command reads interactions; I/O.
pub fn delete(context: &CommandContext<'_>, arguments: &UsersDeleteArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    if !config.data().has_users() {
        let message = "the config names no user, so nobody can be deleted".to_owned();
        return Err(CliError::Usage { message, hint: "set input.user".to_owned() });
    }
    let mut users = arguments.users.clone();
    if let Some(path) = &arguments.from {
        users.extend(listed(path)?);
    }
    if users.is_empty() {
        let message = "no user is named".to_owned();
        return Err(CliError::Usage { message, hint: "name users, or a file with one a line by --from".to_owned() });
    }
    let forgotten = forget_users(context.vfs, config.base_dir(), &users)?;
    Reply::new(lines(&forgotten).join("\n"), &forgotten)
}

fn listed(path: &Path) -> Result<Vec<String>, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| CoreError::io(path, error))?;
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn lines(forgotten: &Forgotten) -> Vec<String> {
    let mut lines = vec![format!("new on the list of deleted users: {}", forgotten.users)];
    lines.push(format!(
        "removed interactions of {} log files; the next run reads these files again",
        forgotten.removed.len()
    ));
    lines.extend(forgotten.still_in.iter().map(|folder| format!("made with their rows before: {folder}")));
    if !forgotten.still_in.is_empty() {
        lines.push("`twinspire run` makes the next ones without them; `twinspire retention` removes old ones".into());
    }
    lines
}
