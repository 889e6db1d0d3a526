//! Every reason why a token is refused.

use thiserror::Error;

use super::proof::ProofError;
use crate::jose::JoseError;

/// Why no verified token came of a credential. Messages name claims, never their values.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// More than one credential in the request (RFC 6750 section 2: exactly one method).
    #[error("the request has several credentials")]
    SeveralCredentials,
    /// A credential that is not the configured scheme and one token.
    #[error("the credential is not written as `{0}`")]
    MalformedCredential(String),
    /// Longer than `limits.token`.
    #[error("the token is longer than `limits.token`")]
    TooLong,
    /// Not a readable, signed, verifiable JWS.
    #[error(transparent)]
    Jose(#[from] JoseError),
    /// `iss` is missing, not a string, or of nobody whom we trust.
    #[error("the token's issuer is not trusted")]
    UnknownIssuer,
    /// None of the issuer's keys is meant by `kid` and `alg`.
    #[error("none of the issuer's keys is the token's")]
    UnknownKey,
    /// No keys of this issuer could be had, or the last ones are too old.
    #[error("the keys of issuer `{0}` are not available")]
    KeysUnavailable(String),
    /// Its issuer says that the token is not active (RFC 7662 section 2.2).
    #[error("the token is not active")]
    Inactive,
    /// The introspection endpoint of this issuer could not be asked.
    #[error("the introspection endpoint of issuer `{0}` is not available")]
    IntrospectionUnavailable(String),
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` is in the future.
    #[error("the token was issued in the future")]
    IssuedInTheFuture,
    /// `iat` is older than `max_age`.
    #[error("the token is older than the issuer's `max_age`")]
    TooOld,
    /// A claim that must be there is not.
    #[error("the token has no `{0}`")]
    MissingClaim(String),
    /// A claim is of the wrong type or out of range; it never counts as absent.
    #[error("the token's `{0}` is of the wrong type")]
    ClaimType(String),
    /// A claim of `require_claims` has another value.
    #[error("the token's `{0}` is not what the issuer's `require_claims` asks for")]
    RequiredClaim(String),
    /// `aud` does not name us.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `client_id` or `azp` is not one of the issuer's `client_ids`.
    #[error("the token was issued to another client")]
    WrongClient,
    /// `typ` is not an accepted type.
    #[error("the token is of another type")]
    WrongType,
    /// `sub` is empty, has control characters or outer blanks.
    #[error("the token's `sub` is not usable as a name")]
    InvalidSubject,
    /// The token is bound to its sender by `cnf`, and does not come by the way that proves who sends it; or it is not, and
    /// comes by that way.
    #[error("the token is sender-constrained, and was not sent as its constraint asks")]
    SenderConstraint,
    /// The DPoP proof is no good.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The route takes sender-constrained tokens alone, and this is none.
    #[error("the token is not sender-constrained")]
    NotSenderConstrained,
    /// The token, or the session it came from, was revoked.
    #[error("the token was revoked")]
    Revoked,
}

impl TokenError {
    /// The stable name of this reason, for logs, metrics and answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SeveralCredentials => "several-credentials",
            Self::MalformedCredential(_) => "malformed-credential",
            Self::TooLong => "token-too-long",
            Self::Jose(error) => error.code(),
            Self::UnknownIssuer => "unknown-issuer",
            Self::UnknownKey => "unknown-key",
            Self::KeysUnavailable(_) => "keys-unavailable",
            Self::Inactive => "token-inactive",
            Self::IntrospectionUnavailable(_) => "introspection-unavailable",
            Self::Expired => "token-expired",
            Self::NotYetValid => "token-not-yet-valid",
            Self::IssuedInTheFuture => "token-issued-in-the-future",
            Self::TooOld => "token-too-old",
            Self::MissingClaim(_) => "missing-claim",
            Self::ClaimType(_) => "claim-type",
            Self::RequiredClaim(_) => "required-claim",
            Self::WrongAudience => "wrong-audience",
            Self::WrongClient => "wrong-client",
            Self::WrongType => "wrong-token-type",
            Self::InvalidSubject => "invalid-subject",
            Self::SenderConstraint => "sender-constraint",
            Self::Proof(error) => error.code(),
            Self::NotSenderConstrained => "not-sender-constrained",
            Self::Revoked => "token-revoked",
        }
    }
}
