//! The binary: the command line goes to [`twinspire_cli::run`], its exit code to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    twinspire_cli::run(std::env::args_os())
}
