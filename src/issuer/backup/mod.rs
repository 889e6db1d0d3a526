//! Pools as JSON lines: written whole or without their secrets, and read again.

mod export;
mod import;
mod line;

pub(crate) use export::export;
pub use import::Imported;
pub(crate) use import::import;
