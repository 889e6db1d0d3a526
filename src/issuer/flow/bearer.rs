//! Who the bearer of an access token is: verified as strictly as the gateway would, and against the session besides.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::engine::Engine;
use super::refusal::Refusal;
use crate::issuer::pool::User;
use crate::issuer::signing::{ServedPool, USER_ADMIN_SCOPE};
use crate::issuer::store::{Sessions, Users};
use crate::jose::CompactJws;

/// Our own tokens nest three levels at most.
const MAX_DEPTH: usize = 8;

impl Engine {
    /// The user whose access token this is, for the user's own operations, with the pool and the client that it is of.
    pub(super) async fn bearer_of(&self, access_token: &str) -> Result<(Arc<ServedPool>, User, String), Refusal> {
        let (pool, claims) = self.genuine(access_token)?;
        if text(&claims, "token_use") != Some("access") {
            return Err(Refusal::InvalidAccessToken);
        }
        let expires = claims.get("exp").and_then(Value::as_u64).ok_or(Refusal::InvalidAccessToken)?;
        if expires <= self.clock.unix_seconds() {
            return Err(Refusal::AccessTokenExpired);
        }
        let user = self.user_of_session(&pool, &claims).await?;
        let scopes = text(&claims, "scope").unwrap_or_default();
        if !scopes.split(' ').any(|scope| scope == USER_ADMIN_SCOPE) {
            return Err(Refusal::ScopeMissing);
        }
        let client_id = text(&claims, "client_id").ok_or(Refusal::InvalidAccessToken)?.to_owned();
        Ok((pool, user, client_id))
    }

    /// Issuer first, then that pool's keys alone.
    fn genuine(&self, token: &str) -> Result<(Arc<ServedPool>, Map<String, Value>), Refusal> {
        let invalid = |_| Refusal::InvalidAccessToken;
        let jws = CompactJws::parse(token, MAX_DEPTH).map_err(invalid)?;
        let issuer = text(jws.claims(), "iss").ok_or(Refusal::InvalidAccessToken)?;
        let pool = self.pools.by_issuer_url(issuer).ok_or(Refusal::InvalidAccessToken)?;
        let algorithm = jws.header().algorithm.ok_or(Refusal::InvalidAccessToken)?;
        let keys = pool.keys.public_keys();
        let key = keys.find(jws.header().kid.as_deref(), algorithm).ok_or(Refusal::InvalidAccessToken)?;
        key.verify(algorithm, &jws).map_err(invalid)?;
        Ok((pool, jws.into_claims()))
    }

    async fn user_of_session(&self, pool: &ServedPool, claims: &Map<String, Value>) -> Result<User, Refusal> {
        let invalid = || Refusal::InvalidAccessToken;
        let session_id = text(claims, "origin_jti").ok_or_else(invalid)?;
        if self.revocations.is_revoked(&pool.issuer_url, text(claims, "jti"), Some(session_id)) {
            return Err(Refusal::AccessTokenRevoked);
        }
        let mut read = self.database.read().await?;
        let session = Sessions(&mut read).by_id(session_id).await?.ok_or_else(invalid)?;
        let of_token = text(claims, "sub") == Some(&session.sub) && session.pool_id == pool.pool.id;
        if !of_token {
            return Err(invalid());
        }
        if session.revoked {
            return Err(Refusal::AccessTokenRevoked);
        }
        let user = Users(&mut read).by_sub(&session.pool_id, &session.sub).await?.ok_or_else(invalid)?.user;
        if user.enabled { Ok(user) } else { Err(Refusal::UserDisabled) }
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}
