//! All whom we believe, found by the `iss` of a token.

use std::collections::HashMap;
use std::sync::Arc;

use super::trust::TrustedIssuer;

/// The trusted issuers of one config.
#[derive(Debug, Default)]
pub struct Issuers {
    by_iss: HashMap<Arc<str>, Arc<TrustedIssuer>>,
}

impl Issuers {
    /// The issuer whose tokens say exactly this `iss` (RFC 7519 section 4.1.1: byte for byte).
    pub(super) fn find(&self, iss: &str) -> Option<&TrustedIssuer> {
        self.by_iss.get(iss).map(Arc::as_ref)
    }

    /// The `iss` and the `max_age` in seconds of the issuer that an operator means by its `iss`, or by its name in the config.
    #[must_use]
    pub fn meant_by(&self, text: &str) -> Option<(Arc<str>, Option<u64>)> {
        let named = || self.by_iss.values().find(|issuer| &**issuer.name() == text).map(Arc::as_ref);
        self.find(text).or_else(named).map(|issuer| (issuer.issuer().clone(), issuer.max_age()))
    }
}

/// Of two with the same `iss` the last one counts; the config's check has refused them.
impl FromIterator<Arc<TrustedIssuer>> for Issuers {
    fn from_iter<I: IntoIterator<Item = Arc<TrustedIssuer>>>(issuers: I) -> Self {
        Self { by_iss: issuers.into_iter().map(|issuer| (issuer.issuer().clone(), issuer)).collect() }
    }
}
