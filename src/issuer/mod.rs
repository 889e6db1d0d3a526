//! The embedded issuer: local user pools that speak the Cognito API and OpenID Connect.

mod config;

pub use config::{ClientConfig, ClientFlow, GroupConfig, IssuerConfig, PoolConfig, UserConfig};
