//! The command line: each command says what it will do, does it, and ends with an exit code that a script can use.

mod args;
mod check;
mod explain;
mod input;
mod lambda;
mod quickstart;
mod report;
mod run;
mod serve;
mod steps;
mod token;

pub use run::run;
