//! Lychgate, the gate where bearers stop: an auth gateway in front of backend APIs.

pub mod admin;
pub mod authorizer;
pub mod cli;
pub mod clock;
pub mod config;
pub mod issuer;
pub mod jose;
pub mod policy;
pub mod proxy;
pub mod server;
pub mod short_form;
pub mod telemetry;
pub mod token;
