//! The keys of trusted issuers: fetched in the background, kept, and never waited for once they are there.

mod fetch;
mod key_store;
mod refresh;

pub use fetch::{FetchError, Fetcher, KeySource};
pub use key_store::{KeyStatus, KeyStore, Keys};
pub use refresh::Refresher;
