//! The config of the operator's door.

use std::net::SocketAddr;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use crate::short_form::ShortForm;

/// Where operators look: `/metrics`, `/livez`, `/readyz`, `/status`; or `off`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "ShortForm<AdminFields>")]
pub enum AdminConfig {
    /// No such door is hung.
    Off,
    /// The door is open.
    At {
        /// It listens here. Default `127.0.0.1:9901`.
        address: SocketAddr,
        /// Tokens can be revoked through it: `POST /revocations`. Absent: they cannot.
        revocations: Option<RevocationsConfig>,
        /// It explains decisions: `POST /explain`. Default `false`.
        explain: bool,
    },
}

/// Who may revoke tokens through the operator's door.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevocationsConfig {
    /// The secret that a request must carry as `Authorization: Bearer`; at least 16 visible ASCII characters without blanks.
    #[schemars(with = "String")]
    pub token: SecretString,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AdminFields {
    /// It listens here. Default `127.0.0.1:9901`.
    address: SocketAddr,
    /// Tokens can be revoked through it: `POST /revocations`. Absent: they cannot.
    #[serde(default)]
    revocations: Option<RevocationsConfig>,
    /// It explains decisions of the live gate to whoever reaches it: `POST /explain` with `{"request": "GET https://host/path"}`
    /// and `headers`, `token` or `claims`, `ip`, `certificate` (PEM). Default `false`.
    #[serde(default)]
    explain: bool,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self::At { address: SocketAddr::from(([127, 0, 0, 1], 9901)), revocations: None, explain: false }
    }
}

impl TryFrom<ShortForm<AdminFields>> for AdminConfig {
    type Error = String;

    fn try_from(form: ShortForm<AdminFields>) -> Result<Self, Self::Error> {
        match form {
            ShortForm::Short(word) if word == "off" => Ok(Self::Off),
            ShortForm::Short(word) => Err(format!("`admin` is `off` or `{{address: …}}`, not `{word}`")),
            ShortForm::Full(AdminFields { address, revocations, explain }) => {
                Ok(Self::At { address, revocations, explain })
            }
        }
    }
}
