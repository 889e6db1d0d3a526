//! A private key that signs tokens, bound to one algorithm, parsed once and kept ready.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::error::JoseError;
use super::key_pair::KeyPair;

/// A private key with its `kid`. It signs tokens and gives out its public half; nothing else of it can be seen.
///
/// An RSA signature costs about a quarter of a millisecond of CPU: sign on a bounded blocking pool, not on threads that serve requests.
pub struct SigningKey {
    pair: KeyPair,
    algorithm: Algorithm,
    kid: String,
    /// The required members of the public JWK, in lexicographic order.
    members: Vec<(&'static str, String)>,
}

impl SigningKey {
    /// Makes a new key for RS256. Takes some hundred milliseconds of CPU.
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where the system has no randomness to give.
    pub fn generate() -> Result<Self, JoseError> {
        Self::generate_for(Algorithm::Rs256)
    }

    /// Makes a new key for this algorithm; RSA keys have 2048 bits.
    ///
    /// # Errors
    /// As [`SigningKey::generate`].
    pub fn generate_for(algorithm: Algorithm) -> Result<Self, JoseError> {
        KeyPair::generate(algorithm)
            .and_then(|pair| Self::from_pair(pair, algorithm))
            .ok_or(JoseError::SigningKey("made"))
    }

    /// Reads a private key for RS256 in PKCS#8 DER (RFC 5208).
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where the bytes are not an RSA private key of at least 2048 bits.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, JoseError> {
        Self::from_pkcs8_for(Algorithm::Rs256, der)
    }

    /// Reads a private key in PKCS#8 DER (RFC 5208), to sign with this algorithm.
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where the bytes are not a private key of the algorithm's family, curve and least size.
    pub fn from_pkcs8_for(algorithm: Algorithm, der: &[u8]) -> Result<Self, JoseError> {
        KeyPair::from_pkcs8(algorithm, der)
            .and_then(|pair| Self::from_pair(pair, algorithm))
            .ok_or(JoseError::SigningKey("read"))
    }

    /// Reads a private JWK (RFC 7517), to sign with this algorithm. RSA keys need all of `d`, `p`, `q`, `dp`, `dq` and `qi`.
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where it is no private key of the algorithm's family and curve, or its halves do not belong together.
    pub fn from_jwk(algorithm: Algorithm, jwk: &Map<String, Value>) -> Result<Self, JoseError> {
        KeyPair::from_jwk(algorithm, jwk)
            .and_then(|pair| Self::from_pair(pair, algorithm))
            .ok_or(JoseError::SigningKey("read"))
    }

    fn from_pair(pair: KeyPair, algorithm: Algorithm) -> Option<Self> {
        let members = pair.public_members()?;
        Some(Self { pair, algorithm, kid: thumbprint(&members), members })
    }

    /// The private key in PKCS#8 DER; the bytes are wiped when dropped.
    ///
    /// # Errors
    /// [`JoseError::SigningKey`] where the key cannot be written.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, JoseError> {
        self.pair.to_pkcs8().ok_or(JoseError::SigningKey("written"))
    }

    /// The key's id: its JWK thumbprint (RFC 7638), so that a key has one id wherever it is kept.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What its signatures are called.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as a JWK (RFC 7517), with `use`, `alg` and `kid`.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let about = [("use", "sig"), ("alg", self.algorithm.name()), ("kid", &self.kid)];
        let members = self.members.iter().map(|(name, value)| (*name, value.as_str()));
        members.chain(about).map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
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
        header.insert("alg".to_owned(), self.algorithm.name().into());
        let mut token = encoded(&header)?;
        token.push('.');
        token.push_str(&encoded(claims)?);
        let signature = self.pair.sign(token.as_bytes()).ok_or(JoseError::SigningKey("used"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Ok(token)
    }

    /// A signature over any bytes, so that tests can make tokens that no signer would make.
    #[cfg(test)]
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).unwrap()
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
pub(super) fn thumbprint(members: &[(&'static str, String)]) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
    URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("{{{}}}", members.join(",")).as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let algorithm = jws.header().algorithm.unwrap();
        let key = keys.find(jws.header().kid.as_deref(), algorithm);
        key.is_some_and(|key| key.verify(algorithm, &jws).is_ok())
    }

    #[test]
    fn the_header_has_kid_and_alg_only_and_neither_can_be_replaced() {
        let key = SigningKey::generate_for(Algorithm::Es256).unwrap();
        let header = |token: String| {
            let part = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
            serde_json::from_slice::<Value>(&part).unwrap()
        };
        let own = json!({"kid": key.kid(), "alg": "ES256"});
        assert_eq!(header(key.sign(&json!({})).unwrap()), own);
        let foreign = json!({"kid": "k", "alg": "none", "typ": "at+jwt"});
        let signed = header(key.sign_with(foreign.as_object().unwrap(), &json!({})).unwrap());
        assert_eq!(signed, json!({"kid": key.kid(), "alg": "ES256", "typ": "at+jwt"}));
    }

    #[test]
    fn a_key_written_and_read_back_is_the_same_key() {
        for algorithm in [Algorithm::Rs256, Algorithm::Ps384, Algorithm::Es256, Algorithm::Es512, Algorithm::EdDsa] {
            let key = SigningKey::generate_for(algorithm).unwrap();
            let again = SigningKey::from_pkcs8_for(algorithm, &key.to_pkcs8().unwrap()).unwrap();
            assert_eq!(again.public_jwk(), key.public_jwk());
            assert!(verifies(&again.sign(&json!({})).unwrap(), &key_set(&key)), "{algorithm}");
        }
        assert_eq!(SigningKey::from_pkcs8(b"no key").unwrap_err().code(), "signing-key");
    }

    #[test]
    fn a_key_of_another_family_or_curve_is_not_read() {
        let p256 = SigningKey::generate_for(Algorithm::Es256).unwrap().to_pkcs8().unwrap();
        for other in [Algorithm::Rs256, Algorithm::Es384, Algorithm::EdDsa] {
            assert!(SigningKey::from_pkcs8_for(other, &p256).is_err(), "{other}");
        }
    }

    /// The examples of RFC 8037 appendix A.1 and RFC 7515 appendix A.3.1.
    #[test]
    fn a_private_jwk_is_read_where_its_halves_belong_together() {
        let ed25519 = json!({
            "kty": "OKP", "crv": "Ed25519",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        });
        let p256 = json!({
            "kty": "EC", "crv": "P-256", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        for (algorithm, jwk) in [(Algorithm::EdDsa, ed25519), (Algorithm::Es256, p256)] {
            let mut jwk = jwk.as_object().unwrap().clone();
            let key = SigningKey::from_jwk(algorithm, &jwk).unwrap();
            assert_eq!(key.public_jwk()["x"], jwk["x"]);
            assert!(SigningKey::from_jwk(Algorithm::Es384, &jwk).is_err());
            assert!(SigningKey::from_jwk(Algorithm::Rs256, &jwk).is_err());
            jwk.insert("d".to_owned(), URL_SAFE_NO_PAD.encode([7; 32]).into());
            assert!(SigningKey::from_jwk(algorithm, &jwk).is_err(), "halves of two keys");
        }
    }

    /// The examples of RFC 7638 section 3.1 and RFC 8037 appendix A.3.
    #[test]
    fn the_thumbprint_is_the_one_of_the_rfc() {
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W\
                       -5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt\
                       -bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let rsa = [("e", "AQAB".to_owned()), ("kty", "RSA".to_owned()), ("n", modulus.to_owned())];
        assert_eq!(thumbprint(&rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned();
        let ed25519 = [("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", x)];
        assert_eq!(thumbprint(&ed25519), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn nothing_private_shows_in_debug() {
        let key = SigningKey::generate_for(Algorithm::EdDsa).unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey {{ kid: {:?}, .. }}", key.kid()));
    }
}
