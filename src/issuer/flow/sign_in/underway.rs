//! A sign-in that is under way: what it waits for, of whom and by which client. Kept sealed, known to the client as an opaque text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::super::engine::Engine;
use super::super::refusal::Refusal;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::{Factor, FirstFactor, hex};
use crate::issuer::pool::{Client, PasswordHash, RefreshToken, Sha256, StoredUser};
use crate::issuer::store::{AuthSessions, Connection, Login};

/// Most wrong answers to one question.
const MOST_TRIES: u64 = 5;
/// What the sealed text is bound to, with the hash of the `Session`.
const COLUMN: &str = "auth_sessions.sealed";

/// A sign-in under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) struct Underway {
    pub pool_id: String,
    pub client_id: String,
    /// `None`: there is no such user, and every answer is wrong.
    pub sub: Option<String>,
    /// The user's name, or the one that was given where there is none.
    pub name: String,
    /// The name that was given: what is locked.
    pub given: String,
    pub by_admin: bool,
    /// Which password the user had: another one ends the sign-in.
    pub stamp: Option<String>,
    pub awaits: Awaits,
    pub expires_at: u64,
}

/// Of whom a sign-in is.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Whom<'a> {
    pub sub: &'a str,
    pub name: &'a str,
    pub password: Option<&'a PasswordHash>,
}

impl<'a> From<&'a StoredUser> for Whom<'a> {
    fn from(stored: &'a StoredUser) -> Self {
        Self { sub: &stored.user.sub, name: &stored.user.name, password: stored.password.as_ref() }
    }
}

impl<'a> From<&'a Login> for Whom<'a> {
    fn from(login: &'a Login) -> Self {
        Self { sub: &login.sub, name: &login.name, password: login.password.as_ref() }
    }
}

/// What it waits for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in super::super) enum Awaits {
    Srp(AwaitedProof),
    NewPassword,
    Totp,
    /// A second factor that was sent.
    Code {
        factor: Factor,
        mark: Vec<u8>,
    },
    ChooseFactor(Vec<Factor>),
    /// An authenticator app to be set up; whether it is.
    SetUp {
        done: bool,
    },
    ChooseFirst(Vec<FirstFactor>),
    /// A new account is to be confirmed, by `ConfirmSignUp`.
    Confirmation,
    /// An account was confirmed by a code that was sent; `InitiateAuth` goes on from it, and that code is the first factor.
    FirstSignIn(Factor),
    /// A first factor that was sent.
    FirstCode {
        factor: FirstFactor,
        mark: Vec<u8>,
    },
}

/// The server's half of an SRP exchange.
#[derive(Clone, Serialize, Deserialize)]
pub(in super::super) struct AwaitedProof {
    pub identity: String,
    pub salt: Vec<u8>,
    pub verifier: Vec<u8>,
    pub secret: Vec<u8>,
    /// The client's `A`.
    pub client: String,
    pub block: Vec<u8>,
}

impl std::fmt::Debug for AwaitedProof {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("AwaitedProof(..)")
    }
}

impl Awaits {
    /// The challenge that asks for it.
    pub(super) fn challenge(&self) -> &'static str {
        match self {
            Self::Srp(_) => "PASSWORD_VERIFIER",
            Self::NewPassword => "NEW_PASSWORD_REQUIRED",
            Self::Totp => Factor::Totp.name(),
            Self::Code { factor, .. } => factor.name(),
            Self::ChooseFactor(_) => "SELECT_MFA_TYPE",
            Self::SetUp { .. } => "MFA_SETUP",
            Self::ChooseFirst(_) => "SELECT_CHALLENGE",
            // No challenges: nothing that `RespondToAuthChallenge` takes is called so.
            Self::Confirmation => "ConfirmSignUp",
            Self::FirstSignIn(_) => "InitiateAuth",
            Self::FirstCode { factor, .. } => factor.name(),
        }
    }
}

impl Underway {
    pub(in super::super) fn is_setting_up(&self) -> bool {
        matches!(self.awaits, Awaits::SetUp { .. })
    }

    /// The same, with the authenticator app set up.
    pub(in super::super) fn with_app(self) -> Self {
        Self { awaits: Awaits::SetUp { done: true }, ..self }
    }

    /// Whether the user still has the password that the sign-in began with.
    pub(in super::super) fn is_of(&self, password: Option<&PasswordHash>) -> bool {
        self.stamp == password.map(stamp)
    }
}

/// Tells one password's hash from another.
pub(super) fn stamp(password: &PasswordHash) -> String {
    STANDARD.encode(Sha256::of(password.as_str()).as_bytes())
}

impl Engine {
    /// Keeps a sign-in under way and gives the `Session` that its answer must carry.
    pub(in super::super) async fn put_underway(
        &self,
        write: &mut Connection,
        underway: &Underway,
    ) -> Result<String, Refusal> {
        let session = RefreshToken::generate()?.expose().to_owned();
        self.put_back(write, &session, underway).await?;
        Ok(session)
    }

    /// Keeps it under a `Session` that there was before.
    pub(in super::super) async fn put_back(
        &self,
        write: &mut Connection,
        session: &str,
        underway: &Underway,
    ) -> Result<(), Refusal> {
        let hash = Sha256::of(session);
        let text = serde_json::to_vec(underway).map_err(|_| IssuerError::Kept("sign-in"))?;
        let sealed = self.sealer.seal(COLUMN, &hex(hash.as_bytes()), &text)?;
        AuthSessions(write).add(hash, &underway.pool_id, sealed, underway.expires_at, self.clock.unix_millis()).await?;
        Ok(())
    }

    /// What the sign-in waits for. It stays.
    pub(super) async fn read_underway(&self, read: &mut Connection, session: &str) -> Result<Underway, Refusal> {
        let hash = Sha256::of(session);
        let sealed = AuthSessions(read).read(hash, self.clock.unix_millis()).await?.ok_or(Refusal::InvalidSession)?;
        let text = self.sealer.open_sealed(COLUMN, &hex(hash.as_bytes()), &sealed);
        // Sealed under a key that is gone: as good as expired.
        let text = text.map_err(|_| Refusal::InvalidSession)?;
        serde_json::from_slice(&text).map_err(|_| Refusal::InvalidSession)
    }

    /// Takes the sign-in: each `Session` leads on once.
    pub(in super::super) async fn take_underway(
        &self,
        write: &mut Connection,
        session: &str,
    ) -> Result<Underway, Refusal> {
        let underway = self.read_underway(write, session).await?;
        if AuthSessions(write).take(Sha256::of(session)).await? { Ok(underway) } else { Err(Refusal::InvalidSession) }
    }

    /// Counts a wrong answer, which may be mistyped; after a few the sign-in is over.
    pub(super) async fn count_wrong(&self, write: &mut Connection, session: &str) -> Result<(), IssuerError> {
        AuthSessions(write).count_try(Sha256::of(session), MOST_TRIES).await
    }

    /// When a step of the client's sign-ins must be answered.
    pub(super) fn deadline(&self, client: &Client) -> u64 {
        self.clock.unix_millis().saturating_add(client.settings.auth_session_millis())
    }
}
