//! `lychgate import`: a config made of what another gateway is configured with, never more open than that, and a report of what
//! could not be carried over.

mod api_gateway;
mod args;
mod report;
mod run;

pub(super) use args::ImportCommand;
pub(super) use run::run;
