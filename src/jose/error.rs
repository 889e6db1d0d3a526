//! Every reason why a JWS, a key or a key set is refused.

use thiserror::Error;

/// Why a compact JWS or a key set was refused. Names parts and members, never their values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JoseError {
    /// Not three parts of base64url, or not JSON objects as RFC 7515 wants them.
    #[error("the token is not a compact JWS: {0}")]
    Malformed(&'static str),
    /// Five parts: a JWE (RFC 7516).
    #[error("the token is encrypted (JWE), which is not accepted")]
    Encrypted,
    /// `crit` names extensions, and none is understood here (RFC 7515 section 4.1.11).
    #[error("the token's header has `crit`, and no extension is understood")]
    CriticalHeader,
    /// `alg` is missing, unknown, symmetric, `none`, or does not fit the key.
    #[error("the token's algorithm is not accepted")]
    UnsupportedAlgorithm,
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    BadSignature,
    /// The document is not a JWK Set (RFC 7517 section 5).
    #[error("the document is not a JWK Set: {0}")]
    MalformedKeySet(&'static str),
    /// A signing key could not be made, read or used.
    #[error("the signing key could not be {0}")]
    SigningKey(&'static str),
}

impl JoseError {
    /// The stable name of this reason, for logs, metrics and answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-token",
            Self::Encrypted => "encrypted-token",
            Self::CriticalHeader => "critical-header",
            Self::UnsupportedAlgorithm => "unsupported-algorithm",
            Self::BadSignature => "bad-signature",
            Self::MalformedKeySet(_) => "malformed-key-set",
            Self::SigningKey(_) => "signing-key",
        }
    }
}

/// Why one key of a set was left out. The others still serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyRejection {
    /// Not one JSON object, or one that two readers could read in two ways: a member twice, a number out of range, too deep.
    #[error("it is not one strict JSON object")]
    Json,
    /// A member is missing or of the wrong JSON type.
    #[error("member `{0}` is missing or of the wrong type")]
    Member(&'static str),
    /// The key type is not RSA, EC or OKP; symmetric keys are never taken from a set.
    #[error("key type `kty` is not an asymmetric signature key")]
    KeyType,
    /// The curve is not one that a signature algorithm here uses.
    #[error("curve `crv` is not supported")]
    Curve,
    /// `use` is not `sig`.
    #[error("`use` is not `sig`")]
    Use,
    /// `key_ops` does not allow `verify`, or says so twice.
    #[error("`key_ops` does not contain `verify` once")]
    KeyOps,
    /// `alg` is not a signature algorithm, or not one of this key type.
    #[error("`alg` does not fit the key")]
    Algorithm,
    /// An RSA modulus below 2048 or above 8192 bits, or an even or too small exponent.
    #[error("the RSA modulus or exponent is out of bounds")]
    RsaParameters,
    /// An RSA modulus of a generator whose keys can be factored (CVE-2017-15361, "ROCA").
    #[error("the RSA modulus is of a faulty generator and can be factored")]
    Roca,
    /// The private half stands beside the public one, so that anyone could have signed.
    #[error("the key's private half was published with it")]
    Private,
    /// An earlier key of the set has the same `kid` for the same algorithm.
    #[error("an earlier key has the same `kid`")]
    DuplicateKid,
    /// Not a point on the curve, not of full length, or of low order.
    #[error("the public point is not valid on its curve")]
    Point,
}
