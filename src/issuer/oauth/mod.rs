//! The door of OpenID Connect: for now, discovery and keys.

mod discovery;

pub(crate) use discovery::{jwks, openid_configuration};
