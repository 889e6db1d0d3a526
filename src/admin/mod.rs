//! The operator's door: `/metrics`, `/livez`, `/readyz` and `/status`.

mod config;

pub use config::AdminConfig;
