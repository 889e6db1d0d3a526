//! The proxy door: translates HTTP into an access request, and a permit into a request to an upstream.

mod config;

pub use config::{
    BalanceConfig, EndpointConfig, HealthConfig, LimitsConfig, ListenerConfig, ListenerTlsConfig, RetriesConfig,
    RetryOn, TimeoutsConfig, UpstreamConfig, UpstreamTlsConfig,
};
