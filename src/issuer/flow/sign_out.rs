//! The end of sessions: one by its refresh token, or all of a user.

use std::sync::Arc;

use secrecy::SecretString;

use super::engine::Engine;
use super::refusal::Refusal;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Client, Session, Sha256};
use crate::issuer::store::{Connection, Sessions};
use crate::jose::CompactJws;

/// What a client wants revoked.
#[derive(Debug)]
pub(crate) struct TokenRevocation<'a> {
    pub client_id: &'a str,
    pub client_secret: Option<SecretString>,
    pub token: &'a str,
}

impl Engine {
    /// Ends the session of a refresh token, with all its tokens. A token that nobody knows is as good as revoked (RFC 7009 section 2.2).
    ///
    /// When it has answered, the end is on disk and known to the gateway.
    pub(crate) async fn revoke_token(self: &Arc<Self>, ask: TokenRevocation<'_>) -> Result<(), Refusal> {
        let client = self.client(ask.client_id).await?.ok_or(Refusal::NotThisClient)?;
        self.prove_by_secret(&client, ask.client_secret.as_ref()).await?;
        if CompactJws::parse(ask.token, 8).is_ok() {
            return Err(Refusal::NotARefreshToken);
        }
        let mut read = self.database.read().await?;
        let session = Sessions(&mut read).by_refresh_token(Sha256::of(ask.token)).await?;
        drop(read);
        let Some(session) = session else { return Ok(()) };
        if session.client_id != client.id {
            return Err(Refusal::NotThisClient);
        }
        let engine = Arc::clone(self);
        to_the_end(async move { engine.end_one(&session).await }).await
    }

    /// Ends all sessions of the bearer. When it has answered, the end is on disk and known to the gateway.
    pub(crate) async fn sign_out_everywhere(self: &Arc<Self>, access_token: &str) -> Result<(), Refusal> {
        let (pool, user, _) = self.bearer_of(access_token).await?;
        let (engine, pool_id) = (Arc::clone(self), pool.pool.id.clone());
        to_the_end(async move { engine.end_all_of(&pool_id, &user.sub).await }).await
    }

    pub(super) async fn end_one(&self, session: &Session) -> Result<(), Refusal> {
        let pool = self.pool(&session.pool_id)?;
        let mut write = self.database.write().await?;
        let now = self.clock.unix_millis();
        Sessions(&mut write).revoke(&session.id, now).await?;
        // INVARIANT: the gateway knows before the writer's lock is given back. Who waits for the lock and then finds nothing
        // left to revoke may answer at once. Should the commit fail, the gateway refuses too much, never too little.
        self.revoke_at_the_gate(&pool, &session.id, now);
        write.commit().await.map_err(IssuerError::database("revoke a session"))?;
        Ok(())
    }

    /// Ends all sessions of a user. When it has answered, the end is on disk and known to the gateway.
    pub(super) async fn end_all_of(&self, pool_id: &str, sub: &str) -> Result<(), Refusal> {
        let mut write = self.database.write().await?;
        self.end_sessions_in(&mut write, pool_id, sub).await?;
        write.commit().await.map_err(IssuerError::database("revoke a user's sessions"))?;
        Ok(())
    }

    /// Ends all sessions of a user within a transaction; the gateway knows at once.
    pub(super) async fn end_sessions_in(
        &self,
        write: &mut Connection,
        pool_id: &str,
        sub: &str,
    ) -> Result<(), IssuerError> {
        let pool = self.pool(pool_id)?;
        let now = self.clock.unix_millis();
        for session_id in Sessions(write).revoke_all_of(sub, now).await? {
            self.revoke_at_the_gate(&pool, &session_id, now);
        }
        Ok(())
    }

    /// Ends all sessions of a client within a transaction; the gateway knows at once.
    pub(super) async fn end_sessions_of_client(
        &self,
        write: &mut Connection,
        client: &Client,
    ) -> Result<(), IssuerError> {
        let pool = self.pool(&client.pool_id)?;
        let now = self.clock.unix_millis();
        for session_id in Sessions(write).revoke_all_of_client(&client.id, now).await? {
            self.revoke_at_the_gate(&pool, &session_id, now);
        }
        Ok(())
    }
}

/// Does `work` to its end, also when the caller hangs up halfway: a sign-out that was begun is a sign-out.
pub(super) async fn to_the_end(
    work: impl Future<Output = Result<(), Refusal>> + Send + 'static,
) -> Result<(), Refusal> {
    tokio::spawn(work).await.map_err(|_| IssuerError::WorkLost("sign-out"))?
}
