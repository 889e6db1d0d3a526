//! The config of introspection: whom to ask, as whom, and for how long an answer holds.

use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

/// The issuer's introspection endpoint (RFC 7662). Every rule of the trusted issuer but `algorithms` and `types` is asked of its
/// answers as of the claims of a token: `exp`, `sub`, audience or client, required claims, `cnf`. A route can be reached by one
/// issuer of this kind at most, since an opaque token does not tell whose it is. A JWT whose `iss` is this issuer's is
/// introspected too, and of other issuers none is ever shown to it. While the endpoint fails, tokens that are not remembered
/// get 503 `introspection-unavailable`. For a private way there see `fetch`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionConfig {
    /// The URL: https, or http on loopback, unless `allow_insecure`.
    pub endpoint: String,
    /// The client as which the gate asks.
    pub client_id: String,
    /// Its secret, sent by HTTP Basic (RFC 6749 section 2.3.1); usually `${NAME}` or `{file: path}`.
    #[schemars(with = "String")]
    pub client_secret: SecretString,
    /// How long a good answer is remembered, never beyond the token's `exp`: so long a revocation at the issuer may go unseen.
    /// 0s to 1h. Default `60s`. That a token is not active is remembered for 10 seconds, or this where it is less.
    #[serde(default = "default_cache", deserialize_with = "humantime_serde::deserialize")]
    pub cache: Duration,
    /// How long one answer may take, connection included; requests wait for it. 1ms to 30s. Default `2s`.
    #[serde(default = "default_timeout", deserialize_with = "humantime_serde::deserialize")]
    pub timeout: Duration,
    /// Whether an answer that has no `token_type` is taken for one about an access token. Default `false`: many servers answer
    /// for refresh tokens as well, and that is all they say of the difference.
    #[serde(default)]
    pub untyped: bool,
    /// Whether `client_id` stands for `sub` in answers that have none, as those about clients that act for themselves. Default
    /// `false`: take it only where no client can have the id of a user (RFC 9068 section 5).
    #[serde(default)]
    pub client_as_subject: bool,
}

fn default_cache() -> Duration {
    Duration::from_mins(1)
}

fn default_timeout() -> Duration {
    Duration::from_secs(2)
}
