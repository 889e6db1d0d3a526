//! The operator's door: `/metrics`, `/livez`, `/readyz` and `/status`. It only shows; nothing can be changed through it.

mod answer;
mod config;
mod health;
mod routes;
#[cfg(test)]
mod tests;

pub use config::AdminConfig;
pub use routes::{AdminState, router};
