//! The signature check below everything: aws-lc-rs with the key parsed once.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lychgate::jose::{Algorithm, SigningKey};

pub(crate) fn raw_key(key: &SigningKey) -> ParsedPublicKey {
    let jwk = key.public_jwk();
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    match key.algorithm() {
        Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, bytes("x")),
        Algorithm::Es256 => {
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [&[4][..], &bytes("x"), &bytes("y")].concat())
        }
        _ => RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256),
    }
    .unwrap()
}
