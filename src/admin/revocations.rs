//! `POST /revocations`: whoever has the door's own secret has tokens refused at once, on every route and from every cache.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tracing::info;

use super::answer::{done, malformed, too_large, unauthorized};
use super::revocation_request::{RevocationRequest, Revoked, read};
use crate::token::Revocations;

/// Largest body, in bytes.
const MOST_BYTES: usize = 64 << 10;

type FindRevocable = Arc<dyn Fn(&str) -> Option<Revocable> + Send + Sync>;

/// By which tokens are revoked.
#[derive(Clone)]
pub struct RevocationsDoor {
    /// The secret that a request must carry.
    pub token: SecretString,
    /// Where revocations are kept.
    pub revocations: Revocations,
    /// Finds an issuer by its name in the config or by its `iss`.
    pub issuers: FindRevocable,
}

/// An issuer whose tokens can be revoked.
#[derive(Debug, Clone)]
pub struct Revocable {
    /// The `iss` of its tokens.
    pub issuer: Arc<str>,
    /// How long a revocation matters that says nothing about it, in Unix seconds.
    pub until: u64,
}

/// Answers a request.
pub(super) async fn revoke(door: RevocationsDoor, request: Request) -> Response {
    // Before anything of the body is read: strangers cost nothing.
    if let Err(was_sent) = door.check_credential(request.headers()) {
        return unauthorized(was_sent);
    }
    let Ok(body) = to_bytes(request.into_body(), MOST_BYTES).await else { return too_large() };
    match read(&body).and_then(|requests| door.revoke_all(&requests)) {
        Ok(()) => done(),
        Err(wrong) => malformed(&wrong),
    }
}

impl RevocationsDoor {
    /// Whether the request carries the secret, and nothing beside it; where not, whether it carries anything.
    fn check_credential(&self, headers: &HeaderMap) -> Result<(), bool> {
        let mut sent = headers.get_all(AUTHORIZATION).iter();
        let (Some(credential), None) = (sent.next(), sent.next()) else {
            return Err(headers.contains_key(AUTHORIZATION));
        };
        let token = credential.to_str().ok().and_then(|credential| credential.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")).map(|(_, token)| token);
        // Digests are of one length, so that the time taken tells nothing of the secret, its length included.
        let [ours, theirs] =
            [self.token.expose_secret(), token.unwrap_or_default()].map(|text| digest(&SHA256, text.as_bytes()));
        let is_ours = bool::from(ours.as_ref().ct_eq(theirs.as_ref()));
        if is_ours && token.is_some() { Ok(()) } else { Err(true) }
    }

    /// All of them or, where one cannot be, none.
    fn revoke_all(&self, requests: &[RevocationRequest]) -> Result<(), String> {
        let found = requests.iter().map(|request| (self.issuers)(&request.issuer));
        let found: Option<Vec<Revocable>> = found.collect();
        let found = found.ok_or(
            "`issuer` must be the name of a trusted issuer or its `iss`; of an issuer with parameters, the `iss`",
        )?;
        for (request, issuer) in requests.iter().zip(found) {
            let until = request.exp.unwrap_or(issuer.until);
            match &request.what {
                Revoked::Token(jti) => self.revocations.revoke_token(&issuer.issuer, jti, until),
                Revoked::Family(origin_jti) => self.revocations.revoke_family(&issuer.issuer, origin_jti, until),
            }
        }
        info!(count = requests.len(), "tokens were revoked by the operator");
        Ok(())
    }
}
