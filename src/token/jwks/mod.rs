//! The keys of trusted issuers: fetched in the background, kept, and never waited for once they are there.

mod disk;
mod error;
mod fetch;
mod http;
mod key_store;
mod refresh;
#[cfg(test)]
mod tests;

pub use error::FetchError;
pub use fetch::{Fetcher, KeyOrigin, KeySource};
pub(super) use http::KeyClient;
pub use key_store::{KeyStatus, KeyStore, Keys};
pub use refresh::Refresher;
