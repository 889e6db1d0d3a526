//! The only builder: builds every room once, hangs the doors, and keeps them open until told to stop; a changed config is
//! built beside the one in force and takes its place.

mod build;
mod bundles;
mod certificate;
mod doors;
mod error;
mod explain;
mod lambda;
mod lifetime;
mod listen;
mod mistakes;
mod own_doors;
mod reload;
mod serve;
mod status;
mod tls;
mod trust;

pub use build::{Ground, House, build};
pub use bundles::{outline, whole_outline};
pub use error::ServerError;
pub use explain::certificate_of_pem;
pub use lambda::serve_lambda;
pub use lifetime::Inherited;
pub use mistakes::{mistake, mistakes, with_causes};
pub use serve::serve;
pub use trust::KeyTask;
