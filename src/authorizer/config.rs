//! The config of the authorizer: routes, who may pass them, and what is told to the upstream.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use super::rate_limit::{CountedBy, RateConfig, RateLimitConfig, RateLimitsConfig, SharedCountsConfig};
use crate::short_form::{OneOrSeveral, ShortForm, Switch, one_or_several, switch};

/// A route: what it matches, who may pass, and where it leads.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// Unique; names the action group in policies and the metric label.
    pub name: String,
    /// What a request must look like to take this route.
    #[serde(rename = "match")]
    pub matches: MatchConfig,
    /// Who may pass. Absent: a valid token of any trusted issuer. `public` opens the route.
    #[serde(default)]
    pub access: AccessConfig,
    /// How often requests may come: one limit, `{by: sub, rate: 100/s, burst: 200}`, or a list of them that must all hold.
    /// Preflight requests that the gate answers itself are not counted, nor are explanations. Default: none.
    #[serde(default, deserialize_with = "one_or_several")]
    #[schemars(with = "OneOrSeveral<RateLimitConfig>")]
    pub rate_limit: Vec<RateLimitConfig>,
    /// Whether the credential itself goes upstream. Default `false`.
    #[serde(default)]
    pub forward_token: bool,
    /// Cross-origin rules; the gate answers preflight requests from them.
    #[serde(default)]
    pub cors: Option<CorsConfig>,
    /// Protocols that a request may upgrade to. Default none.
    #[serde(default)]
    pub upgrade: Vec<UpgradeConfig>,
    /// Whether what a request opened, such as a `WebSocket`, an event stream, a gRPC stream or a long download, may go on after
    /// its token has expired (with leeway) or was revoked. Default `false`: it is closed within a second.
    #[serde(default)]
    pub outlive_token: bool,
    /// Whether clients are told whose tokens this route takes (RFC 9728), in place of the general `protected_resource`.
    #[serde(default)]
    pub protected_resource: Option<ProtectedResourceConfig>,
    /// The upstream's name.
    pub upstream: String,
    /// Identity headers of this route, in place of the general ones.
    #[serde(default)]
    pub identity: Option<RouteIdentityConfig>,
}

/// What a request must look like to take a route.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatchConfig {
    /// Host names, compared without case and port; `*.example.org` stands for one or more labels. Absent: any host.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Literal segments, `{name}` for one non-empty segment, `{*rest}` for the tail, which may be empty.
    pub path: String,
    /// Methods. Absent: GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.
    #[serde(default)]
    pub methods: Vec<String>,
}

/// Who may pass a route.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "ShortForm<AccessRules>")]
pub enum AccessConfig {
    /// Anyone; the request's credential is not looked at.
    Public,
    /// Whoever fulfils all of the rules.
    Rules(AccessRules),
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self::Rules(AccessRules::default())
    }
}

impl TryFrom<ShortForm<AccessRules>> for AccessConfig {
    type Error = String;

    fn try_from(form: ShortForm<AccessRules>) -> Result<Self, Self::Error> {
        match form {
            ShortForm::Short(word) if word == "public" => Ok(Self::Public),
            ShortForm::Short(word) => Err(format!("`access` is `public` or a map of rules, not `{word}`")),
            ShortForm::Full(rules) => Ok(Self::Rules(rules)),
        }
    }
}

/// The rules of a route; all that are given must hold.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessRules {
    /// Names of trusted issuers whose tokens are accepted here. Absent: every trusted issuer.
    pub issuers: Vec<String>,
    /// Scopes that the token must carry.
    pub scopes: Option<Requirement>,
    /// Groups that the caller must be in: `sales`, or `corp|sales` where several issuers can reach the route.
    pub groups: Option<Requirement>,
    /// The bundle that decides.
    pub policy: Option<String>,
    /// Lets a request without a token pass as anonymous; a bad token never does. Default `false`.
    pub optional: bool,
    /// Whether the token must be bound to its sender (RFC 8705, RFC 9449).
    pub sender_constrained: Option<SenderConstrained>,
}

/// Whether tokens must be sender-constrained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SenderConstrained {
    /// Only sender-constrained tokens pass.
    Required,
}

/// Names of which any, or all, must be held.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// At least one of these.
    Any(Vec<String>),
    /// Every one of these.
    All(Vec<String>),
}

/// Cross-origin rules of a route (the Fetch standard's CORS protocol): whose pages may read its answers in a browser. The gate
/// answers preflight requests from the route that the asked-for method would reach, and writes the `Access-Control-…` fields
/// of every answer of the route, refusals too, in place of the upstream's own. The rules open nothing: every other request
/// is judged as ever. A preflight from another origin is refused with 403 `origin-not-allowed`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins that may call, compared byte for byte: `https://app.example`, with its port unless it is the scheme's own.
    /// `https://*.example.com` stands for one or more labels before `.example.com`. `*` is every origin, and stands alone;
    /// `null`, the origin of sandboxed pages and local files, is matched only where it is written.
    pub origins: Vec<String>,
    /// Methods that may be asked for. Default: the route's own.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Request headers that may be sent, beside those that are always allowed. `authorization` must be named. Default none.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Answer headers that pages may read, beside those that they always may. Default none.
    #[serde(default)]
    pub expose: Vec<String>,
    /// Whether browsers send cookies and client certificates along, and hand over answers to such requests. Not with `*`
    /// or `null`. Default `false`.
    #[serde(default)]
    pub credentials: bool,
    /// How long a preflight answer may be kept. Default: as long as the browser likes, 5 seconds in most.
    #[serde(default, deserialize_with = "humantime_serde::deserialize")]
    pub max_age: Option<Duration>,
}

/// Whether the gate tells clients whose tokens it takes (OAuth 2.0 protected resource metadata, RFC 9728): a document at
/// `/.well-known/oauth-protected-resource`, and `resource_metadata` in its challenges that leads there. The document names the
/// issuers and scopes of the routes.
#[derive(Debug, Clone, Default, JsonSchema)]
#[schemars(with = "Switch<NamedResourceConfig>")]
pub enum ProtectedResourceConfig {
    /// `false`: it does not.
    #[default]
    Off,
    /// `true`: the resource is the origin that a client asks, as the gate receives it (`trusted_proxies` may say which).
    Origin,
    /// The resource has an identifier of its own.
    Named(NamedResourceConfig),
}

/// A protected resource with an identifier of its own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamedResourceConfig {
    /// The resource identifier: the https URL by which clients know the API, for which tokens are asked (RFC 8707). Where it
    /// has a path, `https://api.example.com/mcp`, its document is at `/.well-known/oauth-protected-resource/mcp`.
    pub resource: String,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// A URL of documentation for developers.
    #[serde(default)]
    pub documentation: Option<String>,
}

impl<'de> Deserialize<'de> for ProtectedResourceConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ProtectedResourceVisitor)
    }
}

struct ProtectedResourceVisitor;

impl<'de> Visitor<'de> for ProtectedResourceVisitor {
    type Value = ProtectedResourceConfig;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("true, false or {resource: …}")
    }

    fn visit_bool<E: de::Error>(self, is_on: bool) -> Result<Self::Value, E> {
        Ok(if is_on { ProtectedResourceConfig::Origin } else { ProtectedResourceConfig::Off })
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        Deserialize::deserialize(MapAccessDeserializer::new(map)).map(ProtectedResourceConfig::Named)
    }
}

/// A protocol that a request may upgrade to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeConfig {
    /// RFC 6455.
    Websocket,
}

/// What is told to upstreams about the caller.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IdentityConfig {
    /// Every header under this prefix is ours: dropped from what a client sends, in every spelling. Default `x-auth-`.
    pub prefix: String,
    /// Header name → claim. Names outside the prefix are dropped from what a client sends too. Default `{x-auth-sub: sub}`.
    pub headers: BTreeMap<String, IdentitySourceConfig>,
    /// A JWT about the caller that the gate signs for the upstream, so that it can tell a proved identity from a header that
    /// somebody else wrote: `true`, or a map of settings. The keys are at `/.well-known/lychgate/jwks.json` on every listener.
    /// Callers without a token get none. Default `false`.
    #[serde(deserialize_with = "switch")]
    #[schemars(with = "Switch<AssertionConfig>")]
    pub assertion: Option<AssertionConfig>,
}

/// Assertions: ES256 JWTs with `iss`, `aud` (the upstream's name), `sub`, `groups`, `scope`, `client_id`, `route`, `token_iss`
/// and `token_sha256` (issuer and hash of the token that was proved), `iat`, `exp` and `jti`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AssertionConfig {
    /// The header that carries it; a client's own is dropped. Default `x-auth-assertion`.
    pub header: String,
    /// `iss`: by which name upstreams know the gate. Default `lychgate`.
    pub issuer: String,
    /// How long one may be used; never longer than the token. Made once for each token and route, and again when a quarter of
    /// this is left. Default `60s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub lifetime: Duration,
    /// A folder that keeps the private keys, in a file that its owner alone can read; several gates may share it. Made if it
    /// is not there. Without it each start makes a new key, which upstreams that keep the old key set will not know.
    pub state_directory: Option<PathBuf>,
    /// How long a key signs. The next one is published up to an hour before it does, the last one as long after. Default `30d`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub rotate_every: Duration,
}

impl Default for AssertionConfig {
    fn default() -> Self {
        Self {
            header: "x-auth-assertion".to_owned(),
            issuer: "lychgate".to_owned(),
            lifetime: Duration::from_mins(1),
            state_directory: None,
            rotate_every: Duration::from_hours(24 * 30),
        }
    }
}

impl Default for IdentityConfig {
    fn default() -> Self {
        let sub = IdentitySourceConfig { claim: "sub".to_owned(), notation: None };
        Self {
            prefix: "x-auth-".to_owned(),
            headers: BTreeMap::from([("x-auth-sub".to_owned(), sub)]),
            assertion: None,
        }
    }
}

/// Identity headers of one route; they replace the general `headers`, never the prefix.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RouteIdentityConfig {
    /// Header name → claim.
    pub headers: BTreeMap<String, IdentitySourceConfig>,
}

/// Which claim a header carries, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "ShortForm<IdentitySourceFull>")]
pub struct IdentitySourceConfig {
    /// The claim's name. Written short, `groups` and `scopes` stand for what the issuer's `group_claims` and `scope_claims` gave.
    pub claim: String,
    /// How it is written; absent: as is, an array joined by commas.
    pub notation: Option<Notation>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct IdentitySourceFull {
    /// The claim's name.
    claim: String,
    /// How it is written. Default: as is, an array joined by commas.
    #[serde(rename = "as")]
    notation: Option<Notation>,
}

impl From<ShortForm<IdentitySourceFull>> for IdentitySourceConfig {
    fn from(form: ShortForm<IdentitySourceFull>) -> Self {
        match form {
            ShortForm::Short(claim) => Self { claim, notation: None },
            ShortForm::Full(full) => Self { claim: full.claim, notation: full.notation },
        }
    }
}

/// A way to write a claim that could not be written as is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Notation {
    /// JSON with every byte outside visible ASCII escaped.
    Json,
    /// The JSON text in base64url without padding.
    Base64url,
}

/// An address, or a network in CIDR notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct NetworkConfig(#[schemars(with = "String")] IpNet);

impl TryFrom<String> for NetworkConfig {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| format!("`{text}` is not an address or a network such as `10.0.0.0/8`"))
    }
}

impl NetworkConfig {
    /// Whether it holds this address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::NetworkConfig;

    #[test]
    fn a_network_is_an_address_or_cidr() {
        let read = |text: &str| NetworkConfig::try_from(text.to_owned());
        for text in ["10.0.0.0/8", "10.0.0.1", "::1", "2001:db8::/32"] {
            assert!(read(text).is_ok(), "{text}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0", "a.example", "*", "10.0.0.0/8, ::1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
