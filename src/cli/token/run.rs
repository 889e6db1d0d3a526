//! Which of the commands about tokens was asked for.

use super::args::TokenCommand;
use super::{inspect, mint, verify};
use crate::cli::report::Failure;
use crate::cli::run::Verdict;
use crate::clock::Clock;

pub(in crate::cli) fn run(command: &TokenCommand) -> Result<Verdict, Failure> {
    match command {
        TokenCommand::Inspect(args) => inspect::run(args, &Clock::system()),
        TokenCommand::Verify(args) => verify::run(args),
        TokenCommand::Mint(args) => mint::run(args, &Clock::system()),
    }
}
