//! `lychgate token`: what a token says, what a gateway would say to it, and tokens for tests. Tokens come from files, never from arguments.

mod args;
mod inspect;
mod mint;
mod private_key;
mod run;
#[cfg(test)]
mod tests;
mod times;
mod verify;

pub(super) use args::TokenCommand;
pub(super) use run::run;
