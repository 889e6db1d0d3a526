//! The operator's door: `/metrics`, `/livez`, `/readyz` and `/status`, which only show; and, where the config opens it to whoever
//! has its secret, `/revocations`, by which tokens are refused at once, or `/explain`, which says why a request would be refused.

mod answer;
mod config;
mod explain;
mod health;
mod revocation_request;
mod revocations;
mod routes;
#[cfg(test)]
mod tests;

pub use config::{AdminConfig, RevocationsConfig};
pub use explain::{Explain, ExplainCredential, ExplainRequest, Explaining};
pub use revocations::{Revocable, RevocationsDoor};
pub use routes::{AdminState, Messages, router};
