//! `lychgate quickstart`: the whole gate at work on loopback, with nothing to edit first.

mod card;
mod echo;
mod ports;
mod run;
mod state;

pub(super) use run::run;
