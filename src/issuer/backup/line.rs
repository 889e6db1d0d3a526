//! The lines of a backup: a pool, then its groups, clients and users, each a JSON object with its `kind`.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Line {
    Pool(PoolLine),
    Group(GroupLine),
    Client(ClientLine),
    User(Box<UserLine>),
}

/// A pool with its settings as the API states them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PoolLine {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) issuer_url: Option<String>,
    pub(super) token_algorithm: String,
    #[serde(default)]
    pub(super) settings: Map<String, Value>,
}

/// A group.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupLine {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) precedence: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role_arn: Option<String>,
}

/// An app client.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientLine {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) confidential: bool,
    #[serde(default)]
    pub(super) flows: Vec<String>,
    pub(super) access_token_seconds: u64,
    pub(super) id_token_seconds: u64,
    pub(super) refresh_token_seconds: u64,
    #[serde(default)]
    pub(super) access_token_attributes: Vec<String>,
    #[serde(default)]
    pub(super) access_token_scopes: Vec<String>,
    #[serde(default)]
    pub(super) settings: Map<String, Value>,
    /// Secrets that the API made, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) secrets: Vec<String>,
}

/// A user. Only the name is needed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserLine {
    pub(super) username: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sub: Option<String>,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    /// Default: `CONFIRMED` with a password's hash, else `RESET_REQUIRED`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<u64>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) updated_at: Option<u64>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// Other names to sign in by, by their attributes. Default: those attributes that the pool takes for names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) aliases: Option<BTreeMap<String, String>>,
    /// Argon2id in PHC text form; bcrypt, PBKDF2 or scrypt as others export it, until the user signs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) password_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) password_history: Vec<String>,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) temporary_until: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) srp: Option<SrpLine>,
    /// The seed of the authenticator app, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) totp: Option<Base64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) totp_used: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) factors: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) preferred_factor: Option<String>,
}

/// What a password is proved against by SRP. It is bound to the pool's id: in another pool it is left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SrpLine {
    /// The id of the pool that it was made for.
    pub(super) pool: String,
    pub(super) identity: String,
    pub(super) salt: Base64,
    pub(super) verifier: Base64,
}

fn yes() -> bool {
    true
}

/// Bytes, in text as base64.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone)]
pub(super) struct Base64(pub(super) Vec<u8>);

impl TryFrom<String> for Base64 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self).map_err(|_| "not base64")
    }
}

impl From<Base64> for String {
    fn from(bytes: Base64) -> Self {
        STANDARD.encode(bytes.0)
    }
}
