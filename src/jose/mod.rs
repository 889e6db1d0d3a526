//! JSON Object Signing, read strictly: compact JWS, public keys and key sets. Pure: no I/O, no opinion on whom to trust.

mod algorithm;
mod error;
mod json;
mod jwk;
mod jws;
mod key_pair;
mod key_set;
mod signing_key;
#[cfg(test)]
mod tests;
mod weak_key;

pub use algorithm::Algorithm;
pub use error::{JoseError, KeyRejection};
pub use json::strict_object;
pub use jwk::{PublicKey, thumbprint};
pub use jws::{CompactJws, Header};
pub use key_set::{KeySet, SkippedKey};
pub use signing_key::SigningKey;
