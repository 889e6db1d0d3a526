//! How often a caller, an address or a route may ask. Counted in this process in bounded memory, and where the config says so
//! together with other gates, on a Redis or Valkey that the decision never waits long for.

mod config;
mod counts;
mod fields;
mod quota;
mod route_limits;
mod shared;
mod table;

pub use config::{CountedBy, RateConfig, RateLimitConfig, RateLimitsConfig, SharedCountsConfig};
pub use counts::{RateCounts, SharedCountsTask};
pub use fields::Exceeded;
pub(super) use fields::SpentUnits;
pub(super) use route_limits::{Asker, RouteLimits};
pub use shared::RateLimitError;
