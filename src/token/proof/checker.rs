//! Asks of every request with a bound token whether its sender is the one that the token is bound to.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use super::confirmation::Confirmation;
use super::error::ProofError;
use super::htu::is_uri_of;
use super::nonce::Nonces;
use super::replay::SeenProofs;
use crate::clock::Clock;
use crate::jose::{CompactJws, PublicKey, thumbprint};
use crate::token::config::DpopConfig;
use crate::token::error::TokenError;
use crate::token::verify::VerifiedToken;

/// The algorithms of proofs: every one that there is, in the order in which we like them.
pub const PROOF_ALGORITHMS: [&str; 10] =
    ["ES256", "EdDSA", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];
/// Longest proof, in bytes: an RSA key of 8192 bits and its signature fit.
const LONGEST_PROOF: usize = 8192;
/// The key is an object in the header.
const MOST_DEPTH: usize = 4;

/// Checks that senders are whom their tokens are bound to.
#[derive(Debug)]
pub struct ProofChecker {
    config: DpopConfig,
    nonces: Option<Nonces>,
    seen: SeenProofs,
    clock: Clock,
}

/// What a request proves about its sender.
#[derive(Debug, Clone, Copy)]
pub struct Sender<'a> {
    /// Whether the token came by the scheme `DPoP`.
    pub by_dpop: bool,
    /// The request's method.
    pub method: &'a str,
    /// Scheme and authority that the client asked, as far as they are believed.
    pub origin: &'a str,
    /// The request's path.
    pub path: &'a str,
    /// The request's fields.
    pub headers: &'a HeaderMap,
    /// SHA-256 of the certificate that the client proved to hold.
    pub certificate: Option<&'a [u8; 32]>,
}

impl ProofChecker {
    /// A checker with these settings, that goes on with what `seen` remembers. Where nonces are asked for and the settings name
    /// no secret for them, they are of `secret`.
    #[must_use]
    pub fn new(config: DpopConfig, seen: SeenProofs, secret: &[u8; 32], clock: Clock) -> Self {
        let shared = config.nonce_secret.as_ref().map(|shared| digest(&SHA256, shared.expose_secret().as_bytes()));
        let secret = shared.as_ref().map_or(secret.as_slice(), AsRef::as_ref);
        Self { nonces: config.nonce.then(|| Nonces::new(secret)), config, seen, clock }
    }

    /// A secret for nonces.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    #[must_use]
    pub fn secret() -> Option<[u8; 32]> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).ok()?;
        Some(secret)
    }

    /// The nonce that the next proof is to hold, where the config asks for one.
    #[must_use]
    pub fn nonce(&self) -> Option<String> {
        self.nonces.as_ref().map(|nonces| nonces.current(self.clock.unix_seconds()))
    }

    /// Whether the sender may use the token.
    ///
    /// # Errors
    /// [`TokenError::SenderConstraint`] where it comes by the wrong scheme or certificate, [`TokenError::Proof`] where the
    /// proof is no good.
    pub fn check(&self, token: &VerifiedToken, sender: Sender<'_>) -> Result<(), TokenError> {
        let Some(Confirmation { key, certificate }) = token.confirmation() else {
            // RFC 9449 section 7.1: a token that is bound to no key has no business with this scheme.
            return if sender.by_dpop { Err(TokenError::SenderConstraint) } else { Ok(()) };
        };
        if let Some(bound) = certificate
            && sender.certificate != Some(bound)
        {
            return Err(TokenError::SenderConstraint);
        }
        match key {
            // RFC 9449 section 7.2: what is bound must not be taken as if it were not.
            Some(thumbprint) if sender.by_dpop => self.check_proof(token, thumbprint, sender).map_err(Into::into),
            None if !sender.by_dpop => Ok(()),
            _ => Err(TokenError::SenderConstraint),
        }
    }

    /// RFC 9449 section 4.3, each point of it.
    fn check_proof(&self, token: &VerifiedToken, bound_to: &str, sender: Sender<'_>) -> Result<(), ProofError> {
        let proof = only_proof(sender.headers)?;
        let (jws, jwk) = CompactJws::parse_with_own_key(proof, MOST_DEPTH).map_err(|_| ProofError::Malformed)?;
        if !jws.header().typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
            return Err(ProofError::Malformed);
        }
        let algorithm = jws.header().algorithm.ok_or(ProofError::Key)?;
        // Which key it is comes before its signature: only one key is worth the work.
        let key = PublicKey::from_jwk(&jwk).map_err(|_| ProofError::Key)?;
        if !key.fits(algorithm) {
            return Err(ProofError::Key);
        }
        let thumbprint = thumbprint(&jwk).ok_or(ProofError::Key)?;
        if thumbprint != bound_to {
            return Err(ProofError::OtherKey);
        }
        key.verify(algorithm, &jws).map_err(|_| ProofError::Signature)?;
        let claims = Claims(jws.claims());
        if claims.text("htm")? != sender.method {
            return Err(ProofError::Method);
        }
        if !is_uri_of(claims.text("htu")?, sender.origin, sender.path) {
            return Err(ProofError::Uri);
        }
        if claims.text("ath")? != URL_SAFE_NO_PAD.encode(token.hash()) {
            return Err(ProofError::Token);
        }
        let now = self.clock.unix_seconds();
        self.check_age(&claims, now)?;
        self.check_nonce(&claims, now)?;
        // Last, so that only good proofs are worth remembering.
        let window = self.config.max_age.as_secs() + self.config.leeway.as_secs() + 1;
        self.seen.note(&thumbprint, claims.text("jti")?, now, window)
    }

    fn check_age(&self, claims: &Claims<'_>, now: u64) -> Result<(), ProofError> {
        let made_at = claims.0.get("iat").and_then(Value::as_f64).ok_or(ProofError::Malformed)?;
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are far below 2^52")]
        let age = now as f64 - made_at;
        let in_time = (-self.config.leeway.as_secs_f64()..=self.config.max_age.as_secs_f64()).contains(&age);
        if in_time { Ok(()) } else { Err(ProofError::Age) }
    }

    fn check_nonce(&self, claims: &Claims<'_>, now: u64) -> Result<(), ProofError> {
        let Some(nonces) = &self.nonces else { return Ok(()) };
        let nonce = claims.0.get("nonce").and_then(Value::as_str);
        let fresh = nonce.is_some_and(|nonce| nonces.accepts(nonce, now));
        if fresh { Ok(()) } else { Err(ProofError::Nonce) }
    }
}

struct Claims<'a>(&'a Map<String, Value>);

impl<'a> Claims<'a> {
    fn text(&self, name: &str) -> Result<&'a str, ProofError> {
        let text = self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or(ProofError::Malformed)
    }
}

fn only_proof(headers: &HeaderMap) -> Result<&str, ProofError> {
    let mut proofs = headers.get_all("dpop").iter();
    let proof = proofs.next().ok_or(ProofError::Missing)?;
    if proofs.next().is_some() {
        return Err(ProofError::Several);
    }
    let proof = proof.to_str().map_err(|_| ProofError::Malformed)?;
    if proof.len() > LONGEST_PROOF { Err(ProofError::Malformed) } else { Ok(proof) }
}
