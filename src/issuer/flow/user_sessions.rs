//! Sessions of a user, told and ended one by one, where the pool tracks them.

use std::sync::Arc;

use super::engine::Engine;
use super::refusal::Refusal;
use super::sign_out::to_the_end;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Session, UserPool};
use crate::issuer::store::{Connection, Sessions};
use crate::jose::CompactJws;

/// Most sessions that are told at once: more than a user may have.
const MOST_TOLD: u32 = 125;
/// Most sessions that one sign-in ends.
const MOST_ENDED: u32 = 1000;
/// Our own tokens nest three levels at most.
const MAX_DEPTH: usize = 8;

impl Engine {
    /// The bearer's sessions, and which of them the token is of.
    pub(crate) async fn own_sessions(&self, access_token: &str) -> Result<(Vec<Session>, String), Refusal> {
        let (pool, user, _) = self.bearer_with_client(access_token).await?;
        Ok((self.sessions_of(&pool, &user.sub).await?, session_of(access_token)))
    }

    /// The sessions of a user.
    pub(crate) async fn sessions_by_admin(&self, pool_id: &str, user_name: &str) -> Result<Vec<Session>, Refusal> {
        let (pool, user) = (self.known_pool(pool_id).await?, self.stored_user(pool_id, user_name).await?.user);
        self.sessions_of(&pool, &user.sub).await
    }

    async fn sessions_of(&self, pool: &UserPool, sub: &str) -> Result<Vec<Session>, Refusal> {
        must_track(pool)?;
        let mut read = self.database.read().await?;
        Ok(Sessions(&mut read).alive_of(sub, self.clock.unix_millis(), (0, MOST_TOLD)).await?)
    }

    /// Ends another of the bearer's sessions. When it has answered, the end is on disk and known to the gateway.
    pub(crate) async fn end_own_session(self: &Arc<Self>, access_token: &str, public_id: &str) -> Result<(), Refusal> {
        let (pool, user, _) = self.bearer_with_client(access_token).await?;
        must_track(&pool)?;
        if Session::id_of_public(public_id).is_some_and(|id| id == session_of(access_token)) {
            return Err(Refusal::Invalid("The current session cannot be revoked.".to_owned()));
        }
        self.end_session_of(&pool, &user.sub, public_id).await
    }

    /// Ends a session of a user. When it has answered, the end is on disk and known to the gateway.
    pub(crate) async fn end_session_by_admin(
        self: &Arc<Self>,
        (pool_id, user_name): (&str, &str),
        public_id: &str,
    ) -> Result<(), Refusal> {
        let (pool, user) = (self.known_pool(pool_id).await?, self.stored_user(pool_id, user_name).await?.user);
        must_track(&pool)?;
        self.end_session_of(&pool, &user.sub, public_id).await
    }

    async fn end_session_of(self: &Arc<Self>, pool: &UserPool, sub: &str, public_id: &str) -> Result<(), Refusal> {
        let id = Session::id_of_public(public_id).ok_or(Refusal::UnknownSession)?;
        let found = Sessions(&mut self.database.read().await?).by_id(&id).await?;
        let now = self.clock.unix_millis();
        let is_of = |session: &Session| {
            session.pool_id == pool.id && session.sub == sub && !session.revoked && session.expires_at > now
        };
        let session = found.filter(is_of).ok_or(Refusal::UnknownSession)?;
        let engine = Arc::clone(self);
        to_the_end(async move { engine.end_one(&session).await }).await
    }

    /// Makes room for one more session of a user: the ones that were used longest ago end, where the pool tracks sessions.
    pub(super) async fn make_room(
        &self,
        write: &mut Connection,
        pool: &UserPool,
        sub: &str,
        now: u64,
    ) -> Result<(), IssuerError> {
        let (tracks, most) = pool.settings.sessions();
        if !tracks {
            return Ok(());
        }
        let served = self.pool(&pool.id)?;
        for session in Sessions(&mut *write).alive_of(sub, now, (most.saturating_sub(1), MOST_ENDED)).await? {
            Sessions(&mut *write).revoke(&session.id, now).await?;
            self.revoke_at_the_gate(&served, &session.id, now);
        }
        Ok(())
    }

    /// Remembers that a session was refreshed, where its pool tracks sessions.
    pub(super) async fn session_used(&self, session: &Session, now: u64) -> Result<(), IssuerError> {
        if !self.pool(&session.pool_id)?.pool.settings.sessions().0 {
            return Ok(());
        }
        let mut write = self.database.write().await?;
        Sessions(&mut write).used(&session.id, now).await?;
        write.commit().await.map_err(IssuerError::database("keep a session"))
    }
}

fn must_track(pool: &UserPool) -> Result<(), Refusal> {
    if pool.settings.sessions().0 { Ok(()) } else { Err(Refusal::SessionsNotTracked) }
}

/// The session of an access token that was verified.
fn session_of(access_token: &str) -> String {
    let claims = CompactJws::parse(access_token, MAX_DEPTH).map(CompactJws::into_claims);
    let id = claims.ok().and_then(|claims| claims.get("origin_jti")?.as_str().map(str::to_owned));
    id.unwrap_or_default()
}
