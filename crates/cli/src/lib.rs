//! The command `twinspire`.
//!
//! In: the command line, the environment, a config file. Out: the stages of the other crates, called in order; what they
//! say, as lines or JSON; an exit code. Here is wiring and talk, no arithmetic and no file format.
//!
//! Reading order: [`arguments`], [`config`], [`commands`], [`pipeline`], then how the program talks: [`output`], [`report`],
//! [`progress`], and how it is stopped: [`interrupt`].

pub mod arguments;
pub mod commands;
pub mod config;
pub mod error;
pub mod exit;
pub mod interrupt;
pub mod output;
pub mod pipeline;
pub mod progress;
pub mod report;

use arguments::Arguments;
use clap::Parser;
use commands::{CommandContext, dispatch};
use error::CliError;
use exit::Exit;
use interrupt::Interrupt;
use output::Output;
use std::ffi::OsString;
use std::process::ExitCode;
use twinspire_core::clock::SystemClock;
use twinspire_core::vfs::RealVfs;
use twinspire_data::DataFiles;

/// Runs the command line `arguments`, the program's name first, in the environment of the process.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<_> = arguments.into_iter().collect();
    let exit = match Arguments::try_parse_from(&words) {
        Ok(arguments) => execute(&arguments),
        Err(error) => refuse(&error, &words),
    };
    ExitCode::from(exit.code())
}

fn execute(arguments: &Arguments) -> Exit {
    let environment: Vec<_> =
        std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok())).collect();
    let no_color = environment.iter().find(|(name, _)| name == "NO_COLOR").map(|(_, value)| value.as_str());
    let globals = &arguments.globals;
    let output = Output::new(globals.json, globals.quiet, no_color);
    let progress = progress::reporter(globals.quiet, globals.json);
    let context = CommandContext {
        globals,
        environment: &environment,
        output,
        progress: progress.as_ref(),
        vfs: &RealVfs,
        clock: &SystemClock,
        interrupt: &Interrupt::new(output),
        files: &DataFiles::default(),
    };
    let name = arguments.command.name();
    let done = dispatch(&context, &arguments.command).and_then(|reply| output.print(name, &reply).map(|()| reply.exit));
    match done {
        Ok(exit) => exit,
        Err(error) => {
            output.print_error(&error);
            error.exit()
        }
    }
}

/// Help and version are data; anything else is wrong usage, for scripts in the form of every error.
fn refuse(error: &clap::Error, words: &[OsString]) -> Exit {
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Done;
    }
    if words.iter().any(|word| word == "--json") {
        let message = error.render().to_string();
        let first = message.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let usage = CliError::Usage { message: first, hint: "twinspire --help".into() };
        Output { json: true, ..Output::default() }.print_error(&usage);
    } else {
        let _ = error.print();
    }
    Exit::Usage
}
