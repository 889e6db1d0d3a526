//! The only builder: builds every room once, hangs the doors, and keeps them open until told to stop.

mod build;
mod bundles;
mod certificate;
mod doors;
mod error;
mod explain;
mod lambda;
mod listen;
mod serve;
mod status;
mod stop;
mod trust;

pub use build::{Ground, House, build};
pub use bundles::{outline, whole_outline};
pub use error::ServerError;
pub use lambda::serve_lambda;
pub use serve::serve;
