//! Rules for tokens that are tried out beside those that count: judged and told, and never a reason to refuse.

use super::claims::Claims;
use super::config::{ShadowRulesConfig, TrustedIssuerConfig};
use super::error::TokenError;
use super::trust::TrustedIssuer;
use super::verify::{VerifiedToken, Verifier};
use crate::jose::{Algorithm, Header, JoseError};

impl TrustedIssuerConfig {
    /// The same issuer under the rules that are tried out, if any are.
    pub(super) fn in_shadow(&self) -> Option<Self> {
        let ShadowRulesConfig { algorithms, types, leeway, max_age, require_claims, audience, client_ids } =
            self.shadow.clone()?;
        let mut tried = Self { shadow: None, ..self.clone() };
        tried.algorithms = algorithms.unwrap_or(tried.algorithms);
        tried.types = types.unwrap_or(tried.types);
        tried.leeway = leeway.unwrap_or(tried.leeway);
        tried.max_age = max_age.or(tried.max_age);
        tried.require_claims = require_claims.unwrap_or(tried.require_claims);
        tried.audience = audience.unwrap_or(tried.audience);
        tried.client_ids = client_ids.unwrap_or(tried.client_ids);
        Some(tried)
    }
}

impl TrustedIssuer {
    /// Why the rules that are tried out would refuse a token, whatever the time; nothing where none are tried, or they would not.
    pub(super) fn try_shadow(&self, algorithm: Algorithm, header: &Header, claims: &Claims) -> Option<TokenError> {
        let tried = self.shadow()?;
        if !tried.accepts(algorithm) {
            return Some(JoseError::UnsupportedAlgorithm.into());
        }
        tried.check_rules(header, claims).err()
    }
}

impl Verifier {
    /// What the rules that are tried out say of a token that was verified a moment ago, also of a cached one: nothing where its
    /// issuer tries none. Nobody is refused by it.
    #[must_use]
    pub fn try_shadow(&self, token: &VerifiedToken) -> Option<Result<(), TokenError>> {
        let issuer = self.issuers().find(&token.issuer)?;
        let tried = issuer.shadow()?;
        Some(match &token.shadow_refusal {
            Some(error) => Err(error.clone()),
            None => tried.check_time(token, self.now()),
        })
    }
}
