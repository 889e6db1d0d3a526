//! The heart: one decision behind every door.

mod config;

pub use config::{
    AccessConfig, AccessRules, CorsConfig, IdentityConfig, IdentitySourceConfig, MatchConfig, Notation, Requirement,
    RouteConfig, RouteIdentityConfig, SenderConstrained, UpgradeConfig,
};
