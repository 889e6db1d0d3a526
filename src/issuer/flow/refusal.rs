//! Every reason for which a caller is told no.

use thiserror::Error;

use crate::issuer::error::IssuerError;

/// Why the engine did not do what it was asked. Each door puts it into its own protocol's words.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// No client has this id.
    #[error("no client has the id `{0}`")]
    UnknownClient(String),
    /// The client may not use this flow, by the name that the caller gave.
    #[error("the client may not use the flow `{0}`")]
    FlowNotEnabled(String),
    /// A parameter of the flow is missing.
    #[error("the parameter `{0}` is missing")]
    MissingParameter(&'static str),
    /// The client with this id is confidential and gave no proof.
    #[error("the confidential client `{0}` gave no proof")]
    NoClientProof(String),
    /// The client with this id gave a proof that is not right, or has nothing to prove.
    #[error("the client `{0}` gave a wrong proof")]
    WrongClientProof(String),
    /// The token is not one of this client's.
    #[error("the client may not have this done")]
    NotThisClient,
    /// No such user, or not the password.
    #[error("user name or password is wrong")]
    WrongCredentials,
    /// Too many wrong passwords for this name.
    #[error("the user name is locked for a time")]
    Locked,
    /// The user may not sign in.
    #[error("the user is disabled")]
    UserDisabled,
    /// No such refresh token, or not this client's.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// The session of the refresh token was revoked.
    #[error("the refresh token is revoked")]
    RefreshTokenRevoked,
    /// The refresh token is too old.
    #[error("the refresh token has expired")]
    RefreshTokenExpired,
    /// Not an access token that this issuer signed.
    #[error("the access token is not valid")]
    InvalidAccessToken,
    /// The access token is too old.
    #[error("the access token has expired")]
    AccessTokenExpired,
    /// The access token, or the session that it is of, was revoked.
    #[error("the access token is revoked")]
    AccessTokenRevoked,
    /// The access token is not for the user's own operations.
    #[error("the access token lacks the scope")]
    ScopeMissing,
    /// Another kind of token than one that can be revoked.
    #[error("the token is not a refresh token")]
    NotARefreshToken,
    /// The house could not do it.
    #[error(transparent)]
    House(#[from] IssuerError),
}

impl Refusal {
    /// The stable name of this reason, for logs and metrics.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::UnknownClient(_) => "unknown-client",
            Self::FlowNotEnabled(_) => "flow-not-enabled",
            Self::MissingParameter(_) => "missing-parameter",
            Self::NoClientProof(_) => "no-client-proof",
            Self::WrongClientProof(_) => "wrong-client-proof",
            Self::NotThisClient => "not-this-client",
            Self::WrongCredentials => "wrong-credentials",
            Self::Locked => "locked",
            Self::UserDisabled => "user-disabled",
            Self::InvalidRefreshToken => "invalid-refresh-token",
            Self::RefreshTokenRevoked => "refresh-token-revoked",
            Self::RefreshTokenExpired => "refresh-token-expired",
            Self::InvalidAccessToken => "invalid-access-token",
            Self::AccessTokenExpired => "access-token-expired",
            Self::AccessTokenRevoked => "access-token-revoked",
            Self::ScopeMissing => "scope-missing",
            Self::NotARefreshToken => "not-a-refresh-token",
            Self::House(error) => error.code(),
        }
    }
}
