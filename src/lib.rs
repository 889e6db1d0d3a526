//! Lychgate, the gate where bearers stop: an auth gateway in front of backend APIs.

pub mod admin;
pub mod authorizer;
pub mod clock;
pub mod config;
pub mod issuer;
pub mod jose;
pub mod policy;
pub mod proxy;
pub mod short_form;
pub mod telemetry;
pub mod token;
