//! Statements about sessions and their refresh tokens.

use super::changes::Changes;
use super::column::unsigned;
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{LONGEST_TOKEN_MILLIS, Session, Sha256};

type Row = (String, String, String, String, String, i64, i64, Option<i64>, i64);

/// How many sessions one sign-in clears away at most, so that none pays for all.
const SWEEP: i64 = 100;

/// Sessions with their refresh tokens, on one connection.
pub(crate) struct Sessions<'c>(pub(crate) &'c mut Connection);

impl Sessions<'_> {
    /// Adds a session with its first refresh token.
    pub(crate) async fn add(self, session: &Session, refresh_token: Sha256) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("keep a session");
        let statement =
            "INSERT INTO sessions (id, pool_id, client_id, sub, event_id, signed_in_at, expires_at, forgotten_at, active_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $6)";
        query(statement)
            .bind(&session.id)
            .bind(&session.pool_id)
            .bind(&session.client_id)
            .bind(&session.sub)
            .bind(&session.event_id)
            .bind(session.signed_in_at)
            .bind(session.expires_at)
            .bind(session.expires_at.saturating_add(LONGEST_TOKEN_MILLIS))
            .execute(&mut *self.0)
            .await
            .map_err(failed())?;
        let statement = "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ($1, $2, $3)";
        let add = query(statement).bind(refresh_token.as_bytes()).bind(&session.id);
        add.bind(session.signed_in_at).execute(self.0).await.map_err(failed())?;
        Ok(())
    }

    /// The session that a refresh token continues.
    pub(crate) async fn by_refresh_token(self, hash: Sha256) -> Result<Option<Session>, IssuerError> {
        let statement =
            "SELECT s.id, s.pool_id, s.client_id, s.sub, s.event_id, s.signed_in_at, s.expires_at, s.revoked_at,
                s.active_at
            FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.hash = $1";
        let row: Option<Row> = query(statement)
            .bind(hash.as_bytes())
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a session"))?;
        Ok(row.map(session))
    }

    /// When a refresh token was followed by another, in Unix milliseconds.
    pub(crate) async fn replaced_at(self, hash: Sha256) -> Result<Option<u64>, IssuerError> {
        let row: Option<(Option<i64>,)> = query("SELECT replaced_at FROM refresh_tokens WHERE hash = $1")
            .bind(hash.as_bytes())
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a refresh token"))?;
        Ok(row.and_then(|(at,)| at).map(unsigned))
    }

    /// Has another refresh token follow this one, in the same session.
    pub(crate) async fn replace(self, old: Sha256, session: &str, new: Sha256, now: u64) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("rotate a refresh token");
        let replace = query("UPDATE refresh_tokens SET replaced_at = COALESCE(replaced_at, $1) WHERE hash = $2");
        replace.bind(now).bind(old.as_bytes()).execute(&mut *self.0).await.map_err(failed())?;
        let add = query("INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ($1, $2, $3)");
        add.bind(new.as_bytes()).bind(session).bind(now).execute(self.0).await.map_err(failed())?;
        Ok(())
    }

    /// The session with this id.
    pub(crate) async fn by_id(self, id: &str) -> Result<Option<Session>, IssuerError> {
        let statement = "SELECT id, pool_id, client_id, sub, event_id, signed_in_at, expires_at, revoked_at,
            active_at FROM sessions WHERE id = $1";
        let row: Option<Row> =
            query(statement).bind(id).fetch_optional(self.0).await.map_err(IssuerError::database("read a session"))?;
        Ok(row.map(session))
    }

    /// The user's sessions that are alive, the last used first, at most `limit` of them after the first `skip`.
    pub(crate) async fn alive_of(
        self,
        sub: &str,
        now: u64,
        (skip, limit): (u32, u32),
    ) -> Result<Vec<Session>, IssuerError> {
        let statement = "SELECT id, pool_id, client_id, sub, event_id, signed_in_at, expires_at, revoked_at, active_at
            FROM sessions WHERE sub = $1 AND revoked_at IS NULL AND expires_at > $2
            ORDER BY active_at DESC, signed_in_at DESC, id LIMIT $3 OFFSET $4";
        let rows: Vec<Row> = query(statement)
            .bind(sub)
            .bind(now)
            .bind(limit)
            .bind(skip)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("list sessions"))?;
        Ok(rows.into_iter().map(session).collect())
    }

    /// Remembers that the session was used.
    pub(crate) async fn used(self, id: &str, now: u64) -> Result<(), IssuerError> {
        let used = query("UPDATE sessions SET active_at = $1 WHERE id = $2").bind(now).bind(id);
        used.execute(self.0).await.map_err(IssuerError::database("keep a session"))?;
        Ok(())
    }

    /// Revokes one session.
    pub(crate) async fn revoke(self, id: &str, now: u64) -> Result<(), IssuerError> {
        let statement = "UPDATE sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL RETURNING pool_id";
        let row: Option<(String,)> = query(statement)
            .bind(now)
            .bind(id)
            .fetch_optional(&mut *self.0)
            .await
            .map_err(IssuerError::database("revoke a session"))?;
        let Some((pool_id,)) = row else { return Ok(()) };
        Changes(self.0).session_revoked(&pool_id, id, now).await
    }

    /// Revokes all sessions of a user and gives their ids.
    pub(crate) async fn revoke_all_of(self, sub: &str, now: u64) -> Result<Vec<String>, IssuerError> {
        let statement = "UPDATE sessions SET revoked_at = $1
            WHERE sub = $2 AND revoked_at IS NULL AND forgotten_at > $1 RETURNING id, pool_id";
        let rows: Vec<(String, String)> = query(statement)
            .bind(now)
            .bind(sub)
            .fetch_all(&mut *self.0)
            .await
            .map_err(IssuerError::database("revoke a user's sessions"))?;
        for (id, pool_id) in &rows {
            Changes(self.0).session_revoked(pool_id, id, now).await?;
        }
        Ok(rows.into_iter().map(|(id, _)| id).collect())
    }

    /// Revokes all sessions of a client and gives their ids.
    pub(crate) async fn revoke_all_of_client(self, client_id: &str, now: u64) -> Result<Vec<String>, IssuerError> {
        let statement = "UPDATE sessions SET revoked_at = $1
            WHERE client_id = $2 AND revoked_at IS NULL AND forgotten_at > $1 RETURNING id, pool_id";
        let rows: Vec<(String, String)> = query(statement)
            .bind(now)
            .bind(client_id)
            .fetch_all(&mut *self.0)
            .await
            .map_err(IssuerError::database("revoke a client's sessions"))?;
        for (id, pool_id) in &rows {
            Changes(self.0).session_revoked(pool_id, id, now).await?;
        }
        Ok(rows.into_iter().map(|(id, _)| id).collect())
    }

    /// How many users of a pool have signed in since then, in Unix milliseconds.
    pub(crate) async fn users_since(self, pool_id: &str, since: u64) -> Result<u64, IssuerError> {
        let statement = "SELECT COUNT(DISTINCT sub) FROM sessions WHERE pool_id = $1 AND signed_in_at > $2";
        let (users,): (i64,) = query(statement)
            .bind(pool_id)
            .bind(since)
            .fetch_one(self.0)
            .await
            .map_err(IssuerError::database("count active users"))?;
        Ok(unsigned(users))
    }

    /// Clears away some of the sessions whose last token has expired.
    pub(crate) async fn sweep(self, now: u64) -> Result<(), IssuerError> {
        let statement = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE forgotten_at <= $1 LIMIT $2)";
        let sweep = query(statement).bind(now).bind(SWEEP);
        sweep.execute(self.0).await.map_err(IssuerError::database("clear away sessions"))?;
        Ok(())
    }
}

fn session(row: Row) -> Session {
    let (id, pool_id, client_id, sub, event_id, signed_in_at, expires_at, revoked_at, active_at) = row;
    Session {
        id,
        pool_id,
        client_id,
        sub,
        event_id,
        signed_in_at: unsigned(signed_in_at),
        expires_at: unsigned(expires_at),
        active_at: unsigned(active_at),
        revoked: revoked_at.is_some(),
    }
}
