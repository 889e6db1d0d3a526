//! Reload: a changed config is built beside the one in force, and takes its place whole or not at all.

mod attempts;
mod eyes;
mod in_force;
mod reloader;
mod restart;
mod retired;

pub(super) use attempts::Attempts;
pub(super) use in_force::InForce;
pub(super) use reloader::Reloader;
