//! The command line: each command says what it will do, does it, and ends with an exit code that a script can use.

mod args;
mod cases;
mod check;
mod explain;
mod health;
mod import;
mod input;
mod lambda;
mod pool;
mod quickstart;
mod report;
mod run;
mod schema;
mod serve;
mod test;
mod token;

pub use run::run;
