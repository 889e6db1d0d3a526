//! Opaque tokens: their issuer is asked what they are (RFC 7662), once for all who bring one at the same time, and what it
//! says is remembered for as long as it holds.

mod answer;
mod config;
mod endpoint;
mod introspector;

pub use config::IntrospectionConfig;
pub use introspector::Introspector;
pub(super) use introspector::looks_structured;
