//! A token to be minted, good until something is said about it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::key::{Key, encode};

/// Unix seconds.
#[expect(clippy::disallowed_methods, reason = "the gate under test reads the wall clock too")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token in the making: for audience `api`, of subject `alice`, valid for ten minutes.
#[derive(Clone)]
pub(crate) struct Token {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    key: Key,
}

impl Token {
    pub(crate) fn of(issuer: &str, key: Key) -> Self {
        let claims = json!({"iss": issuer, "aud": "api", "sub": "alice", "iat": now(), "exp": now() + 600});
        let header = json!({"alg": key.algorithm(), "kid": key.kid(), "typ": "JWT"});
        Self { header: header.as_object().unwrap().clone(), claims: claims.as_object().unwrap().clone(), key }
    }

    /// This claim with this value; null takes it out.
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => self.claims.remove(name),
            value => self.claims.insert(name.to_owned(), value),
        };
        self
    }

    /// This header parameter with this value; null takes it out.
    pub(crate) fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        match value.into() {
            Value::Null => self.header.remove(name),
            value => self.header.insert(name.to_owned(), value),
        };
        self
    }

    pub(crate) fn sub(self, sub: &str) -> Self {
        self.claim("sub", sub)
    }

    /// Scopes, separated by blanks.
    pub(crate) fn scopes(self, scopes: &str) -> Self {
        self.claim("scope", scopes)
    }

    pub(crate) fn groups(self, groups: &[&str]) -> Self {
        self.claim("groups", groups.to_vec())
    }

    /// Expired an hour ago.
    pub(crate) fn expired(self) -> Self {
        self.claim("iat", now() - 7200).claim("exp", now() - 3600)
    }

    /// Signed by this key, and saying so.
    pub(crate) fn signed_by(mut self, key: &Key) -> Self {
        self.key = key.clone();
        self.header("alg", key.algorithm()).header("kid", key.kid())
    }

    /// The token itself.
    pub(crate) fn mint(&self) -> String {
        let part = |part: &Map<String, Value>| encode(Value::Object(part.clone()).to_string().as_bytes());
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        let signature = self.key.sign(signed.as_bytes());
        format!("{signed}.{signature}")
    }
}
