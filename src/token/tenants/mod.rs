//! Issuers with parameters: many concrete issuers under one name, each with keys of its own, and only those that the rules allow.

mod live;
mod template;
mod value;

pub use live::Tenants;
pub use template::{IssuerTemplate, TemplateError, TenantValues};
pub use value::ValuePattern;
