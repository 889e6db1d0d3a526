//! Is the token genuine? Finds it in a request, verifies it against its issuer's keys, and checks every claim.

mod assertion;
mod bearer;
mod cache;
mod claims;
mod config;
mod error;
mod hash;
mod introspection;
mod issuers;
mod jwks;
mod proof;
mod revocation;
mod shadow;
mod supposed;
mod tenants;
#[cfg(test)]
mod tests;
mod trust;
mod verify;

pub use assertion::{AssertionError, AssertionKeys, AssertionMinter, MinterSettings, RingSettings};
pub use bearer::{Credential, Replacement, find_credential, query_without_credentials, without_credentials};
pub use claims::Claims;
pub use config::{
    AttributeConfig, AttributeKind, ClaimPathConfig, CredentialConfig, DpopConfig, FetchConfig, IntrospectionConfig,
    KeysConfig, ParameterConfig, RefreshConfig, ShadowRulesConfig, TokenLimits, TrustedIssuerConfig,
};
pub use error::TokenError;
pub use introspection::Introspector;
pub use issuers::{Issuers, TenantKeys};
pub use jwks::{FetchError, Fetcher, KeyOrigin, KeySource, KeyStatus, KeyStore, Keys, Refresher};
pub use proof::{Confirmation, PROOF_ALGORITHMS, ProofChecker, ProofError, SeenProofs, Sender};
pub use revocation::{RevocationList, Revocations};
pub use supposed::{SaidToken, SupposedToken};
pub use tenants::{IssuerTemplate, TemplateError, TenantValues, Tenants, ValuePattern};
pub use trust::{Attribute, TrustedIssuer};
pub use verify::{ProvedBy, VerifiedToken, Verifier, VerifierParts};
