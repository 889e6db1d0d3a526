//! Statements about the delivery of messages that wait in the outbox.

use super::column::unsigned;
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;

type Row = (i64, String, String, String, String, Vec<u8>, i64);
type ShownRow = (String, String, String, String, String, Vec<u8>, i64, i64, Option<i64>);

/// A message that was taken to be delivered.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub number: i64,
    pub id: String,
    pub pool_id: String,
    pub kind: String,
    pub medium: String,
    pub sealed: Vec<u8>,
    /// How many tries this one makes.
    pub tries: u64,
}

/// A message as it is shown in development.
#[derive(Debug)]
pub(crate) struct ShownMessage {
    pub id: String,
    pub pool_id: String,
    pub sub: String,
    pub kind: String,
    pub medium: String,
    pub sealed: Vec<u8>,
    /// Unix milliseconds.
    pub created_at: u64,
    pub tries: u64,
    pub is_delivered: bool,
}

/// Deliveries, on one connection.
pub(crate) struct Deliveries<'c>(pub(crate) &'c mut Connection);

impl Deliveries<'_> {
    /// Whether any message of these media is to be delivered now.
    pub(crate) async fn any_due(self, [one, other]: [&str; 2], now: u64) -> Result<bool, IssuerError> {
        let statement = "SELECT number FROM outbox
            WHERE delivered_at IS NULL AND next_try_at <= $1 AND medium IN ($2, $3) LIMIT 1";
        let due: Option<(i64,)> = query(statement)
            .bind(now)
            .bind(one)
            .bind(other)
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("look for messages"))?;
        Ok(due.is_some())
    }

    /// Takes messages of these media that are due; until `lease` nobody else will.
    pub(crate) async fn claim(
        self,
        [one, other]: [&str; 2],
        now: u64,
        lease: u64,
        most: i64,
    ) -> Result<Vec<Claimed>, IssuerError> {
        let statement = "UPDATE outbox SET tries = tries + 1, next_try_at = $1 WHERE number IN
                (SELECT number FROM outbox WHERE delivered_at IS NULL AND next_try_at <= $2 AND medium IN ($3, $4)
                ORDER BY next_try_at, number LIMIT $5)
            RETURNING number, id, pool_id, kind, medium, sealed, tries";
        let claim = query(statement).bind(lease).bind(now).bind(one).bind(other).bind(most);
        let rows: Vec<Row> = claim.fetch_all(self.0).await.map_err(IssuerError::database("take messages"))?;
        let claimed = |(number, id, pool_id, kind, medium, sealed, tries)| Claimed {
            number,
            id,
            pool_id,
            kind,
            medium,
            sealed,
            tries: unsigned(tries),
        };
        Ok(rows.into_iter().map(claimed).collect())
    }

    /// It is to be tried again then.
    pub(crate) async fn again_at(self, number: i64, at: u64) -> Result<(), IssuerError> {
        let again = query("UPDATE outbox SET next_try_at = $1 WHERE number = $2").bind(at).bind(number);
        again.execute(self.0).await.map_err(IssuerError::database("note a delivery"))?;
        Ok(())
    }

    /// It was delivered, and is kept to be read.
    pub(crate) async fn delivered(self, number: i64, now: u64) -> Result<(), IssuerError> {
        let done = query("UPDATE outbox SET delivered_at = $1 WHERE number = $2").bind(now).bind(number);
        done.execute(self.0).await.map_err(IssuerError::database("note a delivery"))?;
        Ok(())
    }

    /// It is done with.
    pub(crate) async fn remove(self, number: i64) -> Result<(), IssuerError> {
        let remove = query("DELETE FROM outbox WHERE number = $1").bind(number);
        remove.execute(self.0).await.map_err(IssuerError::database("remove a message"))?;
        Ok(())
    }

    /// The newest messages of all pools, the newest first.
    pub(crate) async fn newest(self, most: i64) -> Result<Vec<ShownMessage>, IssuerError> {
        let statement = "SELECT id, pool_id, sub, kind, medium, sealed, created_at, tries, delivered_at FROM outbox
            ORDER BY number DESC LIMIT $1";
        let rows: Vec<ShownRow> =
            query(statement).bind(most).fetch_all(self.0).await.map_err(IssuerError::database("read messages"))?;
        let shown =
            |(id, pool_id, sub, kind, medium, sealed, created_at, tries, delivered_at): ShownRow| ShownMessage {
                id,
                pool_id,
                sub,
                kind,
                medium,
                sealed,
                created_at: unsigned(created_at),
                tries: unsigned(tries),
                is_delivered: delivered_at.is_some(),
            };
        Ok(rows.into_iter().map(shown).collect())
    }
}
