//! Makes assertions, once for each token, route and upstream as long as they last.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use moka::sync::Cache;
use serde_json::{Map, Value, json};

use super::error::AssertionError;
use super::key_ring::AssertionKeys;
use crate::clock::Clock;
use crate::jose::JoseError;
use crate::token::verify::VerifiedToken;

/// All assertions that are kept together, in bytes.
const MOST_BYTES: u64 = 8 << 20;
/// What an entry takes beside its text.
const ENTRY_BYTES: usize = 250;

/// What every assertion says.
#[derive(Debug, Clone)]
pub struct MinterSettings {
    /// `iss`.
    pub issuer: String,
    /// The longest time from `iat` to `exp`.
    pub lifetime: Duration,
}

/// Makes assertions of one config.
#[derive(Debug)]
pub struct AssertionMinter {
    settings: MinterSettings,
    keys: AssertionKeys,
    clock: Clock,
    made: Cache<MadeFor, Made>,
}

/// The token by its hash, and the route, whose upstream is one.
type MadeFor = ([u8; 32], Arc<str>);

#[derive(Debug, Clone)]
struct Made {
    value: HeaderValue,
    /// Unix seconds, from which on it is too near its end to be given to anyone.
    until: u64,
}

impl AssertionMinter {
    /// A minter with these keys.
    #[must_use]
    pub fn new(settings: MinterSettings, keys: AssertionKeys, clock: Clock) -> Self {
        let weigh = |key: &MadeFor, made: &Made| {
            u32::try_from(ENTRY_BYTES + key.1.len() + made.value.len()).unwrap_or(u32::MAX)
        };
        let made = Cache::builder().max_capacity(MOST_BYTES).weigher(weigh).time_to_live(settings.lifetime).build();
        Self { settings, keys, clock, made }
    }

    /// Its keys.
    #[must_use]
    pub fn keys(&self) -> &AssertionKeys {
        &self.keys
    }

    /// An assertion about the bearer of this token, for the upstream of this route.
    ///
    /// # Errors
    /// [`AssertionError::Key`] where the key does not sign.
    pub fn assertion(
        &self,
        token: &VerifiedToken,
        route: &Arc<str>,
        upstream: &str,
    ) -> Result<HeaderValue, AssertionError> {
        let now = self.clock.unix_seconds();
        let key = (*token.hash(), route.clone());
        if let Some(made) = self.made.get(&key).filter(|made| now < made.until) {
            return Ok(made.value);
        }
        let expires_at = now.saturating_add(self.settings.lifetime.as_secs()).min(token.expires_at()).max(now + 1);
        let claims = self.claims(token, route, upstream, now, expires_at);
        let header = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
        let text = self.keys.signing().sign_with(&header, &claims)?;
        let value = HeaderValue::try_from(text).map_err(|_| JoseError::SigningKey("used"))?;
        // Whoever gets it late in its life has a quarter of it left.
        let until = expires_at.saturating_sub(self.settings.lifetime.as_secs().div_ceil(4));
        self.made.insert(key, Made { value: value.clone(), until });
        Ok(value)
    }

    fn claims(&self, token: &VerifiedToken, route: &str, upstream: &str, now: u64, expires_at: u64) -> Value {
        let mut claims = json!({
            "iss": self.settings.issuer,
            "aud": upstream,
            "sub": token.subject(),
            "iat": now,
            "exp": expires_at,
            "jti": format!("{:032x}", fastrand::u128(..)),
            "groups": token.groups(),
            "scope": token.scopes().join(" "),
            "route": route,
            // `sub` and groups are names within this issuer.
            "token_iss": token.issuer(),
            "token_sha256": token.hash_text(),
        });
        if let (Some(client_id), Some(members)) = (token.client_id(), claims.as_object_mut()) {
            members.insert("client_id".to_owned(), json!(client_id));
        }
        claims
    }
}
