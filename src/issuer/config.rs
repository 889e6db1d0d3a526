//! The config of the embedded issuer: where it listens, where it keeps its state, and pools declared in the file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

/// The embedded issuer: local user pools that speak the Cognito API and OpenID Connect.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// Where it listens: AWS JSON 1.1 on `POST /`, discovery and keys under `/{pool id}/.well-known/`.
    pub address: SocketAddr,
    /// The URL that clients reach it by, `http://` or `https://`; each pool's `iss` is this, `/` and the pool's id.
    /// Default `http://` and the address.
    #[serde(default)]
    pub public_url: Option<String>,
    /// The SQLite file; relative to the config file. Default `lychgate.db`.
    #[serde(default = "default_database")]
    pub database: PathBuf,
    /// Pools declared here are made at start and kept in step: what the file says wins, what it does not say stays.
    ///
    /// A user's groups and attributes that came from the file go when the file no longer says them; users, groups, clients
    /// and pools stay until they are deleted.
    #[serde(default)]
    pub pools: BTreeMap<String, PoolConfig>,
}

fn default_database() -> PathBuf {
    PathBuf::from("lychgate.db")
}

/// A user pool.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// The pool's id, `<region>_<9 alphanumerics>` as Cognito's. Default: `local_` and nine characters made from the pool's name.
    #[serde(default)]
    pub id: Option<String>,
    /// App clients by name.
    #[serde(default)]
    pub clients: BTreeMap<String, ClientConfig>,
    /// Groups by name.
    #[serde(default)]
    pub groups: BTreeMap<String, GroupConfig>,
    /// Users by name; names are compared without case.
    #[serde(default)]
    pub users: BTreeMap<String, UserConfig>,
}

/// An app client of a pool.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClientConfig {
    /// The client's id. Default: 26 lower-case alphanumerics made from pool and client name.
    pub id: Option<String>,
    /// Makes the client confidential: calls must carry `SECRET_HASH`. 24 to 64 letters, digits, `_` or `+`; never kept in the
    /// database, so a client that is taken out of the file can no longer prove itself.
    #[schemars(with = "Option<String>")]
    pub secret: Option<SecretString>,
    /// Sign-in flows that the client may use. Default both.
    pub flows: Vec<ClientFlow>,
    /// How long access tokens live, 5m to 1d. Default `1h`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub access_token_validity: Option<Duration>,
    /// How long ID tokens live, 5m to 1d. Default `1h`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub id_token_validity: Option<Duration>,
    /// How long refresh tokens live, 1h to 3650d. Default `30d`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub refresh_token_validity: Option<Duration>,
    /// Attributes of the user that access tokens carry too, such as `custom:tenant`. Default none: by itself Cognito puts
    /// attributes into ID tokens only, and into access tokens what a pre-token-generation trigger V2 adds.
    pub access_token_attributes: Vec<String>,
    /// Scopes that access tokens of `InitiateAuth` carry besides `aws.cognito.signin.user.admin`, such as `orders/read`.
    /// Default none, as Cognito's without a pre-token-generation trigger V2.
    pub access_token_scopes: Vec<String>,
}

/// A sign-in flow, by Cognito's name without `ALLOW_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientFlow {
    /// User name and password.
    UserPasswordAuth,
    /// Refresh token.
    RefreshTokenAuth,
}

/// A group of a pool.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GroupConfig {
    /// What it is for.
    pub description: Option<String>,
    /// Order among a user's groups: the lowest comes first; a group without one comes last.
    pub precedence: Option<u32>,
}

/// A user of a pool.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// The password, 8 to 256 characters. Kept as an Argon2id hash; usually `${NAME}` or `{file: path}`.
    #[schemars(with = "String")]
    pub password: SecretString,
    /// Groups of the pool that the user is in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Attributes: `email`, `email_verified`, `custom:tenant` and so on, all as text of at most 2048 bytes.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Whether the user may sign in. Default `true`; `false` also ends all sessions of the user.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}
