//! One file for each command, and what every command is told.

pub mod bench;
pub mod check;
pub mod compare;
pub mod completions;
pub mod config;
pub mod demo;
pub mod evaluate;
pub mod index;
pub mod init;
pub mod logs;
pub mod mine;
pub mod recall;
pub mod report;
pub mod retention;
pub mod run;
pub mod samples;
pub mod serve;
pub mod stages;
pub mod table;
pub mod tune;
pub mod users;

use crate::arguments::{Command, GlobalArguments, UsersCommand};
use crate::config::{CheckedConfig, ConfigSource, Override};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::output::{Output, Reply};
use crate::pipeline::{Serve, Surroundings};
use stages::Stage;
use twinspire_core::clock::Clock;
use twinspire_core::progress::Progress;
use twinspire_core::vfs::Vfs;
use twinspire_data::DataFiles;

/// What every command is told beside its own arguments.
#[derive(Clone, Copy)]
pub struct CommandContext<'a> {
    /// Flags of every command.
    pub globals: &'a GlobalArguments,
    /// Environment variables.
    pub environment: &'a [(String, String)],
    /// How to talk.
    pub output: Output,
    /// Hears how far the work is.
    pub progress: &'a dyn Progress,
    /// Every durable write.
    pub vfs: &'a dyn Vfs,
    /// Every look at the time.
    pub clock: &'static dyn Clock,
    /// How it is stopped.
    pub interrupt: &'a Interrupt,
    /// Where logs and shared units lie.
    pub files: &'a DataFiles,
}

impl<'a> CommandContext<'a> {
    /// What the stages of a run work with.
    pub fn surroundings<'c>(&self, config: &'c CheckedConfig) -> Surroundings<'c>
    where
        'a: 'c,
    {
        let Self { vfs, clock, progress, interrupt, files, .. } = *self;
        Surroundings { config, vfs, clock, progress, interrupt, files }
    }

    /// The config file under environment and flags; `own` are the values of the command's own flags, which win.
    pub fn config_source(&self, own: impl IntoIterator<Item = Override>) -> ConfigSource {
        let environment = Override::from_environment(self.environment.iter().cloned());
        let flags = self.globals.overrides().into_iter().chain(own);
        ConfigSource {
            path: self.globals.config.clone(),
            data_dir: self.globals.data.clone(),
            overrides: environment.into_iter().chain(flags).collect(),
        }
    }

    /// The checked config.
    ///
    /// # Errors
    /// As [`CheckedConfig::load`].
    pub fn config(&self) -> Result<CheckedConfig, CliError> {
        self.config_under([])
    }

    /// As [`Self::config`], under the values of the command's own flags.
    ///
    /// # Errors
    /// As [`CheckedConfig::load`].
    pub fn config_under(&self, own: impl IntoIterator<Item = Override>) -> Result<CheckedConfig, CliError> {
        CheckedConfig::load(&self.config_source(own))
    }
}

/// Runs one command.
///
/// # Errors
/// Whatever ends the command.
pub fn dispatch(context: &CommandContext<'_>, command: &Command) -> Result<Reply, CliError> {
    match command {
        Command::Demo(arguments) => demo::run(context, arguments),
        Command::Init(arguments) => init::run(context, arguments),
        Command::Check(arguments) => check::run(context, arguments),
        Command::Run(arguments) => run::run(context, arguments),
        Command::Samples(arguments) => samples::run(context, arguments),
        Command::Mine(arguments) => mine::run(context, arguments),
        Command::Compare(arguments) => compare::run(context, arguments),
        Command::Tune(arguments) => tune::run(context, arguments),
        Command::Train(arguments) => stages::train(context, arguments),
        Command::Export(arguments) => {
            stages::run_one(context, &arguments.window, Stage::Export { towers: arguments.towers })
        }
        Command::Evaluate(arguments) => evaluate::run(context, arguments),
        Command::Report(arguments) => report::run(context, arguments),
        Command::Publish(arguments) => stages::run_one(context, &arguments.window, Stage::Publish(Serve::Always)),
        Command::Recall(arguments) => recall::run(context, arguments),
        Command::Serve(arguments) => serve::run(context, arguments),
        Command::Retention(arguments) => retention::run(context, arguments),
        Command::Users(UsersCommand::Delete(arguments)) => users::delete(context, arguments),
        Command::Index(command) => index::run(context, command),
        Command::Bench(command) => bench::run(context, command),
        Command::Logs(command) => logs::run(context, command),
        Command::Config(command) => config::run(context, command),
        Command::Completions(arguments) => completions::run(context, arguments),
    }
}
