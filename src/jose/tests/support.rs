//! Keys that are made once for all tests, and tokens that no signer would make.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::super::{Algorithm, CompactJws, JoseError, KeySet, PublicKey, SigningKey};

/// The RSA key that all six RSA algorithms share.
static RSA: LazyLock<Vec<u8>> = LazyLock::new(|| SigningKey::generate().unwrap().to_pkcs8().unwrap().to_vec());

pub(super) fn signing_key(algorithm: Algorithm) -> SigningKey {
    if algorithm <= Algorithm::Ps512 {
        SigningKey::from_pkcs8_for(algorithm, &RSA).unwrap()
    } else {
        SigningKey::generate_for(algorithm).unwrap()
    }
}

/// The public JWK of a new key, ready to be spoilt.
pub(super) fn jwk(algorithm: Algorithm) -> Map<String, Value> {
    signing_key(algorithm).public_jwk().as_object().unwrap().clone()
}

pub(super) fn public_key(key: &SigningKey) -> PublicKey {
    PublicKey::from_jwk(key.public_jwk().as_object().unwrap()).unwrap()
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A token of these parts.
pub(super) fn token(header: &str, claims: &str, signature: &[u8]) -> String {
    format!("{}.{}.{}", encode(header), encode(claims), encode(signature))
}

/// What a verifier that holds this one key says to a token.
pub(super) fn verify(key: &PublicKey, token: &str) -> Result<(), JoseError> {
    let jws = CompactJws::parse(token, 16)?;
    key.verify(jws.header().algorithm.ok_or(JoseError::UnsupportedAlgorithm)?, &jws)
}

/// What a verifier that holds this set says to a token.
pub(super) fn verify_with(keys: &KeySet, token: &str) -> Result<(), JoseError> {
    let jws = CompactJws::parse(token, 16)?;
    let algorithm = jws.header().algorithm.ok_or(JoseError::UnsupportedAlgorithm)?;
    let key = keys.find(jws.header().kid.as_deref(), algorithm).ok_or(JoseError::UnsupportedAlgorithm)?;
    key.verify(algorithm, &jws)
}
