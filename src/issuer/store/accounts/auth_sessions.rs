//! Statements about sign-ins that are under way, by the hash of the `Session` that the client has.

use super::super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::Sha256;

/// How many one sign-in clears away at most.
const SWEEP: i64 = 100;

/// Sign-ins under way, on one connection.
pub(crate) struct AuthSessions<'c>(pub(crate) &'c mut Connection);

impl AuthSessions<'_> {
    pub(crate) async fn add(
        self,
        hash: Sha256,
        pool_id: &str,
        sealed: Vec<u8>,
        expires_at: u64,
        now: u64,
    ) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("keep a sign-in under way");
        let statement =
            "INSERT INTO auth_sessions (hash, pool_id, sealed, tries, expires_at) VALUES ($1, $2, $3, $4, $5)";
        let add = query(statement).bind(hash.as_bytes()).bind(pool_id).bind(sealed).bind(0_i64).bind(expires_at);
        add.execute(&mut *self.0).await.map_err(failed())?;
        let statement =
            "DELETE FROM auth_sessions WHERE hash IN (SELECT hash FROM auth_sessions WHERE expires_at <= $1 LIMIT $2)";
        query(statement).bind(now).bind(SWEEP).execute(self.0).await.map_err(failed())?;
        Ok(())
    }

    /// What the sign-in waits for, sealed.
    pub(crate) async fn read(self, hash: Sha256, now: u64) -> Result<Option<Vec<u8>>, IssuerError> {
        let row: Option<(Vec<u8>,)> = query("SELECT sealed FROM auth_sessions WHERE hash = $1 AND expires_at > $2")
            .bind(hash.as_bytes())
            .bind(now)
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a sign-in under way"))?;
        Ok(row.map(|(sealed,)| sealed))
    }

    /// Takes the sign-in away: `true` for the one caller that did.
    pub(crate) async fn take(self, hash: Sha256) -> Result<bool, IssuerError> {
        let take = query("DELETE FROM auth_sessions WHERE hash = $1").bind(hash.as_bytes());
        let taken = take.execute(self.0).await.map_err(IssuerError::database("end a sign-in under way"))?;
        Ok(taken == 1)
    }

    /// Counts a wrong answer; after `most` of them the sign-in is over.
    pub(crate) async fn count_try(self, hash: Sha256, most: u64) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("count a wrong answer");
        let count = query("UPDATE auth_sessions SET tries = tries + 1 WHERE hash = $1").bind(hash.as_bytes());
        count.execute(&mut *self.0).await.map_err(failed())?;
        let end = query("DELETE FROM auth_sessions WHERE hash = $1 AND tries >= $2").bind(hash.as_bytes()).bind(most);
        end.execute(self.0).await.map_err(failed())?;
        Ok(())
    }
}
