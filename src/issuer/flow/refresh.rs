//! New ID and access tokens for a refresh token.

use super::engine::{Engine, SignedIn};
use super::refusal::Refusal;
use crate::issuer::pool::{Client, Flow, Session, Sha256, User};
use crate::issuer::store::{Sessions, Users};

/// What a caller refreshes with.
pub(crate) struct Refresh<'a> {
    pub client_id: &'a str,
    pub token: Option<&'a str>,
    pub secret_hash: Option<&'a str>,
}

impl Engine {
    /// Continues a session. The refresh token stays as it is, so none is given.
    pub(crate) async fn refresh(&self, ask: Refresh<'_>) -> Result<SignedIn, Refusal> {
        let client = self.client_for(ask.client_id, Flow::RefreshToken).await?;
        let refresh_token = ask.token.ok_or(Refusal::MissingParameter("REFRESH_TOKEN"))?;
        // INVARIANT: the time is taken before the session is read. A sign-out that this read does not see comes later than
        // `now`, and what it revokes is remembered for as long as a token of `now` can live.
        let now = self.clock.unix_millis();
        let (session, user) = self.session_of(refresh_token, &client).await?;
        // Clients hash the name that the tokens name, or the `sub` where the name is an alias.
        self.prove(&client, ask.secret_hash, &[&user.name, &user.sub])?;
        if session.revoked {
            return Err(Refusal::RefreshTokenRevoked);
        }
        if session.expires_at <= now {
            return Err(Refusal::RefreshTokenExpired);
        }
        if !user.enabled {
            return Err(Refusal::UserDisabled);
        }
        self.tokens(&client, &user, &session, now).await
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
