//! The config of the embedded issuer: where it listens, where it keeps its state, and pools declared in the file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

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
    /// Where pools are kept: the path of an SQLite file, relative to the config file, for one node; or the URL of a PostgreSQL
    /// database, `postgres://user:password@host/database`, for several, usually `{file: path}`. Default `lychgate.db`.
    #[serde(default)]
    pub database: DatabaseConfig,
    /// Most connections to PostgreSQL at once, 2 to 1000. Default 10. A file has one writer and four readers, whatever this says.
    #[serde(default = "ten")]
    pub database_connections: u32,
    /// Seals what is secret and kept: signing keys, secrets of authenticator apps, password verifiers. 32 bytes in base64, or 64
    /// hexadecimal digits (`openssl rand -base64 32`), usually `${NAME}` or `{file: path}`. Needed with PostgreSQL. With SQLite the
    /// default is a key that is made at the first start and kept in a file beside the database, `lychgate.db.key`, for its owner
    /// alone: that guards copies of the database, not the machine.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub master_key: Option<SecretString>,
    /// Master keys that opened what is kept before `master_key` did. At each start what they sealed is sealed anew; after that
    /// they can be taken out. With several nodes, give every node the new key here first, then make it `master_key`.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub previous_master_keys: Vec<SecretString>,
    /// How the keys that sign tokens follow one another.
    #[serde(default)]
    pub keys: SigningKeysConfig,
    /// Pools declared here are made at start and kept in step: what the file says wins, what it does not say stays.
    ///
    /// A user's groups and attributes that came from the file go when the file no longer says them; users, groups, clients
    /// and pools stay until they are deleted.
    #[serde(default)]
    pub pools: BTreeMap<String, PoolConfig>,
}

fn ten() -> u32 {
    10
}

/// Where pools are kept. The URL of a server carries a password, so its Debug shows nothing.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(from = "String")]
pub enum DatabaseConfig {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database.
    Postgres(#[schemars(with = "String")] SecretString),
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self::Sqlite(PathBuf::from("lychgate.db"))
    }
}

impl From<String> for DatabaseConfig {
    fn from(text: String) -> Self {
        let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
        if is_url { Self::Postgres(text.into()) } else { Self::Sqlite(text.into()) }
    }
}

impl<'de> Deserialize<'de> for DatabaseConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// How the keys that sign tokens follow one another. An old key is published until the last token that it signed has expired.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SigningKeysConfig {
    /// How long a key signs before the next one does, at least 1d. Default: until `lychgate pool rotate-keys`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub rotate_every: Option<Duration>,
    /// How long the next key is published before it signs, 5m to 1d, so that everyone who keeps our keys has it by then.
    /// Default `1h`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub publish_ahead: Duration,
}

impl Default for SigningKeysConfig {
    fn default() -> Self {
        Self { rotate_every: None, publish_ahead: Duration::from_hours(1) }
    }
}

/// What a pool's tokens are signed with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum TokenAlgorithm {
    /// RSA with 2048 bits, as Cognito.
    #[default]
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256: small and fast.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A user pool.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// The pool's id, `<region>_<9 alphanumerics>` as Cognito's. Default: `local_` and nine characters made from the pool's name.
    #[serde(default)]
    pub id: Option<String>,
    /// The `iss` of the pool's tokens. Default: the issuer's URL, `/` and the pool's id. `aws` makes it what Cognito's would be,
    /// `https://cognito-idp.<region>.amazonaws.com/<id>`; any other URL is taken as it stands. The discovery document and the keys
    /// stay where they are, whatever this says.
    #[serde(default)]
    pub issuer: Option<String>,
    /// What the pool's tokens are signed with: `RS256`, `ES256` or `EdDSA`. Default `RS256`, the one that Cognito's clients expect.
    /// Another one is a rotation: the old keys are published until their last token has expired.
    #[serde(default)]
    pub token_algorithm: TokenAlgorithm,
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
