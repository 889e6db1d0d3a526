//! The only builder: builds every room once, hangs the doors, and keeps them open until told to stop.

mod build;
mod certificate;
mod doors;
mod error;
mod lambda;
mod listen;
mod serve;
mod status;
mod stop;
mod trust;

pub use build::{Ground, House, build, outline};
pub use error::ServerError;
pub use lambda::serve_lambda;
pub use serve::serve;
