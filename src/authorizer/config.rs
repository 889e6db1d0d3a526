//! The config of the authorizer: routes, who may pass them, and what is told to the upstream.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::short_form::ShortForm;

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
    /// Whether the credential itself goes upstream. Default `false`.
    #[serde(default)]
    pub forward_token: bool,
    /// Cross-origin rules; the gate answers preflight requests from them.
    #[serde(default)]
    pub cors: Option<CorsConfig>,
    /// Protocols that a request may upgrade to. Default none.
    #[serde(default)]
    pub upgrade: Vec<UpgradeConfig>,
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

/// Cross-origin rules of a route (the Fetch standard's CORS protocol).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CorsConfig {
    /// Origins that may call; exact.
    pub origins: Vec<String>,
    /// Methods that may be asked for. Default: the route's own.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Request headers that may be sent.
    #[serde(default)]
    pub headers: Vec<String>,
    /// How long a preflight answer may be kept.
    #[serde(default, deserialize_with = "humantime_serde::deserialize")]
    pub max_age: Option<Duration>,
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
}

impl Default for IdentityConfig {
    fn default() -> Self {
        let sub = IdentitySourceConfig { claim: "sub".to_owned(), notation: None };
        Self { prefix: "x-auth-".to_owned(), headers: BTreeMap::from([("x-auth-sub".to_owned(), sub)]) }
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
