//! The door of OpenID Connect: for now, discovery and keys.

mod discovery;
mod error;

pub(crate) use discovery::{jwks, openid_configuration};
