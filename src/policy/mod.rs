//! May this caller do this? Cedar bundles, denied by default; knows neither tokens nor HTTP.

mod config;

pub use config::{BundleConfig, Mode};
