//! Text messages by a webhook, each request signed.

use std::time::Duration;

use aws_lc_rs::hmac;
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::redirect::Policy;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::config::WebhookConfig;
use super::error::Undelivered;
use super::letter::Letter;
use crate::clock::Clock;
use crate::issuer::error::IssuerError;

const SIGNATURE: HeaderName = HeaderName::from_static("lychgate-signature");
/// The draft of the IETF's HTTP API working group.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Asks a URL to send messages.
#[derive(Debug)]
pub(super) struct Webhook {
    url: String,
    secret: SecretString,
    http: Client,
    clock: Clock,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig, clock: Clock) -> Result<Self, IssuerError> {
        let http = Client::builder()
            .timeout(config.timeout)
            .connect_timeout(CONNECT_TIMEOUT)
            // Who was asked is who gets the code.
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("lychgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| IssuerError::Messages { key: "sms", problem: "the HTTP client cannot be made" })?;
        Ok(Self { url: config.url.clone(), secret: config.secret.clone(), http, clock })
    }

    pub(super) async fn send(&self, letter: &Letter) -> Result<(), Undelivered> {
        let Letter { id, pool_id, kind, to, body, .. } = letter;
        let request =
            json!({"id": id, "pool_id": pool_id, "kind": kind, "to": to.expose_secret(), "body": body.expose_secret()});
        let request = request.to_string();
        let post = self.http.post(&self.url).header(CONTENT_TYPE, "application/json").header(IDEMPOTENCY_KEY, id);
        let post = post.header(SIGNATURE, self.signature(&request)).body(request);
        let answer = post
            .send()
            .await
            .map_err(|error| Undelivered::ForNow(if error.is_timeout() { "timeout" } else { "connection" }))?;
        Undelivered::judge(answer.status())
    }

    /// Binds the time to the body, so that who hears one request cannot have it done again later.
    fn signature(&self, body: &str) -> String {
        let seconds = self.clock.unix_seconds();
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose_secret().as_bytes());
        let tag = hmac::sign(&key, format!("{seconds}.{body}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={seconds},v1={hex}")
    }
}
