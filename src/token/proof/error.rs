//! Every reason why a DPoP proof is refused.

use thiserror::Error;

/// Why a DPoP proof proves nothing (RFC 9449 section 4.3). Messages name members, never their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// There is no `DPoP` field.
    #[error("the request has no DPoP proof")]
    Missing,
    /// There is more than one.
    #[error("the request has several DPoP proofs")]
    Several,
    /// It is no JWT with all the claims that a proof has, or not of type `dpop+jwt`.
    #[error("the DPoP proof is not well formed")]
    Malformed,
    /// Its key is missing, private, symmetric or weak, or not for its algorithm.
    #[error("the key of the DPoP proof is not accepted")]
    Key,
    /// It was not signed with the key that it names.
    #[error("the signature of the DPoP proof does not verify")]
    Signature,
    /// `htm` is not the request's method.
    #[error("the DPoP proof is for another method")]
    Method,
    /// `htu` is not the request's URI.
    #[error("the DPoP proof is for another URI")]
    Uri,
    /// `iat` is too long ago, or in the future.
    #[error("the DPoP proof was not made just now")]
    Age,
    /// `ath` is not the token's hash.
    #[error("the DPoP proof is for another token")]
    Token,
    /// The key is not the one that the token is bound to.
    #[error("the DPoP proof was made with another key than the token's")]
    OtherKey,
    /// The gate's nonce is missing or too old.
    #[error("the DPoP proof needs the nonce that the answer holds")]
    Nonce,
    /// A proof with this `jti` was used before.
    #[error("the DPoP proof was used before")]
    Replayed,
    /// More proofs have come than can be remembered, so that a replay could not be told.
    #[error("too many DPoP proofs have come to tell whether this one was used before")]
    TooMany,
}

impl ProofError {
    /// The stable name of this reason, for logs, metrics and answers.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "dpop-proof-missing",
            Self::Several => "dpop-proof-several",
            Self::Malformed => "dpop-proof-malformed",
            Self::Key => "dpop-proof-key",
            Self::Signature => "dpop-proof-signature",
            Self::Method => "dpop-proof-method",
            Self::Uri => "dpop-proof-uri",
            Self::Age => "dpop-proof-age",
            Self::Token => "dpop-proof-token",
            Self::OtherKey => "dpop-proof-other-key",
            Self::Nonce => "dpop-nonce-wanted",
            Self::Replayed => "dpop-proof-replayed",
            Self::TooMany => "dpop-proofs-too-many",
        }
    }
}
