//! The config file as one value: a field for each section, each section owned by its room.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::shutdown::ShutdownConfig;
use crate::admin::AdminConfig;
use crate::authorizer::{IdentityConfig, NetworkConfig, ProtectedResourceConfig, RateLimitsConfig, RouteConfig};
use crate::ext_authz::ExtAuthzConfig;
use crate::issuer::IssuerConfig;
use crate::policy::BundleConfig;
use crate::proxy::{LimitsConfig, ListenerConfig, UpstreamConfig};
use crate::telemetry::TelemetryConfig;
use crate::token::{CredentialConfig, DpopConfig, TrustedIssuerConfig};

/// Everything that the config file may say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Sockets that clients connect to.
    pub listeners: Vec<ListenerConfig>,
    /// Worker threads of the proxy. Default: as many as cores.
    #[serde(default)]
    pub threads: Option<usize>,
    /// The operator's door. Default `127.0.0.1:9901`.
    #[serde(default)]
    pub admin: AdminConfig,
    /// Whom we believe, by a name of your choice that policies use.
    #[serde(default)]
    pub trusted_issuers: BTreeMap<String, TrustedIssuerConfig>,
    /// Where a token may stand in a request. Default: `Authorization: Bearer` alone.
    #[serde(default = "bearer_alone")]
    pub credentials: Vec<CredentialConfig>,
    /// Policy bundles by name.
    #[serde(default)]
    pub policies: BTreeMap<String, BundleConfig>,
    /// Backends by name.
    pub upstreams: BTreeMap<String, UpstreamConfig>,
    /// What leads where, and who may pass. The most specific match wins, whatever the order.
    pub routes: Vec<RouteConfig>,
    /// What holds of every `rate_limit` of a route. Read at start.
    #[serde(default)]
    pub rate_limits: RateLimitsConfig,
    /// What is told to upstreams about the caller.
    #[serde(default)]
    pub identity: IdentityConfig,
    /// How proofs are judged that come with tokens bound to a key (DPoP).
    #[serde(default)]
    pub dpop: DpopConfig,
    /// Whether clients are told whose tokens are taken here (RFC 9728): `true`, or `{resource: https://api.example.com}`. For
    /// every route that asks for a token and does not say otherwise. Default `false`.
    #[serde(default)]
    pub protected_resource: ProtectedResourceConfig,
    /// Logs, the access log and traces.
    #[serde(default)]
    pub telemetry: TelemetryConfig,
    /// Bounds on what a client may send.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Proxies in front of the gate, by address or network (CIDR), that are believed about who asks (`X-Forwarded-For`) and by
    /// which scheme and host. Default: none.
    #[serde(default)]
    pub trusted_proxies: Vec<NetworkConfig>,
    /// How the gate stops, and how it hands over to a new binary.
    #[serde(default)]
    pub shutdown: ShutdownConfig,
    /// Doors at which other proxies and gateways ask for decisions. Absent: none. With this section, `listeners` may be empty,
    /// and then upstreams need no endpoints: they are names that routes and policies speak of.
    #[serde(default)]
    pub ext_authz: Option<ExtAuthzConfig>,
    /// The embedded issuer. Absent: none.
    #[serde(default)]
    pub issuer: Option<IssuerConfig>,
}

fn bearer_alone() -> Vec<CredentialConfig> {
    vec![CredentialConfig::bearer()]
}
