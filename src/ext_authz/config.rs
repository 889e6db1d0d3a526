//! The config of the doors for other proxies and gateways: where they listen, who may ask there, and in whose words.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::authorizer::NetworkConfig;
use crate::short_form::ShortForm;

/// Doors at which proxies and gateways ask for the decision about a request that they have received themselves.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExtAuthzConfig {
    /// Doors for Envoy: `envoy.service.auth.v3.Authorization/Check`, and `grpc.health.v1.Health`, over HTTP/2.
    pub grpc: Vec<GrpcDoorConfig>,
    /// Doors over HTTP/1.1: forward-auth, and API Gateway authorizers.
    pub http: Vec<HttpDoorConfig>,
    /// How API Gateway is answered, at HTTP doors and by `lychgate lambda`.
    pub api_gateway: ApiGatewayConfig,
    /// Bounds on what may be sent to these doors.
    pub limits: DoorLimitsConfig,
}

/// A door for Envoy. What the gate answers itself, preflight requests and documents about itself, Envoy gets as a denied
/// response with the status that its client is to have.
///
/// Where Envoy tells its client's certificate (`include_peer_certificate: true`), it is the client certificate of policies
/// and of bound tokens: Envoy must have verified it (`require_client_certificate` with a `trusted_ca`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrpcDoorConfig {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// TLS. Default: none, cleartext HTTP/2.
    #[serde(default)]
    pub tls: Option<DoorTlsConfig>,
    /// Who may ask, by address or network; other connections are closed at once. Default: loopback alone or, where
    /// `tls.client_ca` says by certificate who may ask, any address.
    #[serde(default)]
    pub peers: Option<Vec<NetworkConfig>>,
}

/// A door over HTTP/1.1.
///
/// At paths other than those that are asked at, it gives what the gate answers itself, and nothing else: preflight requests
/// of routes with `cors`, and documents about the gate. A proxy sends them there as they came (`X-Forwarded-Proto` tells the
/// scheme) where the question about them was refused with 421 `answered-by-the-gate`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpDoorConfig {
    /// Address and port; port 0 takes a free one.
    pub address: SocketAddr,
    /// TLS. Default: none.
    #[serde(default)]
    pub tls: Option<DoorTlsConfig>,
    /// Who may ask, by address or network; other connections are closed at once. Default: loopback alone or, where
    /// `tls.client_ca` says by certificate who may ask, any address.
    #[serde(default)]
    pub peers: Option<Vec<NetworkConfig>>,
    /// The proxies that ask here, each at a path of its own: `[nginx]`, or `[{profile: nginx, path: /auth}]`. Default: none.
    #[serde(default)]
    pub forward_auth: Vec<ForwardAuthConfig>,
    /// Whether `POST /authorizers/api-gateway` is answered here. Default `false`.
    #[serde(default)]
    pub api_gateway: bool,
}

/// The certificate of a door.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DoorTlsConfig {
    /// Certificate chain, PEM, leaf first; read again when it changes.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Certificate authorities of those who may ask (mTLS), PEM. Without a certificate of theirs there is no connection.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// A proxy that asks, and at which path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "ShortForm<ForwardAuthFull>")]
pub struct ForwardAuthConfig {
    /// Whose words are spoken.
    pub profile: ProfileConfig,
    /// The path that it asks at. Default `/forward-auth/` and the profile's name.
    pub path: String,
    /// What becomes of a request in which the client claims an identity.
    pub claimed_headers: ClaimedHeadersConfig,
}

/// What becomes of a request with headers that only the gate may send: all under `identity.prefix`, and those that
/// `identity.headers` of any route names, in any spelling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimedHeadersConfig {
    /// It is decided as if they were not there, and the proxy must keep them from its upstream: no answer can.
    #[default]
    Drop,
    /// It is refused with 400 `bad-original-request`. For proxies that drop only the headers whose names their own config
    /// spells out, as nginx and Caddy do: of a whole prefix, and of every spelling, they let some pass.
    Refuse,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ForwardAuthFull {
    /// Whose words are spoken.
    profile: ProfileConfig,
    /// The path that it asks at. Default `/forward-auth/` and the profile's name.
    #[serde(default)]
    path: Option<String>,
    /// What becomes of a request in which the client claims an identity. Default `drop`.
    #[serde(default)]
    claimed_headers: ClaimedHeadersConfig,
}

impl TryFrom<ShortForm<ForwardAuthFull>> for ForwardAuthConfig {
    type Error = String;

    fn try_from(form: ShortForm<ForwardAuthFull>) -> Result<Self, Self::Error> {
        let ForwardAuthFull { profile, path, claimed_headers } = match form {
            ShortForm::Short(word) => ForwardAuthFull {
                profile: ProfileConfig::named(&word)?,
                path: None,
                claimed_headers: ClaimedHeadersConfig::default(),
            },
            ShortForm::Full(full) => full,
        };
        let path = path.unwrap_or_else(|| format!("/forward-auth/{}", profile.name()));
        Ok(Self { profile, path, claimed_headers })
    }
}

/// Which headers of an asking proxy tell the original request, and what the proxy can do with an answer.
///
/// A proxy lets pass what is answered with 2xx, so none is given to a question about what the gate answers itself (preflight
/// requests of routes with `cors`, documents about the gate): that is refused with 421 `answered-by-the-gate`, and the proxy
/// sends such a request to the door itself. With 2xx stand the headers for the upstream and, for proxies that can pass them
/// on, those that the gate adds to the answer of the client (`access-control-*`, `vary`, `dpop-nonce`).
///
/// A credential that `credentials` finds in the query goes on in it, since no proxy takes another query from an answer; of one
/// in a cookie the answer has the `Cookie` that is left, which the proxy has to take.
///
/// Every header that is named here must be set by the proxy itself, in place of any that its client sent; the examples
/// under `deploy/` do that. One that is missing, doubled or contradictory is a denial (`bad-original-request`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProfileConfig {
    /// `auth_request`. Believed: `X-Original-Method`, `X-Real-IP`, and either `X-Original-URL` (scheme, host and target) or
    /// `X-Original-URI` with `X-Original-Host`, never both forms; the latter does not tell the scheme, which then counts as
    /// `http`, and proofs of possession name it. nginx knows 401 and 403 only and makes everything else
    /// 500: other refusals are answered with 403, and `X-Lychgate-Status` and `X-Lychgate-Code` say which they were.
    Nginx,
    /// `forward_auth`. Believed: `X-Forwarded-Method`, `-Uri`, `-Host`, `-For` and `-Proto`, as Caddy sets them. Refusals
    /// reach the client as they are, and `handle_response` can send on what is refused with 421.
    Caddy,
    /// `ForwardAuth` with `trustForwardHeader: false`. Believed: the same. Refusals reach the client as they are, 421 too:
    /// routers of their own lead preflight requests and documents to the door.
    Traefik,
    /// `lychgate.lua` of `deploy/haproxy`, or any action that sends the same headers. Refusals reach the client as they are.
    Haproxy,
}

impl ProfileConfig {
    /// Its name in the config, in metrics and in the access log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Haproxy => "haproxy",
        }
    }

    fn named(word: &str) -> Result<Self, String> {
        let all = [Self::Nginx, Self::Caddy, Self::Traefik, Self::Haproxy];
        let found = all.into_iter().find(|profile| profile.name() == word);
        found.ok_or_else(|| format!("a profile is `nginx`, `caddy`, `traefik` or `haproxy`, not `{word}`"))
    }
}

/// How API Gateway is answered. It takes a yes or a no alone, so that preflight requests are a no: API Gateway answers those
/// by its own settings, without an authorizer. What the gate would say beside a refusal (`www_authenticate`,
/// `access_control_allow_origin` and so on) is in the context, for API Gateway's own responses.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiGatewayConfig {
    /// Whether events of payload format 2.0 are answered with `{"isAuthorized": …}`; say the same as the authorizer's
    /// `EnableSimpleResponses`. Default `false`: with an IAM policy, like all others.
    pub simple_responses: bool,
    /// API id → the host that routes and policies see. Default: the domain name that the event gives or, where it gives
    /// none, `{api id}.execute-api.{region}.amazonaws.com`.
    pub hosts: BTreeMap<String, String>,
}

/// Bounds on what may be sent to these doors; `limits` holds for the original requests too.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DoorLimitsConfig {
    /// Open connections at one door. Default 1024; more are closed at once.
    pub connections: usize,
    /// Largest `CheckRequest` or authorizer event. Default `1MiB`.
    #[schemars(with = "String")]
    pub message: ByteSize,
}

impl Default for DoorLimitsConfig {
    fn default() -> Self {
        Self { connections: 1024, message: ByteSize::mib(1) }
    }
}
