//! A private key that signs tokens: RSA of 2048 bits with RS256, parsed once and kept ready.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::error::JoseError;

/// A private key with its `kid`. It signs tokens and gives out its public half; nothing else of it can be seen.
///
/// An RSA signature costs about a quarter of a millisecond of CPU: sign on a bounded blocking pool, not on threads that serve requests.
pub struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
    modulus: String,
    exponent: String,
}

impl SigningKey {
    /// Makes a new RSA key of 2048 bits. Takes some hundred milliseconds of CPU.
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where the system has no randomness to give.
    pub fn generate() -> Result<Self, JoseError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| JoseError::SigningKey("made"))?;
        Self::from_pair(pair)
    }

    /// Reads a private key in PKCS#8 DER (RFC 5208).
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where the bytes are not an RSA private key of at least 2048 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, JoseError> {
        Self::from_pair(RsaKeyPair::from_pkcs8(der).map_err(|_| JoseError::SigningKey("read"))?)
    }

    fn from_pair(pair: RsaKeyPair) -> Result<Self, JoseError> {
        let (modulus, exponent) = rsa_public_key(pair.public_key().as_ref()).ok_or(JoseError::SigningKey("read"))?;
        let (modulus, exponent) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
        Ok(Self { pair, kid: thumbprint(&modulus, &exponent), modulus, exponent })
    }

    /// The private key in PKCS#8 DER; the bytes are wiped when dropped.
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where the key cannot be written.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| JoseError::SigningKey("written"))?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The key's id: its JWK thumbprint (RFC 7638), so that a key has one id wherever it is kept.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What its signatures are called.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        Algorithm::Rs256
    }

    /// The public half as a JWK (RFC 7517), with `use`, `alg` and `kid`.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": self.algorithm().name(),
            "kid": self.kid,
            "n": self.modulus,
            "e": self.exponent,
        })
    }

    /// Signs `claims` into a compact JWS. The header has `kid` and `alg` and nothing else, as Cognito's has.
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where the claims are not JSON or the key does not sign.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, JoseError> {
        self.sign_with(&Map::new(), claims)
    }

    /// Signs `claims` with more header members, such as `typ`. `kid` and `alg` are the key's own, whatever `header` says.
    ///
    /// # Errors
    /// As [`SigningKey::sign`].
    pub fn sign_with(&self, header: &Map<String, Value>, claims: &impl Serialize) -> Result<String, JoseError> {
        let mut header = header.clone();
        header.insert("kid".to_owned(), self.kid.clone().into());
        header.insert("alg".to_owned(), self.algorithm().name().into());
        let mut token = encoded(&header)?;
        token.push('.');
        token.push_str(&encoded(claims)?);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|_| JoseError::SigningKey("used"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

fn encoded(part: &impl Serialize) -> Result<String, JoseError> {
    let json = serde_json::to_vec(part).map_err(|_| JoseError::SigningKey("used"))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

/// RFC 7638 section 3: the required members alone, in lexicographic order, without blanks.
fn thumbprint(modulus: &str, exponent: &str) -> String {
    let members = format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
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
    use super::super::{CompactJws, KeySet};
    use super::*;

    fn key_set(key: &SigningKey) -> KeySet {
        let document = json!({"keys": [key.public_jwk()]}).to_string();
        let (keys, skipped) = KeySet::parse(document.as_bytes()).unwrap();
        assert_eq!(skipped, []);
        keys
    }

    fn verifies(token: &str, keys: &KeySet) -> bool {
        let jws = CompactJws::parse(token, 16).unwrap();
        let key = keys.find(jws.header().kid.as_deref(), Algorithm::Rs256);
        key.is_some_and(|key| key.verify(Algorithm::Rs256, &jws).is_ok())
    }

    #[test]
    fn what_it_signs_its_public_jwk_verifies_and_no_other() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let token = key.sign(&json!({"sub": "alice"})).unwrap();
        assert!(verifies(&token, &key_set(&key)));
        assert!(!verifies(&token, &key_set(&other)));
        let forged = other.sign_with(&Map::new(), &json!({"sub": "alice"})).unwrap();
        assert!(!verifies(&forged, &key_set(&key)));
    }

    #[test]
    fn the_header_has_kid_and_alg_only_and_neither_can_be_replaced() {
        let key = SigningKey::generate().unwrap();
        let header = |token: String| {
            let part = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
            serde_json::from_slice::<Value>(&part).unwrap()
        };
        let own = json!({"kid": key.kid(), "alg": "RS256"});
        assert_eq!(header(key.sign(&json!({})).unwrap()), own);
        let foreign = json!({"kid": "k", "alg": "none", "typ": "at+jwt"});
        let signed = header(key.sign_with(foreign.as_object().unwrap(), &json!({})).unwrap());
        assert_eq!(signed, json!({"kid": key.kid(), "alg": "RS256", "typ": "at+jwt"}));
    }

    #[test]
    fn a_key_read_back_is_the_same_key() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.public_jwk(), key.public_jwk());
        assert!(verifies(&again.sign(&json!({})).unwrap(), &key_set(&key)));
        assert_eq!(SigningKey::from_pkcs8(b"no key").unwrap_err().code(), "signing-key");
    }

    /// The example of RFC 7638 section 3.1.
    #[test]
    fn the_thumbprint_is_the_one_of_the_rfc() {
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W\
                       -5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt\
                       -bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(thumbprint(modulus, "AQAB"), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn nothing_private_shows_in_debug() {
        let key = SigningKey::generate().unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {:?}, .. }}", key.kid()));
    }

    #[test]
    fn a_public_key_that_is_not_whole_is_refused() {
        for der in [&[][..], &[0x30], &[0x30, 0x02, 0x02], &[0x30, 0x84, 0, 0, 0, 0], &[0x31, 0x00]] {
            assert_eq!(rsa_public_key(der), None);
        }
        assert_eq!(rsa_public_key(&[0x30, 0x06, 0x02, 0x01, 0x05, 0x02, 0x01, 0x03, 0x00]), None);
        assert_eq!(rsa_public_key(&[0x30, 0x07, 0x02, 0x02, 0, 0x85, 0x02, 0x01, 0x03]), Some((&[0x85][..], &[3][..])));
    }
}
