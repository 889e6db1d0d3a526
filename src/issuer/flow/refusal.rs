//! Every reason for which a caller is told no.

use thiserror::Error;

use crate::issuer::error::IssuerError;

/// Why the engine did not do what it was asked. Each door puts it into its own protocol's words.
#[derive(Debug, Error)]
pub(crate) enum Refusal {
    /// No pool has this id.
    #[error("no pool has the id `{0}`")]
    UnknownPool(String),
    /// No client has this id.
    #[error("no client has the id `{0}`")]
    UnknownClient(String),
    /// The client may not use this flow, by the name that the caller gave.
    #[error("the client may not use the flow `{0}`")]
    FlowNotEnabled(String),
    /// A parameter of the flow is missing.
    #[error("the parameter `{0}` is missing")]
    MissingParameter(&'static str),
    /// What was asked cannot be, told in full.
    #[error("{0}")]
    Invalid(String),
    /// What was asked may not be done, told in full.
    #[error("{0}")]
    NotAllowed(&'static str),
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
    /// There is no such user, and the caller may know.
    #[error("there is no such user")]
    UnknownUser,
    /// There is no such user in the client's pool, and the caller may know.
    #[error("there is no such user of this client")]
    UnknownUserOfClient,
    /// The user has not confirmed the account.
    #[error("the user is not confirmed")]
    NotConfirmed,
    /// The user must set a new password first, by a code.
    #[error("the user must reset the password")]
    ResetRequired,
    /// The password that an administrator set is too old.
    #[error("the temporary password has expired")]
    TemporaryPasswordExpired,
    /// The user name is taken.
    #[error("the user name is taken")]
    UserExists,
    /// Another user signs in by this attribute's value.
    #[error("the value of `{0}` is another user's")]
    AliasTaken(String),
    /// The password is not what the policy wants.
    #[error("the password does not fit the policy: {0}")]
    WeakPassword(&'static str),
    /// The password was used before.
    #[error("the password was used before")]
    UsedPassword,
    /// Not the code that was sent.
    #[error("the code is wrong")]
    WrongCode,
    /// No code is waited for, or it came too late.
    #[error("the code has expired")]
    ExpiredCode,
    /// Done too often.
    #[error("it was done too often within the hour")]
    TooOften,
    /// No sign-in is under way that this answer could be of.
    #[error("no such sign-in is under way")]
    InvalidSession,
    /// There is no way to send a code to the user.
    #[error("no code can be sent to the user")]
    NoDelivery,
    /// The user has no second factor that the pool would take.
    #[error("the user has no second factor to sign in with")]
    NoFactor,
    /// The user has no authenticator app.
    #[error("the user has no authenticator app")]
    NoTotp,
    /// The code of the authenticator app that is being set up is wrong.
    #[error("the code of the new authenticator app is wrong")]
    WrongTotpSetup,
    /// The user's account is not in a state for this.
    #[error("the user's state does not allow it")]
    WrongState(&'static str),
    /// The group's name is taken.
    #[error("the group exists")]
    GroupExists,
    /// There is no such group.
    #[error("there is no such group")]
    UnknownGroup,
    /// More of these than may be.
    #[error("there may be no more of them: {0}")]
    TooMany(&'static str),
    /// No such refresh token, or not this client's.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// The session of the refresh token was revoked.
    #[error("the refresh token is revoked")]
    RefreshTokenRevoked,
    /// The refresh token is too old.
    #[error("the refresh token has expired")]
    RefreshTokenExpired,
    /// The refresh token was used before, and another has followed it.
    #[error("the refresh token was used before")]
    RefreshTokenReused,
    /// The pool does not track sessions.
    #[error("the pool does not track sessions")]
    SessionsNotTracked,
    /// The user has no such session.
    #[error("the user has no such session")]
    UnknownSession,
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
            Self::UnknownPool(_) => "unknown-pool",
            Self::UnknownClient(_) => "unknown-client",
            Self::FlowNotEnabled(_) => "flow-not-enabled",
            Self::MissingParameter(_) => "missing-parameter",
            Self::Invalid(_) => "invalid-parameter",
            Self::NotAllowed(_) => "not-allowed",
            Self::NoClientProof(_) => "no-client-proof",
            Self::WrongClientProof(_) => "wrong-client-proof",
            Self::NotThisClient => "not-this-client",
            Self::WrongCredentials => "wrong-credentials",
            Self::Locked => "locked",
            Self::UserDisabled => "user-disabled",
            Self::UnknownUser | Self::UnknownUserOfClient => "unknown-user",
            Self::NotConfirmed => "not-confirmed",
            Self::ResetRequired => "reset-required",
            Self::TemporaryPasswordExpired => "temporary-password-expired",
            Self::UserExists => "user-exists",
            Self::AliasTaken(_) => "alias-taken",
            Self::WeakPassword(_) => "weak-password",
            Self::UsedPassword => "used-password",
            Self::WrongCode => "wrong-code",
            Self::ExpiredCode => "expired-code",
            Self::TooOften => "too-often",
            Self::InvalidSession => "invalid-session",
            Self::NoDelivery => "no-delivery",
            Self::NoFactor => "no-factor",
            Self::NoTotp => "no-totp",
            Self::WrongTotpSetup => "wrong-totp-setup",
            Self::WrongState(_) => "wrong-state",
            Self::GroupExists => "group-exists",
            Self::UnknownGroup => "unknown-group",
            Self::TooMany(_) => "too-many",
            Self::InvalidRefreshToken => "invalid-refresh-token",
            Self::RefreshTokenRevoked => "refresh-token-revoked",
            Self::RefreshTokenExpired => "refresh-token-expired",
            Self::RefreshTokenReused => "refresh-token-reused",
            Self::SessionsNotTracked => "sessions-not-tracked",
            Self::UnknownSession => "unknown-session",
            Self::InvalidAccessToken => "invalid-access-token",
            Self::AccessTokenExpired => "access-token-expired",
            Self::AccessTokenRevoked => "access-token-revoked",
            Self::ScopeMissing => "scope-missing",
            Self::NotARefreshToken => "not-a-refresh-token",
            Self::House(error) => error.code(),
        }
    }
}
