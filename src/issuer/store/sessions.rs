//! Statements about sessions and their refresh tokens.

use super::column::{bigint, unsigned};
use super::database::Connection;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{LONGEST_TOKEN_MILLIS, Session, Sha256};

type Row = (String, String, String, String, String, i64, i64, Option<i64>);

/// How many sessions one sign-in clears away at most, so that none pays for all.
const SWEEP: i64 = 100;

/// Sessions with their refresh tokens, on one connection.
pub(crate) struct Sessions<'c>(pub(crate) &'c mut Connection);

impl Sessions<'_> {
    /// Adds a session with its first refresh token.
    pub(crate) async fn add(self, session: &Session, refresh_token: Sha256) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("keep a session");
        let statement =
            "INSERT INTO sessions (id, pool_id, client_id, sub, event_id, signed_in_at, expires_at, forgotten_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        sqlx::query(statement)
            .bind(&session.id)
            .bind(&session.pool_id)
            .bind(&session.client_id)
            .bind(&session.sub)
            .bind(&session.event_id)
            .bind(bigint(session.signed_in_at))
            .bind(bigint(session.expires_at))
            .bind(bigint(session.expires_at.saturating_add(LONGEST_TOKEN_MILLIS)))
            .execute(&mut *self.0)
            .await
            .map_err(failed())?;
        let statement = "INSERT INTO refresh_tokens (hash, session_id, created_at) VALUES ($1, $2, $3)";
        let add = sqlx::query(statement).bind(refresh_token.as_bytes()).bind(&session.id);
        add.bind(bigint(session.signed_in_at)).execute(self.0).await.map_err(failed())?;
        Ok(())
    }

    /// The session that a refresh token continues.
    pub(crate) async fn by_refresh_token(self, hash: Sha256) -> Result<Option<Session>, IssuerError> {
        let statement =
            "SELECT s.id, s.pool_id, s.client_id, s.sub, s.event_id, s.signed_in_at, s.expires_at, s.revoked_at
            FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.hash = $1";
        let row: Option<Row> = sqlx::query_as(statement)
            .bind(hash.as_bytes())
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a session"))?;
        Ok(row.map(session))
    }

    /// The session with this id.
    pub(crate) async fn by_id(self, id: &str) -> Result<Option<Session>, IssuerError> {
        let statement = "SELECT id, pool_id, client_id, sub, event_id, signed_in_at, expires_at, revoked_at
            FROM sessions WHERE id = $1";
        let row: Option<Row> = sqlx::query_as(statement)
            .bind(id)
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a session"))?;
        Ok(row.map(session))
    }

    /// Revokes one session.
    pub(crate) async fn revoke(self, id: &str, now: u64) -> Result<(), IssuerError> {
        sqlx::query("UPDATE sessions SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
            .bind(bigint(now))
            .bind(id)
            .execute(self.0)
            .await
            .map_err(IssuerError::database("revoke a session"))?;
        Ok(())
    }

    /// Revokes all sessions of a user and gives their ids.
    pub(crate) async fn revoke_all_of(self, sub: &str, now: u64) -> Result<Vec<String>, IssuerError> {
        let statement = "UPDATE sessions SET revoked_at = $1
            WHERE sub = $2 AND revoked_at IS NULL AND forgotten_at > $1 RETURNING id";
        let rows: Vec<(String,)> = sqlx::query_as(statement)
            .bind(bigint(now))
            .bind(sub)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("revoke a user's sessions"))?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }

    /// Sessions revoked after `since` (Unix milliseconds), as pool id, session id and when: their tokens may still be about.
    pub(crate) async fn revoked_since(self, since: u64) -> Result<Vec<(String, String, u64)>, IssuerError> {
        let statement = "SELECT pool_id, id, revoked_at FROM sessions WHERE revoked_at IS NOT NULL AND revoked_at > $1";
        let rows: Vec<(String, String, i64)> = sqlx::query_as(statement)
            .bind(bigint(since))
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read revoked sessions"))?;
        Ok(rows.into_iter().map(|(pool, id, at)| (pool, id, unsigned(at))).collect())
    }

    /// Clears away some of the sessions whose last token has expired.
    pub(crate) async fn sweep(self, now: u64) -> Result<(), IssuerError> {
        let statement = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE forgotten_at <= $1 LIMIT $2)";
        let sweep = sqlx::query(statement).bind(bigint(now)).bind(SWEEP);
        sweep.execute(self.0).await.map_err(IssuerError::database("clear away sessions"))?;
        Ok(())
    }
}

fn session(row: Row) -> Session {
    let (id, pool_id, client_id, sub, event_id, signed_in_at, expires_at, revoked_at) = row;
    Session {
        id,
        pool_id,
        client_id,
        sub,
        event_id,
        signed_in_at: unsigned(signed_in_at),
        expires_at: unsigned(expires_at),
        revoked: revoked_at.is_some(),
    }
}
