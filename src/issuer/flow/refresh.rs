//! New ID and access tokens for a refresh token, and, where they rotate, a new refresh token.

use std::sync::Arc;

use secrecy::SecretString;

use super::engine::{Engine, SignedIn};
use super::refusal::Refusal;
use super::sign_out::to_the_end;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Client, Flow, RefreshToken, Session, Sha256, User};
use crate::issuer::store::{Sessions, Users};

/// What a caller refreshes with.
pub(super) struct Refresh<'a> {
    pub client: &'a Client,
    pub token: Option<&'a str>,
    pub secret_hash: Option<&'a str>,
}

impl Engine {
    /// Continues a session. The refresh token stays as it is, so none is given.
    pub(super) async fn refresh(&self, ask: Refresh<'_>) -> Result<SignedIn, Refusal> {
        let refresh_token = ask.token.ok_or(Refusal::MissingParameter("REFRESH_TOKEN"))?;
        // INVARIANT: the time is taken before the session is read. A sign-out that this read does not see comes later than
        // `now`, and what it revokes is remembered for as long as a token of `now` can live.
        let now = self.clock.unix_millis();
        let (session, user) = self.session_of(refresh_token, ask.client).await?;
        // Clients hash the name that the tokens name, or the `sub` where the name is an alias.
        self.prove(ask.client, ask.secret_hash, &[&user.name, &user.sub]).await?;
        if ask.client.settings.rotation_grace().is_some() {
            return Err(Refusal::FlowNotEnabled(Flow::RefreshToken.name().to_owned()));
        }
        may_continue(&session, &user, now)?;
        self.session_used(&session, now).await?;
        self.tokens(ask.client, &user, &session, now).await
    }

    /// `GetTokensFromRefreshToken`: continues a session, with a new refresh token where the client's rotate.
    pub(crate) async fn rotate(
        self: &Arc<Self>,
        client_id: &str,
        client_secret: Option<&SecretString>,
        refresh_token: &str,
    ) -> Result<SignedIn, Refusal> {
        let client = self.known_client(client_id).await?;
        self.prove_by_secret(&client, client_secret).await.map_err(|_| Refusal::WrongClientProof(client.id.clone()))?;
        let now = self.clock.unix_millis();
        let (session, user) = self.session_of(refresh_token, &client).await?;
        may_continue(&session, &user, now)?;
        self.session_used(&session, now).await?;
        let Some(grace) = client.settings.rotation_grace() else {
            if !client.flows.contains(&Flow::RefreshToken) {
                return Err(Refusal::FlowNotEnabled(Flow::RefreshToken.name().to_owned()));
            }
            return self.tokens(&client, &user, &session, now).await;
        };
        let next = self.follow_token(&session, refresh_token, grace).await?;
        let tokens = self.tokens(&client, &user, &session, now).await?;
        Ok(SignedIn { refresh_token: Some(next), ..tokens })
    }

    /// Has a new refresh token follow this one. One that was followed longer ago than the grace is in somebody else's hands too:
    /// then the whole session ends (RFC 9700 section 4.14.2).
    async fn follow_token(
        self: &Arc<Self>,
        session: &Session,
        refresh_token: &str,
        grace: u64,
    ) -> Result<RefreshToken, Refusal> {
        let next = RefreshToken::generate()?;
        let mut write = self.database.write().await?;
        let now = self.clock.unix_millis();
        // Read again under the writer's lock: a sign-out may have come between.
        let alive = Sessions(&mut write).by_refresh_token(Sha256::of(refresh_token)).await?;
        if alive.is_none_or(|session| session.revoked) {
            return Err(Refusal::RefreshTokenRevoked);
        }
        let replaced = Sessions(&mut write).replaced_at(Sha256::of(refresh_token)).await?;
        if replaced.is_some_and(|at| now > at.saturating_add(grace)) {
            drop(write);
            let (engine, session) = (Arc::clone(self), session.clone());
            to_the_end(async move { engine.end_one(&session).await }).await?;
            return Err(Refusal::RefreshTokenReused);
        }
        Sessions(&mut write).replace(Sha256::of(refresh_token), &session.id, next.hash(), now).await?;
        write.commit().await.map_err(IssuerError::database("rotate a refresh token"))?;
        Ok(next)
    }

    /// The session that the token continues and its user. A token of another client is no token.
    async fn session_of(&self, refresh_token: &str, client: &Client) -> Result<(Session, User), Refusal> {
        let mut read = self.database.read().await?;
        let session = Sessions(&mut read).by_refresh_token(Sha256::of(refresh_token)).await?;
        let session = session.filter(|session| session.client_id == client.id).ok_or(Refusal::InvalidRefreshToken)?;
        let user = Users(&mut read).by_sub(&session.pool_id, &session.sub).await?;
        Ok((session, user.ok_or(Refusal::InvalidRefreshToken)?.user))
    }
}

fn may_continue(session: &Session, user: &User, now: u64) -> Result<(), Refusal> {
    if session.revoked {
        return Err(Refusal::RefreshTokenRevoked);
    }
    if session.expires_at <= now {
        return Err(Refusal::RefreshTokenExpired);
    }
    if user.enabled { Ok(()) } else { Err(Refusal::UserDisabled) }
}
