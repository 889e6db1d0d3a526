//! Is the token genuine? Finds it in a request, verifies it against its issuer's keys, and checks every claim.

mod bearer;
mod cache;
mod claims;
mod config;
mod error;
mod issuers;
mod jwks;
mod revocation;
mod shadow;
mod supposed;
mod tenants;
#[cfg(test)]
mod tests;
mod trust;
mod verify;

pub use bearer::{Replacement, find_credential, query_without_credentials, without_credentials};
pub use claims::Claims;
pub use config::{
    AttributeConfig, AttributeKind, ClaimPathConfig, CredentialConfig, FetchConfig, KeysConfig, ParameterConfig,
    RefreshConfig, ShadowRulesConfig, TokenLimits, TrustedIssuerConfig,
};
pub use error::TokenError;
pub use issuers::{Issuers, TenantKeys};
pub use jwks::{FetchError, Fetcher, KeyOrigin, KeySource, KeyStatus, KeyStore, Keys, Refresher};
pub use revocation::Revocations;
pub use supposed::{SaidToken, SupposedToken};
pub use tenants::{IssuerTemplate, TemplateError, TenantValues, Tenants, ValuePattern};
pub use trust::{Attribute, TrustedIssuer};
pub use verify::{VerifiedToken, Verifier, VerifierParts};
