//! `lychgate pool`: pools, clients, groups and users of the embedded issuer, beside a running server or without one.

mod args;
mod backup;
mod clients;
mod desk;
mod groups;
mod pools;
mod run;
mod table;
mod users;

pub(super) use args::PoolCommand;
pub(super) use run::run;
