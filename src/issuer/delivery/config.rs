//! The config of messages: by which way they reach users.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

/// How messages reach users. What has no way waits in the database for a day and then is gone.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MessagesConfig {
    /// How e-mail is sent. Default: it is not.
    pub email: Option<EmailConfig>,
    /// How text messages are sent. Default: they are not.
    pub sms: Option<SmsConfig>,
    /// For development: writes all messages here and sends none. `console` is standard error, anything else a file, one JSON object a
    /// line, relative to the config file. Codes and passwords stand in them in clear. Default: they are sent.
    pub write_to: Option<WriteMessagesTo>,
}

/// Where messages are written instead of being sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(with = "String")]
pub enum WriteMessagesTo {
    /// Standard error.
    Console,
    /// A file, for its owner alone.
    File(PathBuf),
}

impl From<String> for WriteMessagesTo {
    fn from(text: String) -> Self {
        if text == "console" { Self::Console } else { Self::File(text.into()) }
    }
}

/// How e-mail is sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Whom it is from: `no-reply@example.com` or `Example <no-reply@example.com>`.
    pub from: String,
    /// The mail server that takes it.
    pub smtp: SmtpConfig,
}

/// A mail server (RFC 6409).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name, which its certificate must have too.
    pub host: String,
    /// Its port. Default 587, or 465 where `tls` is `implicit`.
    #[serde(default)]
    pub port: Option<u16>,
    /// `starttls`, `implicit`, or `off`, which is taken for loopback alone. Default `starttls`: a server that does not offer it
    /// gets nothing.
    #[serde(default)]
    pub tls: SmtpTls,
    /// PEM certificates that count instead of the system's.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Who signs in there. Default: nobody.
    #[serde(default)]
    pub username: Option<String>,
    /// With which password; usually `${NAME}` or `{file: path}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub password: Option<SecretString>,
    /// Longest wait for each answer, 1s to 60s. Default `10s`.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub timeout: Duration,
}

/// How the way to a mail server is guarded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// TLS after the greeting (RFC 3207), required.
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// Nothing.
    Off,
}

/// How text messages are sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmsConfig {
    /// Who is asked to send them.
    pub webhook: WebhookConfig,
}

/// A URL that is asked to send a message: `POST` of the JSON object `{id, pool_id, kind, to, body}`. Any 2xx says that it was
/// taken; 408, 429 and 5xx that it may be tried again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// HTTPS, or HTTP on loopback. Redirects are not followed.
    pub url: String,
    /// Signs each request: `lychgate-signature` is `t=<Unix seconds>,v1=<hex>`, the HMAC-SHA256 of `<seconds>.<body>` under this secret.
    /// At least 16 characters.
    #[schemars(with = "String")]
    pub secret: SecretString,
    /// Longest wait for the answer, 1s to 60s. Default `10s`.
    #[serde(default = "ten_seconds", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub timeout: Duration,
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}
