//! `twinspire retention`, and the end of every run: what the section `[retention]` does not keep goes.

use super::CommandContext;
use crate::arguments::RetentionArguments;
use crate::config::CheckedConfig;
use crate::error::CliError;
use crate::output::{Reply, to_json};
use twinspire_core::retention::{Removal, remove_outdated};

/// Removes, or says what would be removed.
///
/// # Errors
/// I/O.
pub fn run(context: &CommandContext<'_>, arguments: &RetentionArguments) -> Result<Reply, CliError> {
    let config = context.config()?;
    if config.retention().keeps_all() {
        let message = "the section [retention] sets no limit, so everything stays".to_owned();
        let hint = "set for example retention.bundles; `twinspire config explain retention`".to_owned();
        return Err(CliError::Usage { message, hint });
    }
    let removal = remove_outdated(context.vfs, config.base_dir(), config.retention(), arguments.dry_run)?;
    let mut reply = Reply::new(lines(&removal, arguments.dry_run).join("\n"), &removal)?;
    reply.fields.insert("dry_run".into(), arguments.dry_run.into());
    Ok(reply)
}

/// Removes after a run, and says so in its reply.
///
/// # Errors
/// I/O.
pub fn after_run(context: &CommandContext<'_>, config: &CheckedConfig, mut reply: Reply) -> Result<Reply, CliError> {
    if config.retention().keeps_all() {
        return Ok(reply);
    }
    let removal = remove_outdated(context.vfs, config.base_dir(), config.retention(), false)?;
    reply.text.push_str(&lines(&removal, false).join("\n"));
    reply.fields.insert("retention".into(), to_json(&removal)?);
    Ok(reply)
}

fn lines(removal: &Removal, dry_run: bool) -> Vec<String> {
    let Removal { runs, interaction_days, bundles, in_use } = removal;
    let how = if dry_run { "would be removed" } else { "removed" };
    let kinds = [("runs", runs), ("interactions of days", interaction_days), ("bundles", bundles)];
    let mut lines = vec!["== retention".to_owned()];
    lines.extend(kinds.iter().map(|(kind, names)| match names.as_slice() {
        [] => format!("{kind}: none {how}"),
        names => format!("{kind}: {how}: {}", names.join(", ")),
    }));
    lines.extend(in_use.iter().map(|name| format!("{name} stays: it is in use")));
    lines
}
