//! The verifier: the only maker of a [`VerifiedToken`].

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::cache::TokenCache;
use super::claims::Claims;
use super::config::TokenLimits;
use super::error::TokenError;
use super::hash::TokenHash;
use super::introspection::looks_structured;
use super::issuers::{Found, Issuers};
use super::proof::Confirmation;
use super::revocation::Revocations;
use super::trust::{Attribute, TrustedIssuer};
use crate::clock::Clock;
use crate::jose::{Algorithm, CompactJws, JoseError};
use crate::telemetry::TokenCacheMetrics;

/// A token whose signature, issuer, audience, times, type and claims all hold. Only [`Verifier::verify`] makes one.
#[derive(Debug)]
pub struct VerifiedToken {
    pub(super) serial: Serial,
    /// SHA-256 of the whole token as it was sent.
    pub(super) hash: [u8; 32],
    /// Whom it is bound to; checked with every request that brings it, by [`ProofChecker`](super::proof::ProofChecker).
    pub(super) confirmation: Option<Confirmation>,
    pub(super) issuer_name: Arc<str>,
    pub(super) issuer: Arc<str>,
    pub(super) subject: String,
    pub(super) expires_at: u64,
    pub(super) not_before: Option<u64>,
    pub(super) issued_at: Option<u64>,
    pub(super) jti: Option<String>,
    pub(super) origin_jti: Option<String>,
    pub(super) username: Option<String>,
    pub(super) email: Option<String>,
    pub(super) email_verified: Option<bool>,
    pub(super) client_id: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) groups: Vec<String>,
    pub(super) attributes: BTreeMap<String, Attribute>,
    /// Why rules that are tried out would refuse it, whatever the time.
    pub(super) shadow_refusal: Option<TokenError>,
    pub(super) claims: Claims,
}

/// A number that no other token of this process has.
#[derive(Debug)]
pub(super) struct Serial(u64);

impl Serial {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

impl VerifiedToken {
    /// Tells this verification from any other of this process, for whoever keeps something with it.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.serial.0
    }

    /// The name that the config gives the issuer.
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        &self.issuer_name
    }

    /// `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom it is bound to.
    pub(super) fn confirmation(&self) -> Option<&Confirmation> {
        self.confirmation.as_ref()
    }

    /// Whether it is bound to its sender: then a [`ProofChecker`](super::proof::ProofChecker) must say that this is the one.
    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.confirmation.is_some()
    }

    /// SHA-256 of the token as it was sent.
    pub(super) fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// SHA-256 of the token as it was sent, in base64url without padding: it tells which token, and nothing of what is in it.
    #[must_use]
    pub fn hash_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.hash)
    }

    /// `sub`: who the caller is, within the issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// `exp`, in Unix seconds.
    #[must_use]
    pub fn expires_at(&self) -> u64 {
        self.expires_at
    }

    /// `iat`, in Unix seconds.
    #[must_use]
    pub fn issued_at(&self) -> Option<u64> {
        self.issued_at
    }

    /// The user name, where the issuer gives one beside `sub`.
    #[must_use]
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// `email`.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// `email_verified`.
    #[must_use]
    pub fn email_verified(&self) -> Option<bool> {
        self.email_verified
    }

    /// `client_id` or `azp`: the client that the token was issued to.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// What the issuer's `scope_claims` hold.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// What the issuer's `group_claims` hold.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The configured attributes that the token has.
    #[must_use]
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        &self.attributes
    }

    /// The claims that the verifier was told to keep.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// About how many bytes of text the token holds, for the bound of the cache.
    pub(super) fn text_bytes(&self) -> usize {
        let optional = [&self.jti, &self.origin_jti, &self.username, &self.email, &self.client_id];
        let optional: usize = optional.into_iter().flatten().map(String::len).sum();
        let lists = self.scopes.iter().chain(&self.groups).map(|text| text.len() + 32).sum::<usize>();
        let attributes: usize = self.attributes.iter().map(|(name, value)| 64 + name.len() + value.text_bytes()).sum();
        let claims: usize = self.claims.iter().map(|(name, value)| 64 + name.len() + value.to_string().len()).sum();
        self.subject.len() + optional + lists + attributes + claims
    }
}

/// What proved a token this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProvedBy {
    /// It was verified a moment ago, and remembered.
    Cache,
    /// Its signature.
    Signature,
    /// Its issuer's word, given now or a moment ago.
    Introspection,
}

impl ProvedBy {
    /// Its name in traces.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Signature => "signature",
            Self::Introspection => "introspection",
        }
    }

    /// Of a token that was verified now: with keys of some generation, or by its issuer.
    fn anew(generation: Option<u64>) -> Self {
        if generation.is_some() { Self::Signature } else { Self::Introspection }
    }
}

/// Verifies tokens of all trusted issuers.
#[derive(Debug)]
pub struct Verifier {
    issuers: Arc<Issuers>,
    /// Claims that somebody will ask for; the others are checked and let go.
    kept_claims: HashSet<String>,
    /// `None` where the config gives it no memory.
    cache: Option<Arc<TokenCache>>,
    limits: TokenLimits,
    revocations: Revocations,
    clock: Clock,
}

/// What a verifier is made of, beside the issuers that it trusts.
pub struct VerifierParts {
    /// Names of the claims that a verified token keeps.
    pub kept_claims: HashSet<String>,
    /// Bounds on what is read.
    pub limits: TokenLimits,
    /// What was revoked.
    pub revocations: Revocations,
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: TokenCacheMetrics,
}

impl Verifier {
    /// A verifier for these issuers.
    #[must_use]
    pub fn new(issuers: Arc<Issuers>, parts: VerifierParts) -> Self {
        Self {
            issuers,
            kept_claims: parts.kept_claims,
            cache: TokenCache::of_size(parts.limits.cache, parts.metrics).map(Arc::new),
            limits: parts.limits,
            revocations: parts.revocations,
            clock: parts.clock,
        }
    }

    /// The same verifier, remembering what `earlier` has verified where it keeps and reads the same of each token. Only for the
    /// same issuers with the same rules and the same stores of keys: an entry says nothing of them.
    #[must_use]
    pub fn remembering(mut self, earlier: &Self) -> Self {
        if self.kept_claims == earlier.kept_claims && self.limits == earlier.limits {
            self.cache.clone_from(&earlier.cache);
        }
        self
    }

    /// Whether it knows a token again that it has verified, by the same [`serial`](VerifiedToken::serial).
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.cache.is_some()
    }

    /// Proves a token, or says why not. Waits for the network only where `kid` is unknown, and then not often; and for what an
    /// issuer says of its opaque tokens.
    ///
    /// # Errors
    /// The first rule that does not hold, in the order of this function.
    pub async fn verify(&self, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        self.verify_among(token, &[]).await.map(|(token, _)| token)
    }

    /// The same where only issuers with these names are accepted, or all where none is named: an opaque token is of the only one
    /// that could say what it is. A token that tells its issuer is proved whoever is accepted. What proved it is told beside it.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn verify_among(
        &self,
        token: &str,
        accepted: &[String],
    ) -> Result<(Arc<VerifiedToken>, ProvedBy), TokenError> {
        if token.len() as u64 > self.limits.token.as_u64() {
            return Err(TokenError::TooLong);
        }
        let issuer = if looks_structured(token) { None } else { self.issuers.of_opaque(accepted) };
        let (verified, proved_by) = match (issuer, &self.cache) {
            (Some(issuer), _) => (self.introspect(issuer, token).await?, ProvedBy::Introspection),
            (None, Some(cache)) => self.verify_once(token, cache).await?,
            (None, None) => {
                let (verified, generation) = self.verify_anew(token).await?;
                (verified, ProvedBy::anew(generation))
            }
        };
        // Asked of every token, however often it was seen: the clock and the revocation list move on.
        self.recheck(&verified)?;
        Ok((verified, proved_by))
    }

    async fn verify_once(&self, token: &str, cache: &TokenCache) -> Result<(Arc<VerifiedToken>, ProvedBy), TokenError> {
        let key = cache.key_of(token);
        if let Some(verified) = key.and_then(|key| cache.find(key, |token| self.generation_now(token))) {
            return Ok((verified, ProvedBy::Cache));
        }
        let (verified, generation) = self.verify_anew(token).await?;
        if let (Some(key), Some(generation)) = (key, generation) {
            cache.keep(key, &verified, generation);
        }
        Ok((verified, ProvedBy::anew(generation)))
    }

    /// Asks the token's issuer what it is.
    async fn introspect(&self, issuer: &TrustedIssuer, token: &str) -> Result<Arc<VerifiedToken>, TokenError> {
        let introspector = issuer.introspector().ok_or(TokenError::UnknownIssuer)?;
        introspector.introspect(token, issuer, |token| self.keep_claims(token)).await
    }

    /// The token, and the generation of the keys that proved it; none where its issuer itself has said what it is, which is
    /// remembered elsewhere.
    async fn verify_anew(&self, token: &str) -> Result<(Arc<VerifiedToken>, Option<u64>), TokenError> {
        // Strictly, so that what is judged below is what every other reader of this token sees.
        let jws = CompactJws::parse(token, self.limits.claims_depth)?;
        // The issuer comes first, so that only its own keys are ever tried: two issuers with one `kid` never meet.
        let issuer = self.issuer_of(jws.claims())?;
        // Only to the issuer that it names itself: nobody else is shown it.
        if issuer.introspector().is_some() {
            return Ok((self.introspect(&issuer, token).await?, None));
        }
        // The algorithm is the operator's and the key's choice, the token only names it.
        let algorithm = jws.header().algorithm.filter(|algorithm| issuer.accepts(*algorithm));
        let algorithm = algorithm.ok_or(JoseError::UnsupportedAlgorithm)?;
        let generation = check_signature(&issuer, algorithm, &jws).await?;
        // From here on the claims are the issuer's own words.
        let (header, claims) = jws.into_parts();
        let shadow_refusal = issuer.try_shadow(algorithm, &header, &claims);
        let hash = TokenHash::of(token).bytes();
        let verified = VerifiedToken { hash, shadow_refusal, ..issuer.read(&header, claims)? };
        Ok((Arc::new(self.keep_claims(verified)), Some(generation)))
    }

    /// The token with those claims alone that somebody will ask for.
    pub(super) fn keep_claims(&self, mut token: VerifiedToken) -> VerifiedToken {
        // Few are kept of many, so they are taken out rather than the others looked up.
        let mut claims = std::mem::take(&mut token.claims);
        token.claims = self.kept_claims.iter().filter_map(|name| claims.remove_entry(name)).collect();
        token
    }

    /// Unix seconds.
    pub(super) fn now(&self) -> u64 {
        self.clock.unix_seconds()
    }

    /// Whom it believes.
    pub(super) fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// The generation of the keys that the token's issuer has now.
    fn generation_now(&self, token: &VerifiedToken) -> Option<u64> {
        self.issuers.find(&token.issuer)?.keys().current().map(|keys| keys.generation)
    }

    /// How the cache's size gets into the metrics whenever they are read.
    pub fn count_cache(&self) -> impl Fn() + Send + Sync + 'static {
        let cache = self.cache.clone();
        move || cache.iter().for_each(|cache| cache.count())
    }

    /// The rules whose answer changes while the token does not: time and revocation.
    ///
    /// # Errors
    /// [`TokenError::Expired`], [`TokenError::Revoked`], or another that time alone brings about.
    pub fn recheck(&self, token: &VerifiedToken) -> Result<(), TokenError> {
        let issuer = self.issuers.find(&token.issuer).ok_or(TokenError::UnknownIssuer)?;
        issuer.check_time(token, self.clock.unix_seconds())?;
        let revoked = self.revocations.is_revoked(&token.issuer, token.jti.as_deref(), token.origin_jti.as_deref());
        if revoked { Err(TokenError::Revoked) } else { Ok(()) }
    }

    /// RFC 7519 section 4.1.1, byte for byte; an `iss` that is no string is nobody's.
    fn issuer_of(&self, claims: &Claims) -> Result<Found<'_>, TokenError> {
        let issuer = claims.get("iss").and_then(|issuer| issuer.as_str());
        issuer.and_then(|issuer| self.issuers.find_or_make(issuer)).ok_or(TokenError::UnknownIssuer)
    }
}

/// Gives the generation of the keys that proved the signature.
async fn check_signature(
    issuer: &TrustedIssuer,
    algorithm: Algorithm,
    jws: &CompactJws<'_>,
) -> Result<u64, TokenError> {
    let unavailable = || TokenError::KeysUnavailable(issuer.name().to_string());
    let kid = jws.header().kid.as_deref();
    let keys = issuer.keys().serving().await.ok_or_else(unavailable)?;
    if let Some(key) = keys.set.find(kid, algorithm) {
        key.verify(algorithm, jws)?;
        return Ok(keys.generation);
    }
    // Only a `kid` that is nowhere in the set may have been rotated in; anything else is the token's fault.
    let Some(kid) = kid else { return Err(TokenError::UnknownKey) };
    if keys.set.knows(kid) {
        return Err(JoseError::UnsupportedAlgorithm.into());
    }
    let keys = issuer.keys().ask_again(kid).await.ok_or_else(unavailable)?;
    let key = keys.set.find(Some(kid), algorithm).ok_or(TokenError::UnknownKey)?;
    key.verify(algorithm, jws)?;
    Ok(keys.generation)
}
