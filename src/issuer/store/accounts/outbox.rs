//! Statements about messages that wait to be sent.

use super::super::database::{Connection, query};
use crate::issuer::error::IssuerError;

/// A message that waits.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub id: String,
    pub pool_id: String,
    pub sub: String,
    pub kind: String,
    pub medium: String,
    /// Destination, subject and body.
    pub sealed: Vec<u8>,
}

/// The outbox, on one connection.
pub(crate) struct Outbox<'c>(pub(crate) &'c mut Connection);

/// How long a message is kept, in milliseconds: longer than any code in it counts.
const KEPT_MILLIS: u64 = 24 * 60 * 60 * 1000;

impl Outbox<'_> {
    /// Adds a message and clears away those that nobody can use any more.
    pub(crate) async fn add(self, waiting: &Waiting, now: u64) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("keep a message");
        let statement = "INSERT INTO outbox (id, pool_id, sub, kind, medium, sealed, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let add = query(statement).bind(&waiting.id).bind(&waiting.pool_id).bind(&waiting.sub).bind(&waiting.kind);
        let add = add.bind(&waiting.medium).bind(waiting.sealed.as_slice()).bind(now);
        add.execute(&mut *self.0).await.map_err(failed())?;
        let sweep = query("DELETE FROM outbox WHERE created_at < $1").bind(now.saturating_sub(KEPT_MILLIS));
        sweep.execute(self.0).await.map_err(failed())?;
        Ok(())
    }

    /// The newest messages of a pool.
    #[cfg(test)]
    pub(crate) async fn newest(self, pool_id: &str) -> Result<Vec<Waiting>, IssuerError> {
        let statement = "SELECT id, pool_id, sub, kind, medium, sealed FROM outbox WHERE pool_id = $1 ORDER BY number DESC LIMIT 100";
        let rows: Vec<(String, String, String, String, String, Vec<u8>)> =
            query(statement).bind(pool_id).fetch_all(self.0).await.map_err(IssuerError::database("read messages"))?;
        let waiting = |(id, pool_id, sub, kind, medium, sealed)| Waiting { id, pool_id, sub, kind, medium, sealed };
        Ok(rows.into_iter().map(waiting).collect())
    }
}
