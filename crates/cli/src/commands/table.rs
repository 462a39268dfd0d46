//! `docs/reference/commands.md`: commands, flags and exit codes, written from the command line's own description.

use crate::arguments::Arguments;
use crate::exit::Exit;
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::fmt::Write as _;

const HEAD: &str = "\
# Commands

Generated from the command line's own description; `twinspire COMMAND --help` says the same. Data goes to stdout, talk and
errors to stderr. With `--json` a command prints one object: `schema_version`, `command` and its fields, or
`schema_version` and `error` with `code`, `message`, `hint` and, for a config, `faults`.
";

/// The page.
pub fn commands_page() -> String {
    let mut root = Arguments::command();
    root.build();
    let mut page = HEAD.to_owned();
    page += "\n## Flags of every command\n\n";
    let is_global = |argument: &&Arg| argument.is_global_set();
    write_flags(&mut page, root.get_arguments().filter(is_global));
    for command in root.get_subcommands() {
        write_command(&mut page, command, "twinspire");
    }
    write_exit_codes(&mut page);
    page
}

fn write_command(page: &mut String, command: &Command, parent: &str) {
    if command.get_name() == "help" {
        return;
    }
    let name = format!("{parent} {}", command.get_name());
    if command.has_subcommands() {
        command.get_subcommands().for_each(|command| write_command(page, command, &name));
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let own = || command.get_arguments().filter(|argument| !argument.is_global_set() && argument.get_id() != "help");
    let positionals: String =
        own().filter(|argument| argument.is_positional()).map(|argument| format!(" {argument}")).collect();
    let _ = write!(page, "\n## `{name}{positionals}`\n\n{about}.\n");
    if own().next().is_some() {
        page.push('\n');
        write_flags(page, own());
    }
}

fn write_flags<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    page.push_str("| flag | default | meaning |\n|---|---|---|\n");
    for argument in arguments {
        let _ = writeln!(page, "| `{}` | {} | {} |", spelling(argument), default(argument), meaning(argument));
    }
}

fn default(argument: &Arg) -> String {
    let values: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    match values.join(",") {
        _ if argument.is_required_set() => "needed".into(),
        value if value.is_empty() || !takes_value(argument) => String::new(),
        value => format!("`{value}`"),
    }
}

/// The help text, and the values of a closed list.
fn meaning(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let values = argument.get_possible_values();
    let names: Vec<_> = values.iter().map(|value| format!("`{}`", value.get_name())).collect();
    if names.is_empty() || !takes_value(argument) { help } else { format!("{help}: {}", names.join(", ")) }
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

/// As in `--config PATH` or `-k K`.
fn spelling(argument: &Arg) -> String {
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    let flags: Vec<_> = short.into_iter().chain(long).collect();
    let values: Vec<_> = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let value = if takes_value(argument) { values.join(" ") } else { String::new() };
    format!("{} {value}", flags.join(", ")).trim().to_owned()
}

fn write_exit_codes(page: &mut String) {
    page.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for exit in Exit::ALL {
        let _ = writeln!(page, "| {} | {} |", exit.code(), exit.meaning());
    }
}
