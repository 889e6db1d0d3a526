//! What a token would be, were it signed: for cases and explanations, which prove nothing and let nothing through.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::claims::Claims;
use super::config::ClaimPathConfig;
use super::error::TokenError;
use super::issuers::Found;
use super::trust::TrustedIssuer;
use super::verify::{VerifiedToken, Verifier};

/// How long a supposed token is good for, in seconds: it is never asked twice.
const LIFETIME: u64 = 3600;

/// What is said of a token that nobody has signed.
#[derive(Debug, Clone, Copy)]
pub struct SaidToken<'a> {
    /// The name that the config gives to its issuer.
    pub issuer: &'a str,
    /// Its `sub`.
    pub sub: &'a str,
    /// Its groups, as the issuer names them.
    pub groups: &'a [String],
    /// Its scopes.
    pub scopes: &'a [String],
    /// Every other claim, under its name in the token; these are stronger than all that is made up.
    pub claims: &'a Map<String, Value>,
    /// How long ago it was issued.
    pub age: Duration,
}

/// A token that was supposed. It is none that was verified: whoever holds it can rehearse a decision and nothing else.
#[derive(Debug, Clone)]
pub struct SupposedToken(Arc<VerifiedToken>);

impl SupposedToken {
    /// The token as rules and policies would see it.
    ///
    /// INVARIANT: only rehearsals call this, and no permit comes of a rehearsal.
    pub(crate) fn as_if_verified(&self) -> &Arc<VerifiedToken> {
        &self.0
    }
}

impl Verifier {
    /// The token that these claims would make at this moment, were it signed: every rule about claims and clock is asked, of
    /// signature and revocation nothing is.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn suppose(&self, claims: Claims, now: u64) -> Result<SupposedToken, TokenError> {
        let iss = claims.get("iss").and_then(Value::as_str).ok_or(TokenError::UnknownIssuer)?;
        let issuer = self.issuers().find_unmet(iss).ok_or(TokenError::UnknownIssuer)?;
        self.suppose_of(&issuer, claims, now)
    }

    /// The same of a token of which only some things are said; what else its issuer asks for is made up.
    ///
    /// # Errors
    /// As [`suppose`](Self::suppose).
    pub fn suppose_said(&self, said: SaidToken<'_>, now: u64) -> Result<SupposedToken, TokenError> {
        let iss = said.claims.get("iss").and_then(Value::as_str);
        let issuer = match iss {
            Some(iss) => self.issuers().find_unmet(iss).filter(|issuer| **issuer.name() == *said.issuer),
            None => self.issuers().first_named(said.issuer).map(Found::Named),
        };
        let issuer = issuer.ok_or(TokenError::UnknownIssuer)?;
        let claims = issuer.make_up(said, now);
        self.suppose_of(&issuer, claims, now)
    }

    fn suppose_of(&self, issuer: &TrustedIssuer, claims: Claims, now: u64) -> Result<SupposedToken, TokenError> {
        let token = self.keep_claims(issuer.read(&issuer.usual_header(), claims)?);
        issuer.check_time(&token, now)?;
        Ok(SupposedToken(Arc::new(token)))
    }
}

impl TrustedIssuer {
    /// Claims that say what was said, and besides that whatever this issuer's rules ask of every token.
    fn make_up(&self, said: SaidToken<'_>, now: u64) -> Claims {
        let issued_at = now.saturating_sub(said.age.as_secs());
        let mut claims: Claims = self.required_claims().clone().into_iter().collect();
        claims.insert("iss".to_owned(), self.issuer().as_ref().into());
        claims.insert("sub".to_owned(), said.sub.into());
        claims.insert("iat".to_owned(), issued_at.into());
        claims.insert("exp".to_owned(), now.max(issued_at).saturating_add(LIFETIME).into());
        if let Some(audience) = self.audience().first() {
            claims.insert("aud".to_owned(), audience.as_str().into());
        }
        if let Some(client) = self.client_ids().first() {
            claims.insert("client_id".to_owned(), client.as_str().into());
        }
        put(&mut claims, self.scope_claims().first(), json!(said.scopes.join(" ")), said.scopes);
        put(&mut claims, self.group_claims().first(), json!(said.groups), said.groups);
        claims.extend(said.claims.clone());
        claims
    }
}

/// Puts a value at the end of a claim's path; nothing is put where there is nothing to say.
fn put(claims: &mut Claims, path: Option<&ClaimPathConfig>, value: Value, said: &[String]) {
    let Some((last, outer)) = path.and_then(|path| path.0.split_last()).filter(|_| !said.is_empty()) else { return };
    let mut members = claims;
    for step in outer {
        let inner = members.entry(step).or_insert_with(|| json!({}));
        let Some(inner) = inner.as_object_mut() else { return };
        members = inner;
    }
    members.insert(last.clone(), value);
}
