//! The fuse box: composes every room's config into one file, loads it, and checks the names that must meet.

mod check;
mod digests;
mod error;
mod load;
mod located;
mod mistake;
mod nearest;
mod places;
mod redact;
mod relative;
mod schema;
mod sections;
mod shutdown;
#[cfg(test)]
mod tests;
mod warnings;

pub use digests::{Digest, contents_of};
pub use error::{ConfigError, Mistakes};
pub use load::Loaded;
pub use mistake::{Mistake, Place};
pub use places::{ConfigPath, Places};
pub use relative::issuer_files;
pub use schema::json_schema;
pub use sections::Config;
pub use shutdown::ShutdownConfig;
