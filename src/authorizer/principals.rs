//! Principals of tokens that were asked about a moment ago: built once for a verified token, not once a request.

use moka::sync::Cache;

use crate::policy::{AttributeValue, PolicyError, Principal, User};
use crate::token::{Attribute, VerifiedToken, Verifier};

/// All principals together, in bytes as [`weight`] counts them.
const MOST_BYTES: u64 = 24 << 20;
/// What a principal takes beside its texts: its entities, and its standings to the targets that it asks for.
const PRINCIPAL_BYTES: usize = 4096;
/// What each group, scope or attribute takes beside its text.
const MEMBER_BYTES: usize = 200;

/// The principals of one authorizer, by the serial of the token that each is of: no later token has the same.
///
/// What a principal is depends on its token alone, and what it keeps of a bundle bears the bundle's mark.
pub(super) struct Principals(Option<Cache<u64, Principal>>);

impl std::fmt::Debug for Principals {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Principals({:?})", self.0.as_ref().map(Cache::entry_count))
    }
}

impl Principals {
    /// Principals of this verifier's tokens. None is kept where it keeps no token: each sight of one has another serial then.
    pub(super) fn beside(verifier: &Verifier) -> Self {
        // A token that never comes again is not let in where others come often: the cache weighs how often it was asked for.
        let cache = Cache::builder().max_capacity(MOST_BYTES).weigher(|_, principal: &Principal| weight(principal));
        Self(verifier.remembers().then(|| cache.build()))
    }

    /// The token's principal.
    pub(super) fn of(&self, token: &VerifiedToken) -> Result<Principal, PolicyError> {
        let Some(cache) = &self.0 else { return principal_of(token) };
        if let Some(principal) = cache.get(&token.serial()) {
            return Ok(principal);
        }
        let principal = principal_of(token)?;
        cache.insert(token.serial(), principal.clone());
        Ok(principal)
    }
}

fn weight(principal: &Principal) -> u32 {
    let bytes = PRINCIPAL_BYTES + principal.member_count() * MEMBER_BYTES + principal.text_bytes();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Puts a verified token into the words of policies.
pub(super) fn principal_of(token: &VerifiedToken) -> Result<Principal, PolicyError> {
    let attributes = token.attributes().iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    Principal::user(User {
        issuer: token.issuer_name(),
        sub: token.subject(),
        groups: token.groups(),
        scopes: token.scopes(),
        username: token.username(),
        email: token.email(),
        email_verified: token.email_verified(),
        client_id: token.client_id(),
        attributes,
    })
}

fn attribute(value: &Attribute) -> AttributeValue {
    match value {
        Attribute::String(text) => AttributeValue::String(text.clone()),
        Attribute::Long(number) => AttributeValue::Long(*number),
        Attribute::Bool(truth) => AttributeValue::Bool(*truth),
        Attribute::StringSet(members) => AttributeValue::StringSet(members.clone()),
    }
}
