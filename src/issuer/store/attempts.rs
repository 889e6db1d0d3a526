//! Statements about wrong passwords, by the hash of a name that need not exist.

use super::column::unsigned;
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Attempts, Sha256};

/// How many names one sign-in clears away at most.
const SWEEP: i64 = 100;

/// Wrong passwords, on one connection.
pub(crate) struct PasswordAttempts<'c>(pub(crate) &'c mut Connection);

impl PasswordAttempts<'_> {
    /// The wrong passwords that a name has had.
    pub(crate) async fn of(self, key: Sha256) -> Result<Attempts, IssuerError> {
        let statement = "SELECT failed, locked_until, forgotten_at FROM password_attempts WHERE name_hash = $1";
        let row: Option<(i64, i64, i64)> = query(statement)
            .bind(key.as_bytes())
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read password attempts"))?;
        Ok(row.map_or_else(Attempts::default, |(failed, locked_until, forgotten_at)| Attempts {
            failed: u32::try_from(failed).unwrap_or(u32::MAX),
            locked_until: unsigned(locked_until),
            forgotten_at: unsigned(forgotten_at),
        }))
    }

    /// Keeps them, and clears away some that count no more.
    pub(crate) async fn put(self, key: Sha256, attempts: Attempts, now: u64) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("keep password attempts");
        let statement =
            "INSERT INTO password_attempts (name_hash, failed, locked_until, forgotten_at) VALUES ($1, $2, $3, $4)
            ON CONFLICT (name_hash) DO UPDATE SET failed = excluded.failed, locked_until = excluded.locked_until,
                forgotten_at = excluded.forgotten_at";
        let put = query(statement).bind(key.as_bytes()).bind(attempts.failed);
        let put = put.bind(attempts.locked_until).bind(attempts.forgotten_at);
        put.execute(&mut *self.0).await.map_err(failed())?;
        let statement = "DELETE FROM password_attempts WHERE name_hash IN
            (SELECT name_hash FROM password_attempts WHERE forgotten_at <= $1 LIMIT $2)";
        query(statement).bind(now).bind(SWEEP).execute(self.0).await.map_err(failed())?;
        Ok(())
    }

    /// Forgets them: the right password was given.
    pub(crate) async fn clear(self, key: Sha256) -> Result<(), IssuerError> {
        query("DELETE FROM password_attempts WHERE name_hash = $1")
            .bind(key.as_bytes())
            .execute(self.0)
            .await
            .map_err(IssuerError::database("forget password attempts"))?;
        Ok(())
    }
}
