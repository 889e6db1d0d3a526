//! The config of the proxy: sockets, upstreams and bounds on what a client may send.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::authorizer::SizeLimits;
use crate::short_form::ShortForm;

/// A socket that clients connect to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// Address and port, for example `0.0.0.0:8080`; port 0 takes a free one.
    pub address: SocketAddr,
    /// Cleartext HTTP/2 beside HTTP/1.1, for inside a mesh: a client begins with it by prior knowledge. Default `false`; a
    /// listener with `tls` offers HTTP/2 by itself.
    #[serde(default)]
    pub h2c: bool,
    /// HTTPS, with HTTP/1.1 and HTTP/2 by ALPN.
    #[serde(default)]
    pub tls: Option<ListenerTlsConfig>,
    /// Whether a load balancer of `trusted_proxies` says who connected, by the PROXY protocol (version 1 or 2). Every connection must
    /// then begin so, and whoever else connects is turned away. Default `false`.
    #[serde(default)]
    pub proxy_protocol: bool,
}

/// The certificate of a TLS listener.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTlsConfig {
    /// Certificate chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Certificate authorities of client certificates (mTLS), PEM. Subject, names and thumbprint of the certificate are there for
    /// policies as `context.client_certificate`, and for tokens that are bound to it (RFC 8705).
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
    /// Whether a client must have a certificate of `client_ca`. One that is shown is checked in any case. Default `required`.
    #[serde(default)]
    pub client_auth: ClientAuthConfig,
    /// The oldest version of TLS that is spoken, `1.2` or `1.3`. Default `1.2`.
    #[serde(default)]
    pub min_version: TlsVersionConfig,
    /// Further certificates, for clients that ask for one of their names (SNI). The first one is for all others.
    #[serde(default)]
    pub certificates: Vec<CertificateConfig>,
}

/// A certificate and its key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// Certificate chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// Whether a client must have a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthConfig {
    /// Without one there is no connection.
    #[default]
    Required,
    /// It may do without.
    Optional,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub enum TlsVersionConfig {
    /// RFC 5246.
    #[default]
    #[schemars(rename = "1.2")]
    Tls12,
    /// RFC 8446.
    #[schemars(rename = "1.3")]
    Tls13,
}

impl TryFrom<String> for TlsVersionConfig {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err(format!("`{text}` is neither `1.2` nor `1.3`")),
        }
    }
}

/// A backend and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Where it listens; several share the load. A name is looked up again and again, and each of its addresses is an endpoint.
    #[serde(default)]
    pub endpoints: Vec<EndpointConfig>,
    /// A DNS name and port whose addresses are the endpoints, in place of `endpoints`. It is looked up every five seconds or so;
    /// while that fails, the addresses that were known last go on. At most 256 addresses are used.
    #[serde(default)]
    pub dns: Option<String>,
    /// How the load is shared. Default `round_robin`.
    #[serde(default)]
    pub balance: BalanceConfig,
    /// HTTPS to the upstream.
    #[serde(default)]
    pub tls: Option<UpstreamTlsConfig>,
    /// HTTP/2 to the upstream, as gRPC needs it; without `tls` by prior knowledge (h2c). Default `false`.
    #[serde(default)]
    pub http2: bool,
    /// Active health checks. Off by default.
    #[serde(default)]
    pub health: Option<HealthConfig>,
    /// When an endpoint that fails requests is left out for a while.
    #[serde(default)]
    pub ejection: EjectionConfig,
    /// How long each step may take.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
    /// What is tried again.
    #[serde(default)]
    pub retries: RetriesConfig,
    /// How many requests it may have at once. Default: no bound.
    #[serde(default)]
    pub limits: UpstreamLimitsConfig,
}

/// One endpoint of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "ShortForm<EndpointFull>")]
pub struct EndpointConfig {
    /// `10.0.0.1:8080`, `[::1]:8080` or `name:8080`.
    pub address: String,
    /// Its share of the load beside the others. Default 1.
    pub weight: u16,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EndpointFull {
    /// `10.0.0.1:8080`, `[::1]:8080` or `name:8080`.
    address: String,
    /// Its share of the load beside the others. Default 1.
    #[serde(default = "one")]
    weight: u16,
}

fn one() -> u16 {
    1
}

impl From<ShortForm<EndpointFull>> for EndpointConfig {
    fn from(form: ShortForm<EndpointFull>) -> Self {
        match form {
            ShortForm::Short(address) => Self { address, weight: 1 },
            ShortForm::Full(full) => Self { address: full.address, weight: full.weight },
        }
    }
}

/// How load is shared among endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BalanceConfig {
    /// One after the other, by weight.
    #[default]
    RoundRobin,
    /// By chance, by weight.
    Random,
    /// The same caller to the same endpoint: by `sub`, `{claim: name}` or `{header: name}`. Where one leaves, only its callers move.
    ConsistentHash(HashConfig),
}

/// What tells callers apart for `consistent_hash`. A request without it goes by the client's address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "ShortForm<HashFull>")]
pub enum HashConfig {
    /// The token's `sub`, within its issuer.
    Sub,
    /// A claim of the token, within its issuer.
    Claim(String),
    /// A header, as the client sent it.
    Header(String),
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum HashFull {
    /// A claim of the token, within its issuer.
    Claim(String),
    /// A header, as the client sent it.
    Header(String),
}

impl From<ShortForm<HashFull>> for HashConfig {
    fn from(form: ShortForm<HashFull>) -> Self {
        match form {
            ShortForm::Short(word) if word == "sub" => Self::Sub,
            // A bare name is a header's.
            ShortForm::Short(name) | ShortForm::Full(HashFull::Header(name)) => Self::Header(name),
            ShortForm::Full(HashFull::Claim(name)) => Self::Claim(name),
        }
    }
}

/// TLS to an upstream. The files are read at start and at each reload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamTlsConfig {
    /// The name in SNI and in the certificate. Default: the endpoint's host.
    pub server_name: Option<String>,
    /// Certificate authorities, PEM. Default: the system's.
    pub ca: Option<PathBuf>,
    /// The gate's own client certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
}

/// Active health checks: each endpoint is asked, on a connection of its own, with the upstream's TLS and HTTP version.
///
/// An endpoint is used until it has failed; while all of an upstream's endpoints fail, its requests are answered with 503
/// (`upstream-unavailable`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// What is asked for with GET.
    pub path: String,
    /// How often. Default `5s`.
    #[serde(default = "five_seconds", deserialize_with = "humantime_serde::deserialize")]
    pub every: Duration,
    /// How long a check may take, connecting included. Default `2s`.
    #[serde(default = "two_seconds", deserialize_with = "humantime_serde::deserialize")]
    pub timeout: Duration,
    /// Failures in a row that take an endpoint out. Default 3.
    #[serde(default = "three")]
    pub unhealthy_after: u32,
    /// Successes in a row that take it back. Default 1.
    #[serde(default = "one_time")]
    pub healthy_after: u32,
    /// The statuses that are healthy. Default: every 2xx.
    #[serde(default)]
    pub expect: Vec<u16>,
    /// The `Host` that is asked for. Default: `tls.server_name`, else the endpoint as configured.
    #[serde(default)]
    pub host: Option<String>,
}

/// When an endpoint that fails requests is left out for a while, with or without health checks.
///
/// At most half of an upstream's endpoints are left out so, and never all. One that was is tried again with requests once its time
/// is over; if it fails again, it stays out twice as long, up to `longest`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EjectionConfig {
    /// Connections in a row that could not be made or broke before an answer. Default 3; 0: they do not count.
    pub connect_failures: u32,
    /// Answers in a row with a 5xx status, or none in time. Default 5; 0: they do not count.
    pub server_errors: u32,
    /// How long it is left out the first time. Default `1s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub first: Duration,
    /// How long at most. Default `1m`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub longest: Duration,
}

impl Default for EjectionConfig {
    fn default() -> Self {
        Self { connect_failures: 3, server_errors: 5, first: Duration::from_secs(1), longest: Duration::from_mins(1) }
    }
}

/// How many requests an upstream may have at once. More are answered with 503 (`upstream-overloaded`) and `retry-after`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamLimitsConfig {
    /// Requests that it has at once; over HTTP/1.1 each has a connection of its own. Others wait, for `timeouts.connect` at most.
    pub connections: Option<usize>,
    /// Requests that may wait: for one of `connections` where that is set (default: as many), else for the first byte of their
    /// answer.
    pub pending: Option<usize>,
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn three() -> u32 {
    3
}

fn one_time() -> u32 {
    1
}

/// How long each step of a proxied request may take. None is ever unset.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsConfig {
    /// TCP and TLS handshakes together. Default `1s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub connect: Duration,
    /// Each wait for the answer or for more of it. Default `60s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub read: Duration,
    /// Each write of the request. Default `60s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub write: Duration,
    /// A kept connection without a request. Default `60s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub idle: Duration,
    /// In place of `read`, each wait for more of a stream: of a WebSocket, of an answer to a request that asks for events
    /// (`accept: text/event-stream`), and of a gRPC call from its beginning on. Default `5m`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub stream_idle: Duration,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self {
            connect: Duration::from_secs(1),
            read: minute,
            write: minute,
            idle: minute,
            stream_idle: Duration::from_mins(5),
        }
    }
}

/// What is tried again, at another endpoint where there is one. At any time at most a fifth of an upstream's requests, or ten, are
/// such tries, so that retries do not finish off what is overloaded already.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetriesConfig {
    /// Tries after the first. Default 1.
    pub attempts: usize,
    /// The failures that lead to another try. Default `[connect_failure]`.
    pub on: Vec<RetryOn>,
}

impl Default for RetriesConfig {
    fn default() -> Self {
        Self { attempts: 1, on: vec![RetryOn::ConnectFailure] }
    }
}

/// A failure that leads to another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// No connection to the endpoint could be made: nothing was sent, so the method does not matter.
    ConnectFailure,
    /// The connection broke before there was an answer. Idempotent methods only (RFC 9110 section 9.2.2), with bodies up to 64 KiB.
    Reset,
    /// The answer was 502, 503 or 504. Idempotent methods only, with bodies up to 64 KiB.
    GatewayError,
}

/// Bounds on what a client may send.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Longest token. Default `16KiB`; longer is 401.
    #[schemars(with = "String")]
    pub token: ByteSize,
    /// All request headers together. Default `32KiB`; more is 431.
    #[schemars(with = "String")]
    pub header: ByteSize,
    /// Number of request header fields. Default 100; more is 431.
    pub headers: usize,
    /// Longest request target. Default `8KiB`; longer is 414.
    #[schemars(with = "String")]
    pub target: ByteSize,
    /// Longest request body. Default `10MiB`; longer is 413.
    #[schemars(with = "String")]
    pub body: ByteSize,
    /// Deepest nesting in a token's JSON. Default 16; deeper is 401.
    pub claims_depth: usize,
    /// Memory for tokens that were verified a moment ago, shared by all threads. Default `24MiB`, about 20,000 tokens of 500
    /// bytes of claims that somebody asks for; `0B` verifies every token anew.
    #[schemars(with = "String")]
    pub token_cache: ByteSize,
    /// How long a client may take to send a request's headers. Default `10s`.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub header_timeout: Duration,
    /// How long a client may make the gate wait for a request's body, all waits together; each KiB that has come adds a second,
    /// so that a long upload ends only where it comes slower than that. Default `30s`; longer is 408. gRPC calls take their time.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub body_timeout: Duration,
    /// How long a client may take nothing of its answer. Default `60s`; then its connection or HTTP/2 stream ends. A client that
    /// takes a little now and then has all the time that it needs.
    #[serde(deserialize_with = "humantime_serde::deserialize")]
    pub write_timeout: Duration,
    /// Open connections from one address. Default 1000; more are closed at once.
    pub connections_per_ip: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            token: ByteSize::kib(16),
            header: ByteSize::kib(32),
            headers: 100,
            target: ByteSize::kib(8),
            body: ByteSize::mib(10),
            claims_depth: 16,
            token_cache: ByteSize::mib(24),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_mins(1),
            connections_per_ip: 1000,
        }
    }
}

impl LimitsConfig {
    /// Those of the bounds that hold for a request whichever way it came.
    #[must_use]
    pub fn sizes(&self) -> SizeLimits {
        SizeLimits { target: self.target, header: self.header, headers: self.headers }
    }
}
