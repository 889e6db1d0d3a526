//! The config of the embedded issuer: where it listens, where it keeps its state, and pools declared in the file.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

pub use super::delivery::{
    EmailConfig, MessagesConfig, SmsConfig, SmtpConfig, SmtpTls, WebhookConfig, WriteMessagesTo,
};

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
    /// Who may administer: secrets by access key id, as AWS has them. Administrative operations must be signed with one of them (AWS
    /// Signature Version 4); without any nobody can call one. A secret has at least 16 visible characters, usually `{file: path}`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub admin_keys: BTreeMap<String, SecretString>,
    /// Whether administrative operations must be signed: `required`, the default, or `off`, which is for development, is taken on a
    /// loopback `address` alone, and lets every program on the machine administer.
    #[serde(default)]
    pub signature: SignatureConfig,
    /// The region in the ids of pools that the API makes and in their ARNs; signatures must then be for it. Default: whichever
    /// region a call is signed for, and `us-east-1` where none is.
    #[serde(default)]
    pub region: Option<String>,
    /// The account in ARNs: 12 digits. Default `000000000000`.
    #[serde(default = "no_account")]
    pub account_id: String,
    /// Wrong passwords from one address (of IPv6: one /64) after which it is locked, for a second and twice as long each further
    /// time, up to 15 minutes. Default 100. `0` does not tell addresses apart: for an issuer behind a proxy, where all callers
    /// would have one.
    #[serde(default = "hundred")]
    pub attempts_per_address: u32,
    /// How messages with codes and invitations reach users.
    #[serde(default)]
    pub messages: MessagesConfig,
    /// For development alone: all messages can be read at the operator's door, `GET /messages`, codes and temporary passwords
    /// included. The door must be on loopback then. Default `false`.
    #[serde(default)]
    pub development: bool,
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

fn hundred() -> u32 {
    100
}

fn no_account() -> String {
    "000000000000".to_owned()
}

/// Whether administrative operations must be signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureConfig {
    /// With a key of `admin_keys`.
    #[default]
    Required,
    /// Not at all; on loopback alone.
    Off,
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
    /// Whether anybody may sign up by `SignUp`. Default `false`: users come from this file and from administrators.
    #[serde(default)]
    pub sign_up: bool,
    /// Attributes that users sign in by besides their name: `email` and `phone_number` once they are verified, `preferred_username`.
    /// Default none.
    #[serde(default)]
    pub aliases: Vec<AliasConfig>,
    /// Attributes that a code is sent to when a user signs up or changes them: `email`, `phone_number`. Default none.
    #[serde(default)]
    pub verify: Vec<VerifiedConfig>,
    /// Whether a second factor is asked for: `off`, the default; `optional`, of users who turned one on; `on`, of all.
    #[serde(default)]
    pub mfa: Option<MfaConfig>,
    /// Second factors that users may have: `totp`, `sms`, `email`. Default `totp` where `mfa` is said.
    #[serde(default)]
    pub factors: Vec<FactorConfig>,
    /// The pool's own attributes by name without `custom:`, each `string`, `number`, `boolean` or `date_time`. Those that users of
    /// this file have, or that clients name, need not be said: they are strings.
    #[serde(default)]
    pub custom_attributes: BTreeMap<String, AttributeConfig>,
    /// What new passwords must be like. Default as Cognito's: eight characters with upper and lower case, a digit and a symbol.
    /// The passwords of this file are not held to it.
    #[serde(default)]
    pub password_policy: Option<PasswordPolicyConfig>,
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

/// An attribute that users sign in by besides their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AliasConfig {
    /// The e-mail address, once it is verified.
    Email,
    /// The phone number, once it is verified.
    PhoneNumber,
    /// A name that the user chooses and may change.
    PreferredUsername,
}

/// An attribute that a code can be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifiedConfig {
    /// By e-mail.
    Email,
    /// By SMS.
    PhoneNumber,
}

/// Whether a second factor is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MfaConfig {
    /// Never.
    Off,
    /// Of users who turned one on.
    Optional,
    /// Of all.
    On,
}

/// A second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactorConfig {
    /// An authenticator app.
    Totp,
    /// A code by SMS.
    Sms,
    /// A code by e-mail.
    Email,
}

/// The kind of an attribute's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeConfig {
    /// Text.
    String,
    /// A number, kept as text.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A time, kept as text.
    DateTime,
}

/// What new passwords must be like.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the file, as in Cognito's policy")]
pub struct PasswordPolicyConfig {
    /// Fewest characters, 6 to 99. Default 8.
    pub minimum_length: u32,
    /// Whether there must be an upper-case letter. Default `true`.
    pub uppercase: bool,
    /// Whether there must be a lower-case letter. Default `true`.
    pub lowercase: bool,
    /// Whether there must be a digit. Default `true`.
    pub numbers: bool,
    /// Whether there must be a symbol. Default `true`.
    pub symbols: bool,
    /// How many passwords, the one of now among them, may not be set again, 0 to 24. Default 0.
    pub history: u32,
    /// How many days a password that an administrator set may be used, 1 to 365. Default 7.
    pub temporary_days: u32,
}

impl Default for PasswordPolicyConfig {
    fn default() -> Self {
        Self {
            minimum_length: 8,
            uppercase: true,
            lowercase: true,
            numbers: true,
            symbols: true,
            history: 0,
            temporary_days: 7,
        }
    }
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
    /// Sign-in flows that the client may use. Default `USER_PASSWORD_AUTH`, `USER_SRP_AUTH` and `REFRESH_TOKEN_AUTH`.
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
    /// Whether answers tell nothing about which users exist. Default `true`; Cognito calls `false` `LEGACY`.
    pub prevent_user_existence_errors: Option<bool>,
    /// Makes refresh tokens rotate: `GetTokensFromRefreshToken` gives a new one each time, and the old one may be used for this long
    /// after, 0s to 60s. Using it later ends the session. Default: they do not rotate.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub rotate_refresh_tokens: Option<Duration>,
}

/// A sign-in flow, by Cognito's name without `ALLOW_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClientFlow {
    /// User name and password.
    UserPasswordAuth,
    /// Refresh token.
    RefreshTokenAuth,
    /// User name and a proof of the password, which is not sent itself.
    UserSrpAuth,
    /// The factor that the user chooses.
    UserAuth,
    /// User name and password, by an administrator.
    AdminUserPasswordAuth,
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

impl UserConfig {
    /// The standard attributes (OpenID Connect Core 1.0 section 5.1) that a user may have: all but `sub`, which is never set.
    pub const STANDARD_ATTRIBUTES: [&str; 19] = [
        "address",
        "birthdate",
        "email",
        "email_verified",
        "family_name",
        "gender",
        "given_name",
        "locale",
        "middle_name",
        "name",
        "nickname",
        "phone_number",
        "phone_number_verified",
        "picture",
        "preferred_username",
        "profile",
        "updated_at",
        "website",
        "zoneinfo",
    ];
    /// Those of them that are `true` or `false`, and a JSON boolean in tokens.
    pub const FLAGS: [&str; 2] = ["email_verified", "phone_number_verified"];
}

fn yes() -> bool {
    true
}
