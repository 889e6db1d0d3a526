//! Takes the command line apart and turns each command's end into an exit code.

use std::process::ExitCode;

use clap::Parser;

use super::args::{Cli, Command};
use super::report::{Failure, show};
use super::{check, explain, health, import, lambda, pool, quickstart, schema, serve, test, token};

/// How a command ended, when nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Good, or yes.
    Good,
    /// The answer is no.
    No,
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    // Wrong usage ends inside, with code 2 and the usage.
    let ended = match Cli::parse().command {
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Import(command) => import::run(&command),
        Command::Lambda(args) => lambda::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Schema(command) => schema::run(&command),
        Command::Pool(command) => pool::run(&command),
        Command::Token(command) => token::run(&command),
    };
    match ended {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::No) => ExitCode::from(1),
        Err(failure) => {
            show(&failure);
            ExitCode::from(match failure {
                Failure::Usage(_) => 2,
                Failure::Start(_) | Failure::Other(_) => 3,
            })
        }
    }
}
