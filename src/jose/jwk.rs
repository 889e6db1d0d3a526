//! One public key of a set: judged alone, parsed once, bound to the algorithms that it may verify.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::error::{JoseError, KeyRejection};
use super::jws::CompactJws;
use super::signing_key;
use super::weak_key::{is_low_order_or_not_canonical, is_of_roca};

/// A public key that verifies signatures (RFC 7517), with one parsed form for each algorithm that it may be used with.
#[derive(Debug)]
pub struct PublicKey {
    kid: Option<String>,
    verifiers: Vec<Verifier>,
}

#[derive(Debug)]
struct Verifier {
    algorithm: Algorithm,
    /// Exact length of a signature in bytes (RFC 7518 sections 3.3 and 3.4, RFC 8032).
    signature_length: usize,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// Reads and judges one JWK.
    ///
    /// # Errors
    /// Why this key is left out: `kty`, `crv`, `alg`, `use` and `key_ops` must all agree on a signature key that is strong and valid.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyRejection> {
        let kid = optional_text(jwk, "kid")?.map(str::to_owned);
        // Whoever can read the set could sign (CVE-2026-31837).
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
            return Err(KeyRejection::Private);
        }
        for_verifying(jwk)?;
        let algorithm =
            optional_text(jwk, "alg")?.map(|name| Algorithm::from_name(name).ok_or(KeyRejection::Algorithm));
        let algorithm = algorithm.transpose()?;
        let mut verifiers = match text(jwk, "kty")? {
            "RSA" => rsa_verifiers(jwk)?,
            "EC" => vec![ec_verifier(jwk)?],
            "OKP" => vec![ed25519_verifier(jwk)?],
            _ => return Err(KeyRejection::KeyType),
        };
        if let Some(algorithm) = algorithm {
            verifiers.retain(|verifier| verifier.algorithm == algorithm);
        }
        if verifiers.is_empty() {
            return Err(KeyRejection::Algorithm);
        }
        Ok(Self { kid, verifiers })
    }

    /// The key's id within its set.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the key may verify signatures of this algorithm.
    #[must_use]
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.verifiers.iter().any(|verifier| verifier.algorithm == algorithm)
    }

    /// Verifies the token's signature.
    ///
    /// # Errors
    /// [`JoseError::UnsupportedAlgorithm`] where the key is not for that algorithm, [`JoseError::BadSignature`] otherwise.
    pub fn verify(&self, algorithm: Algorithm, jws: &CompactJws<'_>) -> Result<(), JoseError> {
        self.verify_bytes(algorithm, jws.signing_input(), jws.signature())
    }

    pub(super) fn verify_bytes(&self, algorithm: Algorithm, input: &[u8], signature: &[u8]) -> Result<(), JoseError> {
        let verifier = self
            .verifiers
            .iter()
            .find(|verifier| verifier.algorithm == algorithm)
            .ok_or(JoseError::UnsupportedAlgorithm)?;
        if signature.len() != verifier.signature_length {
            return Err(JoseError::BadSignature);
        }
        verifier.key.verify_sig(input, signature).map_err(|_| JoseError::BadSignature)
    }
}

/// The SHA-256 thumbprint of a public JWK (RFC 7638), in base64url; `None` where a member that makes the key is missing.
#[must_use]
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let names: &[&'static str] = match jwk.get("kty")?.as_str()? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        _ => return None,
    };
    // Texts that JSON would have to escape stand in no key.
    let is_plain = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let member = |name: &&'static str| Some((*name, jwk.get(*name)?.as_str().filter(is_plain)?.to_owned()));
    let members = names.iter().map(member).collect::<Option<Vec<_>>>()?;
    Some(signing_key::thumbprint(&members))
}

/// What only the holder of a key knows (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// RFC 7517 sections 4.2 and 4.3: where the key says what it is for, it must be for verifying signatures.
fn for_verifying(jwk: &Map<String, Value>) -> Result<(), KeyRejection> {
    if optional_text(jwk, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(KeyRejection::Use);
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().all(Value::is_string) => {
            // Section 4.3 lets no operation stand twice.
            let verifying = operations.iter().filter(|operation| *operation == "verify").count();
            if verifying == 1 { Ok(()) } else { Err(KeyRejection::KeyOps) }
        }
        Some(_) => Err(KeyRejection::Member("key_ops")),
    }
}

const RSA_ALGORITHMS: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::Ps384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::Ps512, &RSA_PSS_2048_8192_SHA512),
];

fn rsa_verifiers(jwk: &Map<String, Value>) -> Result<Vec<Verifier>, KeyRejection> {
    let n = unsigned(jwk, "n")?;
    let e = unsigned(jwk, "e")?;
    let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    // e = 1 would make every message its own signature; above 2^32 no library agrees with another.
    if !(2048..=8192).contains(&bits) || !odd(&n) || !odd(&e) || e == [1] || e.len() > 4 {
        return Err(KeyRejection::RsaParameters);
    }
    if is_of_roca(&n) {
        return Err(KeyRejection::Roca);
    }
    let signature_length = n.len();
    let components = RsaPublicKeyComponents { n, e };
    let verifier = |(algorithm, parameters)| {
        let key = components.to_parsed_public_key(parameters).map_err(|_| KeyRejection::RsaParameters)?;
        Ok(Verifier { algorithm, signature_length, key })
    };
    RSA_ALGORITHMS.into_iter().map(verifier).collect()
}

fn ec_verifier(jwk: &Map<String, Value>) -> Result<Verifier, KeyRejection> {
    let (algorithm, coordinate, parameters): (_, usize, &'static dyn VerificationAlgorithm) = match text(jwk, "crv")? {
        "P-256" => (Algorithm::Es256, 32, &ECDSA_P256_SHA256_FIXED),
        "P-384" => (Algorithm::Es384, 48, &ECDSA_P384_SHA384_FIXED),
        "P-521" => (Algorithm::Es512, 66, &ECDSA_P521_SHA512_FIXED),
        _ => return Err(KeyRejection::Curve),
    };
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    // RFC 7518 section 6.2.1.2: full length, leading zeros included.
    if x.len() != coordinate || y.len() != coordinate {
        return Err(KeyRejection::Point);
    }
    let uncompressed = [&[4][..], &x, &y].concat();
    let key = ParsedPublicKey::new(parameters, uncompressed).map_err(|_| KeyRejection::Point)?;
    Ok(Verifier { algorithm, signature_length: 2 * coordinate, key })
}

fn ed25519_verifier(jwk: &Map<String, Value>) -> Result<Verifier, KeyRejection> {
    if text(jwk, "crv")? != "Ed25519" {
        return Err(KeyRejection::Curve);
    }
    let x: [u8; 32] = bytes(jwk, "x")?.try_into().map_err(|_| KeyRejection::Point)?;
    if is_low_order_or_not_canonical(x) {
        return Err(KeyRejection::Point);
    }
    let key = ParsedPublicKey::new(&ED25519, x).map_err(|_| KeyRejection::Point)?;
    Ok(Verifier { algorithm: Algorithm::EdDsa, signature_length: 64, key })
}

fn optional_text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, KeyRejection> {
    jwk.get(name).map(|value| value.as_str().ok_or(KeyRejection::Member(name))).transpose()
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, KeyRejection> {
    optional_text(jwk, name)?.ok_or(KeyRejection::Member(name))
}

fn bytes(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyRejection> {
    URL_SAFE_NO_PAD.decode(text(jwk, name)?).map_err(|_| KeyRejection::Member(name))
}

/// A `Base64urlUInt` (RFC 7518 section 2); leading zero bytes, which some issuers write, change nothing and are dropped.
fn unsigned(jwk: &Map<String, Value>, name: &'static str) -> Result<Vec<u8>, KeyRejection> {
    let digits: Vec<u8> = bytes(jwk, name)?.into_iter().skip_while(|byte| *byte == 0).collect();
    if digits.is_empty() { Err(KeyRejection::Member(name)) } else { Ok(digits) }
}
