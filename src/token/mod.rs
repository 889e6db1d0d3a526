//! Is the token genuine? Finds it in a request, verifies it against its issuer's keys, and checks every claim.

mod config;
mod error;
mod revocation;

pub use config::{
    AttributeConfig, AttributeKind, ClaimPathConfig, CredentialConfig, KeysConfig, RefreshConfig, TokenLimits,
    TrustedIssuerConfig,
};
pub use error::TokenError;
pub use revocation::Revocations;
