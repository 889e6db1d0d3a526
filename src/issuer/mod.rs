//! The embedded issuer: local user pools that speak the Cognito API and OpenID Connect.

mod activity;
mod cognito;
mod config;
mod declare;
mod error;
mod flow;
mod follow;
mod handle;
mod messages;
mod oauth;
mod paths;
mod pool;
mod record;
mod routes;
mod sealing;
mod signing;
mod store;
#[cfg(test)]
mod tests;
mod workers;

pub use config::{
    AliasConfig, AttributeConfig, ClientConfig, ClientFlow, DatabaseConfig, FactorConfig, GroupConfig, IssuerConfig,
    MfaConfig, PasswordPolicyConfig, PoolConfig, SignatureConfig, SigningKeysConfig, TokenAlgorithm, UserConfig,
    VerifiedConfig,
};
pub use error::IssuerError;
pub use handle::{Issuer, PoolSummary};
pub use record::{Recorder, Recording};
pub use signing::RotateKeys;
