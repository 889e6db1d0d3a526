//! The proxy door: translates HTTP into an access request, and a permit into a request to an upstream.

mod access_log;
mod answer;
mod config;
mod context;
mod forwarded;
mod framing;
mod gateway;
mod head;
mod judge;
mod onward;
mod passage;
mod phases;
mod respond;
mod snapshot;
mod steps;
mod stopping;
mod streams;
mod tries;
mod upstream;
mod wire;

pub use config::{
    BalanceConfig, CertificateConfig, ClientAuthConfig, EjectionConfig, EndpointConfig, HashConfig, HealthConfig,
    LimitsConfig, ListenerConfig, ListenerTlsConfig, RetriesConfig, RetryOn, TimeoutsConfig, TlsVersionConfig,
    UpstreamConfig, UpstreamLimitsConfig, UpstreamTlsConfig,
};
pub use context::RequestContext;
pub use gateway::Gateway;
pub use snapshot::Snapshot;
pub use stopping::Stopping;
pub use upstream::{EndpointStatus, Upstream, UpstreamError, Upstreams};
pub use wire::{Connections, Door, Listener, Speaks};
