//! The config of the proxy: sockets, upstreams and bounds on what a client may send.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::authorizer::SizeLimits;
use crate::short_form::ShortForm;

/// A socket that clients connect to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerConfig {
    /// Address and port, for example `0.0.0.0:8080`; port 0 takes a free one.
    pub address: SocketAddr,
    /// Cleartext HTTP/2 beside HTTP/1.1, for inside a mesh. Default `false`.
    #[serde(default)]
    pub h2c: bool,
    /// HTTPS, with HTTP/1.1 and HTTP/2 by ALPN.
    #[serde(default)]
    pub tls: Option<ListenerTlsConfig>,
}

/// The certificate of a TLS listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTlsConfig {
    /// Certificate chain, PEM, leaf first.
    pub certificate: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
    /// Certificate authorities of client certificates (mTLS), PEM.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// A backend and how it is reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Where it listens; several share the load.
    #[serde(default)]
    pub endpoints: Vec<EndpointConfig>,
    /// A DNS name and port whose addresses are the endpoints.
    #[serde(default)]
    pub dns: Option<String>,
    /// How the load is shared. Default `round_robin`.
    #[serde(default)]
    pub balance: BalanceConfig,
    /// HTTPS to the upstream.
    #[serde(default)]
    pub tls: Option<UpstreamTlsConfig>,
    /// HTTP/2 to the upstream. Default `false`.
    #[serde(default)]
    pub http2: bool,
    /// Active health checks. Off by default.
    #[serde(default)]
    pub health: Option<HealthConfig>,
    /// How long each step may take.
    #[serde(default)]
    pub timeouts: TimeoutsConfig,
    /// What is tried again.
    #[serde(default)]
    pub retries: RetriesConfig,
}

/// One endpoint of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "ShortForm<EndpointFull>")]
pub struct EndpointConfig {
    /// `10.0.0.1:8080`, `[::1]:8080` or `name:8080`.
    pub address: String,
    /// Its share of the load beside the others. Default 1.
    pub weight: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndpointFull {
    address: String,
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BalanceConfig {
    /// One after the other, by weight.
    #[default]
    RoundRobin,
    /// By chance, by weight.
    Random,
    /// The same caller to the same endpoint: `sub`, or a header's name.
    ConsistentHash(String),
}

/// TLS to an upstream.
#[derive(Debug, Clone, Default, Deserialize)]
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

/// Active health checks.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HealthConfig {
    /// What is asked for with GET; a 2xx answer is healthy.
    pub path: String,
    /// How often. Default `5s`.
    #[serde(default = "five_seconds", with = "humantime_serde")]
    pub every: Duration,
    /// Failures in a row that take an endpoint out. Default 3.
    #[serde(default = "three")]
    pub unhealthy_after: u32,
    /// Successes in a row that take it back. Default 1.
    #[serde(default = "one_time")]
    pub healthy_after: u32,
}

fn five_seconds() -> Duration {
    Duration::from_secs(5)
}

fn three() -> u32 {
    3
}

fn one_time() -> u32 {
    1
}

/// How long each step of a proxied request may take. None is ever unset.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsConfig {
    /// TCP and TLS handshakes together. Default `1s`.
    #[serde(with = "humantime_serde")]
    pub connect: Duration,
    /// Each read of the answer. Default `60s`.
    #[serde(with = "humantime_serde")]
    pub read: Duration,
    /// Each write of the request. Default `60s`.
    #[serde(with = "humantime_serde")]
    pub write: Duration,
    /// A kept connection without a request. Default `60s`.
    #[serde(with = "humantime_serde")]
    pub idle: Duration,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self { connect: Duration::from_secs(1), read: minute, write: minute, idle: minute }
    }
}

/// What is tried again. Never a request whose body was sent.
#[derive(Debug, Clone, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// No connection to the endpoint could be made.
    ConnectFailure,
}

/// Bounds on what a client may send.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Longest token. Default `16KiB`; longer is 401.
    pub token: ByteSize,
    /// All request headers together. Default `32KiB`; more is 431.
    pub header: ByteSize,
    /// Number of request header fields. Default 100; more is 431.
    pub headers: usize,
    /// Longest request target. Default `8KiB`; longer is 414.
    pub target: ByteSize,
    /// Longest request body. Default `10MiB`; longer is 413.
    pub body: ByteSize,
    /// Deepest nesting in a token's JSON. Default 16; deeper is 401.
    pub claims_depth: usize,
    /// How long a client may take to send a request's headers. Default `10s`.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
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
            header_timeout: Duration::from_secs(10),
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
