//! All whom we believe, found by the `iss` of a token.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use super::jwks::KeyStore;
use super::tenants::Tenants;
use super::trust::TrustedIssuer;

/// The trusted issuers of one config.
#[derive(Debug, Default)]
pub struct Issuers {
    by_iss: HashMap<Arc<str>, Arc<TrustedIssuer>>,
    /// Those with parameters that have a pattern; no `iss` can be of two of them, nor of one and of the others.
    tenants: Vec<Arc<Tenants>>,
    /// Those whose tokens may be opaque.
    introspecting: Vec<Arc<TrustedIssuer>>,
}

/// The issuer of a token.
pub(super) enum Found<'a> {
    Named(&'a TrustedIssuer),
    /// It may go while a request still needs it.
    Tenant(Arc<TrustedIssuer>),
}

impl Deref for Found<'_> {
    type Target = TrustedIssuer;

    fn deref(&self) -> &TrustedIssuer {
        match self {
            Self::Named(issuer) => issuer,
            Self::Tenant(issuer) => issuer,
        }
    }
}

/// The keys of one concrete issuer of an issuer with parameters.
pub struct TenantKeys {
    /// The issuer's name in the config.
    pub name: Arc<str>,
    /// The `iss` of the tenant's tokens.
    pub issuer: Arc<str>,
    /// Its keys.
    pub keys: Arc<KeyStore>,
}

impl Issuers {
    /// These, and the tenants of those with parameters.
    #[must_use]
    pub fn with_tenants(mut self, tenants: Vec<Arc<Tenants>>) -> Self {
        self.tenants = tenants;
        self
    }

    /// The issuer of a token that was verified, which says exactly this `iss` (RFC 7519 section 4.1.1: byte for byte).
    pub(super) fn find(&self, iss: &str) -> Option<Found<'_>> {
        self.named(iss).or_else(|| self.tenants.iter().find_map(|tenants| tenants.find(iss)).map(Found::Tenant))
    }

    /// The same of a token that nobody has verified yet, which may be the first of its tenant.
    pub(super) fn find_or_make(&self, iss: &str) -> Option<Found<'_>> {
        self.named(iss).or_else(|| self.tenants.iter().find_map(|tenants| tenants.find_or_make(iss)).map(Found::Tenant))
    }

    /// The same of a token that nobody has sent: no tenant is met by it, and no key fetched.
    pub(super) fn find_unmet(&self, iss: &str) -> Option<Found<'_>> {
        self.named(iss).or_else(|| self.tenants.iter().find_map(|tenants| tenants.unmet(iss)).map(Found::Tenant))
    }

    /// The issuer that the config calls so; of one with parameters, the first of the listed tenants.
    pub(super) fn first_named(&self, name: &str) -> Option<&TrustedIssuer> {
        let named = self.by_iss.values().filter(|issuer| **issuer.name() == *name);
        named.min_by(|a, b| a.issuer().cmp(b.issuer())).map(|issuer| &**issuer)
    }

    /// Whose an opaque token is where those with these names are accepted, or all where none is named: the only one that could
    /// say so, or nobody's.
    pub(super) fn of_opaque(&self, accepted: &[String]) -> Option<&TrustedIssuer> {
        let is_accepted = |issuer: &&Arc<TrustedIssuer>| {
            accepted.is_empty() || accepted.iter().any(|name| name.as_str() == &**issuer.name())
        };
        let mut could = self.introspecting.iter().filter(is_accepted);
        let only = could.next()?;
        could.next().is_none().then_some(only)
    }

    fn named(&self, iss: &str) -> Option<Found<'_>> {
        self.by_iss.get(iss).map(|issuer| Found::Named(issuer))
    }

    /// The `iss` and the `max_age` in seconds of the issuer that an operator means by its `iss`, or by its name in the config.
    /// A name that is that of many tenants means none of them.
    #[must_use]
    pub fn meant_by(&self, text: &str) -> Option<(Arc<str>, Option<u64>)> {
        let told = |issuer: &TrustedIssuer| (issuer.issuer().clone(), issuer.max_age());
        if let Some(issuer) = self.by_iss.get(text) {
            return Some(told(issuer));
        }
        if let Some(tenants) = self.tenants.iter().find(|tenants| tenants.stands_for(text)) {
            return Some((text.into(), tenants.max_age()));
        }
        let mut named = self.by_iss.values().filter(|issuer| &**issuer.name() == text && !issuer.is_tenant());
        named.next().map(|issuer| told(issuer))
    }

    /// The keys of every tenant that is known now.
    #[must_use]
    pub fn tenant_keys(&self) -> Vec<TenantKeys> {
        let listed = self.by_iss.values().filter(|issuer| issuer.is_tenant()).cloned();
        let live = self.tenants.iter().flat_map(|tenants| tenants.all());
        let keys_of = |issuer: Arc<TrustedIssuer>| TenantKeys {
            name: issuer.name().clone(),
            issuer: issuer.issuer().clone(),
            keys: issuer.keys().clone(),
        };
        listed.chain(live).map(keys_of).collect()
    }

    /// The names of the issuers whose tokens are introspected, and whether their endpoint answered when it was last asked.
    pub fn introspected(&self) -> impl Iterator<Item = (&Arc<str>, bool)> {
        let of =
            |issuer: &'_ Arc<TrustedIssuer>| issuer.introspector().is_some_and(|introspector| introspector.answers());
        self.introspecting.iter().map(move |issuer| (issuer.name(), of(issuer)))
    }

    /// The names of the issuers with parameters.
    #[must_use]
    pub fn names_with_tenants(&self) -> Vec<Arc<str>> {
        let listed = self.by_iss.values().filter(|issuer| issuer.is_tenant()).map(|issuer| issuer.name().clone());
        let mut names: Vec<_> = listed.chain(self.tenants.iter().map(|tenants| tenants.name().clone())).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Of two with the same `iss` the last one counts; the config's check has refused them.
impl FromIterator<Arc<TrustedIssuer>> for Issuers {
    fn from_iter<I: IntoIterator<Item = Arc<TrustedIssuer>>>(issuers: I) -> Self {
        let by_iss: HashMap<_, _> = issuers.into_iter().map(|issuer| (issuer.issuer().clone(), issuer)).collect();
        let introspecting = by_iss.values().filter(|issuer| issuer.introspector().is_some()).cloned().collect();
        Self { by_iss, tenants: Vec::new(), introspecting }
    }
}
