//! The doors at which other proxies and gateways ask: each tells the request that it received in its own words, and is told
//! what the gate itself would have ruling about it.

mod api_gateway;
mod certificate;
mod config;
mod decider;
mod envoy;
mod forward_auth;
mod grpc_door;
mod http_door;
mod lambda;
mod original_request;
mod prompt;

pub use config::{
    ApiGatewayConfig, ClaimedHeadersConfig, DoorLimitsConfig, DoorTlsConfig, ExtAuthzConfig, ForwardAuthConfig,
    GrpcDoorConfig, HttpDoorConfig, ProfileConfig,
};
pub use decider::Decider;
pub use grpc_door::GrpcDoor;
pub use http_door::HttpDoor;
pub use lambda::{LambdaError, RuntimeApi};
