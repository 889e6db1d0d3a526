//! Pools declared in the config: judged whole before anything is written, then kept in step.

mod declaration;
mod keep_in_step;
mod settings;

pub(crate) use declaration::{DeclaredPool, declared_pools};
pub(crate) use keep_in_step::keep_in_step;
