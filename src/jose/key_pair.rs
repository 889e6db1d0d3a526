//! The private half of a key, whichever family it is of: made, read, written and used in one way.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;

/// A private key with what signs with it.
pub(super) enum KeyPair {
    Rsa { pair: RsaKeyPair, encoding: &'static dyn RsaEncoding },
    Ec { pair: EcdsaKeyPair, curve: &'static str },
    Ed25519(Ed25519KeyPair),
}

/// The families, each with what the library calls the algorithm.
enum Family {
    Rsa(&'static dyn RsaEncoding),
    Ec(&'static EcdsaSigningAlgorithm, &'static str),
    Ed25519,
}

fn family(algorithm: Algorithm) -> Family {
    match algorithm {
        Algorithm::Rs256 => Family::Rsa(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Family::Rsa(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Family::Rsa(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Family::Rsa(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Family::Rsa(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Family::Rsa(&RSA_PSS_SHA512),
        Algorithm::Es256 => Family::Ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        Algorithm::Es384 => Family::Ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
        Algorithm::Es512 => Family::Ec(&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
        Algorithm::EdDsa => Family::Ed25519,
    }
}

impl KeyPair {
    /// A new key; RSA ones have 2048 bits.
    pub(super) fn generate(algorithm: Algorithm) -> Option<Self> {
        Some(match family(algorithm) {
            Family::Rsa(encoding) => Self::Rsa { pair: RsaKeyPair::generate(KeySize::Rsa2048).ok()?, encoding },
            Family::Ec(signing, curve) => Self::Ec { pair: EcdsaKeyPair::generate(signing).ok()?, curve },
            Family::Ed25519 => Self::Ed25519(Ed25519KeyPair::generate().ok()?),
        })
    }

    pub(super) fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        Some(match family(algorithm) {
            Family::Rsa(encoding) => Self::Rsa { pair: RsaKeyPair::from_pkcs8(der).ok()?, encoding },
            Family::Ec(signing, curve) => Self::Ec { pair: EcdsaKeyPair::from_pkcs8(signing, der).ok()?, curve },
            Family::Ed25519 => Self::Ed25519(Ed25519KeyPair::from_pkcs8(der).ok()?),
        })
    }

    /// A private JWK (RFC 7518 section 6, RFC 8037 section 2); its halves must belong together.
    pub(super) fn from_jwk(algorithm: Algorithm, jwk: &Map<String, Value>) -> Option<Self> {
        let is = |name: &str, wanted: &str| jwk.get(name).and_then(Value::as_str) == Some(wanted);
        match family(algorithm) {
            Family::Rsa(encoding) if is("kty", "RSA") => Some(Self::Rsa { pair: rsa_from_jwk(jwk)?, encoding }),
            Family::Ec(signing, curve) if is("kty", "EC") && is("crv", curve) => {
                let public = [&[4][..], &secret(jwk, "x")?, &secret(jwk, "y")?].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &secret(jwk, "d")?, &public).ok()?;
                Some(Self::Ec { pair, curve })
            }
            Family::Ed25519 if is("kty", "OKP") && is("crv", "Ed25519") => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&secret(jwk, "d")?, &secret(jwk, "x")?);
                Some(Self::Ed25519(pair.ok()?))
            }
            _ => None,
        }
    }

    pub(super) fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        let der = match self {
            Self::Rsa { pair, .. } => AsDer::<Pkcs8V1Der<'_>>::as_der(pair).ok()?.as_ref().to_vec(),
            Self::Ec { pair, .. } => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
            Self::Ed25519(pair) => pair.to_pkcs8v1().ok()?.as_ref().to_vec(),
        };
        Some(Zeroizing::new(der))
    }

    /// The required members of the public JWK, by name: what a thumbprint (RFC 7638) is made of.
    pub(super) fn public_members(&self) -> Option<Vec<(&'static str, String)>> {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let text = str::to_owned;
        Some(match self {
            Self::Rsa { pair, .. } => {
                let (modulus, exponent) = rsa_public_key(pair.public_key().as_ref())?;
                vec![("e", encode(exponent)), ("kty", text("RSA")), ("n", encode(modulus))]
            }
            Self::Ec { pair, curve } => {
                // SEC 1 section 2.3.3: one byte of form, then both coordinates at full length.
                let point = pair.public_key().as_ref().strip_prefix(&[4])?;
                let (x, y) = point.split_at_checked(point.len() / 2)?;
                vec![("crv", text(curve)), ("kty", text("EC")), ("x", encode(x)), ("y", encode(y))]
            }
            Self::Ed25519(pair) => {
                let x = encode(pair.public_key().as_ref());
                vec![("crv", text("Ed25519")), ("kty", text("OKP")), ("x", x)]
            }
        })
    }

    /// The signature as a JWS wants it: for ECDSA r and s at full length (RFC 7518 section 3.4).
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa { pair, encoding } => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Self::Ec { pair, .. } => pair.sign(&random, message).ok().map(|signature| signature.as_ref().to_vec()),
            Self::Ed25519(pair) => pair.try_sign(message).ok().map(|signature| signature.as_ref().to_vec()),
        }
    }
}

fn rsa_from_jwk(jwk: &Map<String, Value>) -> Option<RsaKeyPair> {
    let public = |name| Some(without_sign_byte(&secret(jwk, name)?).to_vec());
    let components = KeyPairComponents {
        public_key: RsaPublicKeyComponents { n: public("n")?, e: public("e")? },
        d: secret(jwk, "d")?,
        p: secret(jwk, "p")?,
        q: secret(jwk, "q")?,
        dP: secret(jwk, "dp")?,
        dQ: secret(jwk, "dq")?,
        qInv: secret(jwk, "qi")?,
    };
    RsaKeyPair::from_components(&components).ok()
}

fn secret(jwk: &Map<String, Value>, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok().map(Zeroizing::new)
}

/// Modulus and exponent of a DER `RSAPublicKey` (RFC 8017 appendix A.1.1), without sign bytes.
fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = der_element(0x30, der)?;
    let (modulus, after_modulus) = der_element(0x02, sequence)?;
    let (exponent, after_exponent) = der_element(0x02, after_modulus)?;
    let whole = rest.is_empty() && after_exponent.is_empty();
    whole.then_some((without_sign_byte(modulus), without_sign_byte(exponent)))
}

/// The content of the DER element with this tag, and what follows it.
fn der_element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => rest.split_first_chunk().map(|(&length, rest)| (usize::from(u16::from_be_bytes(length)), rest))?,
        _ => return None,
    };
    if found == tag { rest.split_at_checked(length) } else { None }
}

fn without_sign_byte(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}

#[cfg(test)]
mod tests {
    use super::rsa_public_key;

    #[test]
    fn a_public_key_that_is_not_whole_is_refused() {
        for der in [&[][..], &[0x30], &[0x30, 0x02, 0x02], &[0x30, 0x84, 0, 0, 0, 0], &[0x31, 0x00]] {
            assert_eq!(rsa_public_key(der), None);
        }
        assert_eq!(rsa_public_key(&[0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x03, 0x00]), None);
        assert_eq!(rsa_public_key(&[0x30, 0x07, 0x02, 0x02, 0, 0x85, 0x02, 0x01, 0x03]), Some((&[0x85][..], &[3][..])));
    }
}
