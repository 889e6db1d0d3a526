//! OpenAPI documents as Amazon API Gateway exports them: read, taken apart by operation, and put together as a config that our own
//! check takes.

mod build;
mod convert;
mod cors;
mod document;
mod draft;
mod integration;
mod plan;
#[cfg(test)]
mod properties;
mod schemes;
mod security;
mod template;
#[cfg(test)]
mod tests;
mod yaml;

pub(super) use convert::{Imported, import};
