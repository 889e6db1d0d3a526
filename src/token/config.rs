//! The config of the token room: whom we trust, and where a token may stand in a request.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::SecretString;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use super::introspection::IntrospectionConfig;
use super::tenants::ValuePattern;
use crate::short_form::ShortForm;

/// One trusted issuer: who it is, how its keys are had, and what its tokens must say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrustedIssuerConfig {
    /// The `iss` of its tokens; matched exactly, byte for byte (RFC 7519 section 4.1.1).
    pub issuer: String,
    /// For many tenants, `issuer` has parameters in its path, `https://login.example/{tenant}/v2.0`, and each has a rule here:
    /// a list of values, or `{pattern: "[0-9a-f-]{36}"}`, a regular expression that the whole value must match. A value is
    /// never more than one plain path segment. Each concrete issuer has its own keys, from its own discovery document or a
    /// `jwks_uri` with the same parameters; those of lists are fetched at start, the others at the first token. To policies
    /// a parameter is an attribute of the principal, and `sub` reads `<tenant>|<sub>` (several values joined by `/`) so that
    /// subjects of two tenants never meet; groups are those of all tenants, so compare the attribute where that matters.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterConfig>,
    /// How many concrete issuers of an issuer with parameters are known at a time; beyond, one that is idle gives way or
    /// the token is refused as `unknown-issuer`. Default `100`.
    #[serde(default = "default_most_issuers")]
    pub most_issuers: usize,
    /// A token must name at least one of these in `aud`. Required unless `client_ids` is set.
    #[serde(default)]
    pub audience: Vec<String>,
    /// A token must carry one of these as `client_id` or `azp`. For issuers whose access tokens have no `aud` (Cognito).
    #[serde(default)]
    pub client_ids: Vec<String>,
    /// Where its public keys come from. Default `discovery`.
    #[serde(default)]
    pub keys: KeysConfig,
    /// Signature algorithms accepted from this issuer. Default `[RS256, PS256, ES256, ES384, EdDSA]`.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// Accepted `typ` headers, compared without case; an absent `typ` counts as `JWT`. Default `[JWT, at+jwt]`; `[at+jwt]` enforces RFC 9068.
    #[serde(default = "default_types")]
    pub types: Vec<String>,
    /// How far clocks may differ when `exp`, `nbf` and `iat` are judged; at most 60s. Default `30s`.
    #[serde(default = "default_leeway", deserialize_with = "humantime_serde::deserialize")]
    pub leeway: Duration,
    /// The oldest `iat` accepted. Off by default; when set, a token without `iat` is refused.
    #[serde(default, deserialize_with = "humantime_serde::deserialize")]
    pub max_age: Option<Duration>,
    /// Claims that must be present with exactly these values.
    #[serde(default)]
    pub require_claims: BTreeMap<String, serde_json::Value>,
    /// Stricter rules that are tried out beside those that count: `{types: [at+jwt], max_age: 1h}`. Every token that passes is
    /// judged by them too, cached ones included; what they would refuse is counted by `lychgate_token_shadow_total` and logged,
    /// and goes on. Off by default.
    #[serde(default)]
    pub shadow: Option<ShadowRulesConfig>,
    /// Claims that hold scopes: a string separated by blanks, or an array of strings. Default `[scope, scp]`.
    #[serde(default = "default_scope_claims")]
    pub scope_claims: Vec<ClaimPathConfig>,
    /// Claims that hold groups: a string, or an array of strings. Default `["cognito:groups", groups, roles]`.
    #[serde(default = "default_group_claims")]
    pub group_claims: Vec<ClaimPathConfig>,
    /// Claims that policies may read as attributes of the principal, each with its type.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeConfig>,
    /// When and how keys are fetched again.
    #[serde(default)]
    pub refresh: RefreshConfig,
    /// Allows keys over plain HTTP from a host that is not loopback. Default `false`.
    #[serde(default)]
    pub allow_insecure: bool,
    /// How the way to the issuer is gone, where it is not the open internet. For `discovery` and `jwks_uri`.
    #[serde(default)]
    pub fetch: FetchConfig,
    /// A folder where the last good key set is kept, so that a cold start survives the issuer's outage: where the first
    /// fetch fails, the kept keys serve until `refresh.stale_for` after they were fetched. Made if it is not there; only its
    /// owner can read the files in it. For `discovery` and `jwks_uri`. Off by default.
    #[serde(default)]
    pub cache_directory: Option<PathBuf>,
}

/// Rules for tokens that are tried out; each that is absent is as it counts.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShadowRulesConfig {
    /// Signature algorithms.
    pub algorithms: Option<Vec<String>>,
    /// Accepted `typ` headers.
    pub types: Option<Vec<String>>,
    /// How far clocks may differ; at most 60s.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub leeway: Option<Duration>,
    /// The oldest `iat`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub max_age: Option<Duration>,
    /// Claims that must be present with exactly these values.
    pub require_claims: Option<BTreeMap<String, serde_json::Value>>,
    /// A token must name at least one of these in `aud`.
    pub audience: Option<Vec<String>>,
    /// A token must carry one of these as `client_id` or `azp`.
    pub client_ids: Option<Vec<String>>,
}

/// Which values a parameter of an issuer may have.
#[derive(Debug, Clone)]
pub enum ParameterConfig {
    /// One of these.
    OneOf(Vec<String>),
    /// Any that the pattern matches as a whole.
    Matching(ValuePattern),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PatternFields {
    /// A regular expression that the whole value must match.
    pattern: ValuePattern,
}

impl<'de> Deserialize<'de> for ParameterConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParameterVisitor)
    }
}

impl JsonSchema for ParameterConfig {
    fn schema_name() -> Cow<'static, str> {
        "ParameterConfig".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (values, pattern) = (generator.subschema_for::<Vec<String>>(), generator.subschema_for::<PatternFields>());
        json_schema!({"description": "A list of values, or a pattern.", "anyOf": [values, pattern]})
    }
}

struct ParameterVisitor;

impl<'de> Visitor<'de> for ParameterVisitor {
    type Value = ParameterConfig;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of values, or {pattern: …}")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, values: S) -> Result<ParameterConfig, S::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(values)).map(ParameterConfig::OneOf)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<ParameterConfig, M::Error> {
        let fields = PatternFields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(ParameterConfig::Matching(fields.pattern))
    }
}

/// Where a trusted issuer's keys come from.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeysConfig {
    /// The issuer's discovery document names its `jwks_uri` (OpenID Connect Discovery 1.0, RFC 8414).
    #[default]
    Discovery,
    /// The key set is fetched from this URL.
    JwksUri(String),
    /// The key set is read from this file.
    File(PathBuf),
    /// The key set stands in the config itself, as JSON or YAML of RFC 7517 section 5.
    Inline(serde_json::Value),
    /// The keys of a pool of the embedded issuer, without HTTP.
    Pool(String),
    /// No keys: its tokens are opaque, and its introspection endpoint is asked what they are.
    Introspection(IntrospectionConfig),
}

/// A claim, by name or by the path to it.
///
/// A name with dots, slashes or colons is a name; only `{path: [realm_access, roles]}` goes inside an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "ShortForm<ClaimPathFull>")]
pub struct ClaimPathConfig(
    /// The members to follow from the top; never empty for a name.
    pub Vec<String>,
);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClaimPathFull {
    /// The members to follow from the top.
    path: Vec<String>,
}

impl From<ShortForm<ClaimPathFull>> for ClaimPathConfig {
    fn from(form: ShortForm<ClaimPathFull>) -> Self {
        match form {
            ShortForm::Short(name) => Self(vec![name]),
            ShortForm::Full(full) => Self(full.path),
        }
    }
}

/// A claim that policies may read, with its type.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeConfig {
    /// The claim, by name or `{path: […]}`.
    pub claim: ClaimPathConfig,
    /// The type that the claim must have; another type refuses the token.
    #[serde(rename = "type")]
    pub kind: AttributeKind,
}

/// The type of an attribute. The names are Cedar's, in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// A JSON string.
    String,
    /// A JSON integer of 64 bits.
    Long,
    /// A JSON `true` or `false`.
    Bool,
    /// A JSON array of strings.
    StringSet,
}

/// When and how keys are fetched again.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RefreshConfig {
    /// How often keys are fetched, ahead of need, in the background. Default `10m`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub every: Duration,
    /// How long old keys serve while fetching fails. Default `24h`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub stale_for: Duration,
    /// An unknown `kid` asks the issuer again at most this often. Default `30s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub unknown_kid_at_most_every: Duration,
    /// How long one fetch may take, connection included. Default `5s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub timeout: Duration,
}

/// How the way to an issuer is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FetchConfig {
    /// A file of certificate authorities in PEM that are trusted for this issuer, instead of the system's. Read at start.
    pub ca: Option<PathBuf>,
    /// The HTTP proxy that the issuer is asked through, `http://host:port` or `https://…`; loopback is always asked directly.
    /// `https` URLs go through it by CONNECT, so that it sees names and no keys. The environment's proxies are never used.
    pub proxy: Option<String>,
}

impl TrustedIssuerConfig {
    /// How its tokens are introspected, if they are.
    #[must_use]
    pub fn introspection(&self) -> Option<&IntrospectionConfig> {
        match &self.keys {
            KeysConfig::Introspection(introspection) => Some(introspection),
            _ => None,
        }
    }

    /// Whether its keys come over the network.
    #[must_use]
    pub fn fetches_keys(&self) -> bool {
        matches!(self.keys, KeysConfig::Discovery | KeysConfig::JwksUri(_))
    }
}

impl Default for RefreshConfig {
    fn default() -> Self {
        Self {
            every: Duration::from_mins(10),
            stale_for: Duration::from_hours(24),
            unknown_kid_at_most_every: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
        }
    }
}

/// One place where a token may stand in a request. A place that is not configured is never read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "CredentialFields")]
pub enum CredentialConfig {
    /// A request header, with the scheme before the token (RFC 6750 section 2.1); no scheme means the whole value is the token.
    Header {
        /// The header's name, in lower case.
        name: String,
        /// The scheme, compared without case.
        scheme: Option<String>,
    },
    /// A cookie of this name.
    Cookie(String),
    /// A query parameter of this name (RFC 6750 section 2.3).
    Query(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CredentialFields {
    /// A request header, by name.
    header: Option<String>,
    /// The scheme before the token in that header, compared without case; absent: the whole value is the token.
    scheme: Option<String>,
    /// A cookie, by name.
    cookie: Option<String>,
    /// A query parameter, by name (RFC 6750 section 2.3).
    query: Option<String>,
}

impl TryFrom<CredentialFields> for CredentialConfig {
    type Error = &'static str;

    fn try_from(fields: CredentialFields) -> Result<Self, Self::Error> {
        match (fields.header, fields.scheme, fields.cookie, fields.query) {
            (Some(name), scheme, None, None) => Ok(Self::Header { name: name.to_ascii_lowercase(), scheme }),
            (None, None, Some(cookie), None) => Ok(Self::Cookie(cookie)),
            (None, None, None, Some(parameter)) => Ok(Self::Query(parameter)),
            _ => Err("a credential is one of {header, scheme}, {cookie} or {query}"),
        }
    }
}

impl CredentialConfig {
    /// `Authorization: Bearer`, the only place read where none is configured.
    #[must_use]
    pub fn bearer() -> Self {
        Self::Header { name: "authorization".to_owned(), scheme: Some("Bearer".to_owned()) }
    }
}

/// How proofs of possession are judged that come with tokens bound to a key (DPoP, RFC 9449). A token with `cnf.jkt` is always
/// taken by the scheme `DPoP` with a proof, and never without.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DpopConfig {
    /// How old a proof may be, by its `iat`. Each is taken once. Default `60s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub max_age: Duration,
    /// How far in the future `iat` may be, for clocks that differ. Default `10s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub leeway: Duration,
    /// Whether a proof must hold a nonce of this gate, given out in `DPoP-Nonce` (RFC 9449 section 9), so that proofs cannot
    /// be made ahead. Default `false`.
    pub nonce: bool,
    /// What nonces are made of, at least 32 visible characters, usually `{file: path}`: gates behind one balancer that have the same
    /// take each other's. Default: a secret of the process, which is told to a new one on SIGUSR2 alone.
    #[schemars(with = "Option<String>")]
    pub nonce_secret: Option<SecretString>,
}

impl Default for DpopConfig {
    fn default() -> Self {
        Self { max_age: Duration::from_mins(1), leeway: Duration::from_secs(10), nonce: false, nonce_secret: None }
    }
}

/// Bounds on what the token room reads, whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenLimits {
    /// Longest token, in bytes of its compact form.
    pub token: ByteSize,
    /// Deepest nesting of arrays and objects in header and claims.
    pub claims_depth: usize,
    /// Memory for tokens that were verified a moment ago; 0 keeps none.
    pub cache: ByteSize,
}

fn default_algorithms() -> Vec<String> {
    ["RS256", "PS256", "ES256", "ES384", "EdDSA"].map(str::to_owned).to_vec()
}

fn default_types() -> Vec<String> {
    ["JWT", "at+jwt"].map(str::to_owned).to_vec()
}

fn default_most_issuers() -> usize {
    100
}

fn default_leeway() -> Duration {
    Duration::from_secs(30)
}

fn default_scope_claims() -> Vec<ClaimPathConfig> {
    claim_names(&["scope", "scp"])
}

fn default_group_claims() -> Vec<ClaimPathConfig> {
    claim_names(&["cognito:groups", "groups", "roles"])
}

fn claim_names(names: &[&str]) -> Vec<ClaimPathConfig> {
    names.iter().map(|name| ClaimPathConfig(vec![(*name).to_owned()])).collect()
}
