//! Asks an introspection endpoint about one token (RFC 7662 section 2.1), bounded in time and size.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::config::IntrospectionConfig;
use crate::token::config::{RefreshConfig, TrustedIssuerConfig};
use crate::token::jwks::{FetchError, KeyClient};

/// The endpoint, and as whom it is asked.
#[derive(Debug)]
pub(super) struct Endpoint {
    client: KeyClient,
    url: String,
    /// The value of `Authorization`.
    authorization: SecretString,
}

impl Endpoint {
    pub(super) fn new(trust: &TrustedIssuerConfig, config: &IntrospectionConfig) -> Result<Self, FetchError> {
        // Keys may take longer to be fetched than a request may wait.
        let refresh = RefreshConfig { timeout: config.timeout, ..trust.refresh.clone() };
        let client = KeyClient::new(&TrustedIssuerConfig { refresh, ..trust.clone() })?;
        // RFC 6749 section 2.3.1: both are encoded as in a form before they are joined.
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&config.client_id), encoded(config.client_secret.expose_secret()));
        let authorization = format!("Basic {}", STANDARD.encode(pair)).into();
        Ok(Self { client, url: config.endpoint.clone(), authorization })
    }

    /// What it says, as JSON.
    pub(super) async fn ask(&self, token: &str) -> Result<Vec<u8>, FetchError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("token", token), ("token_type_hint", "access_token")])
            .finish();
        self.client.post(&self.url, self.authorization.expose_secret(), form).await
    }
}
