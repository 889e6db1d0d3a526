//! Statements about what other nodes must know at once, and a gate that starts again.

use super::column::unsigned;
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::LONGEST_TOKEN_MILLIS;

/// How many are cleared away at once at most.
const SWEEP: i64 = 1000;
/// How many are read at once at most.
const PAGE: i64 = 1000;
/// How long a node may be cut off and still learn that a pool has changed, in milliseconds. After that it reads all pools again.
const POOL_MATTERS_MILLIS: u64 = LONGEST_TOKEN_MILLIS;

type Row = (i64, String, String, String, i64);

/// Something that was changed, here or elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Its place among all changes: later ones have higher numbers.
    pub number: i64,
    pub pool_id: String,
    pub what: Changed,
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changed {
    /// A session was revoked; its tokens can be presented until then, in Unix milliseconds.
    Session { id: String, until: u64 },
    /// The pool's keys or settings are others, or it is new, or gone.
    Pool,
    /// Something that this version knows nothing of.
    Unknown,
}

/// Changes, on one connection.
pub(crate) struct Changes<'c>(pub(crate) &'c mut Connection);

impl Changes<'_> {
    pub(crate) async fn session_revoked(self, pool_id: &str, id: &str, now: u64) -> Result<(), IssuerError> {
        self.add("session", pool_id, id, now.saturating_add(LONGEST_TOKEN_MILLIS)).await
    }

    pub(crate) async fn pool_changed(self, pool_id: &str, now: u64) -> Result<(), IssuerError> {
        self.add("pool", pool_id, "", now.saturating_add(POOL_MATTERS_MILLIS)).await
    }

    async fn add(self, kind: &str, pool_id: &str, subject: &str, until: u64) -> Result<(), IssuerError> {
        let statement = "INSERT INTO changes (kind, pool_id, subject, matters_until) VALUES ($1, $2, $3, $4)";
        let add = query(statement).bind(kind).bind(pool_id).bind(subject).bind(until);
        add.execute(self.0).await.map_err(IssuerError::database("keep a change"))?;
        Ok(())
    }

    /// The next changes after `number`, in order; a page of them, where there are many.
    pub(crate) async fn after(self, number: i64) -> Result<Vec<Change>, IssuerError> {
        let statement = "SELECT number, kind, pool_id, subject, matters_until FROM changes
            WHERE number > $1 ORDER BY number LIMIT $2";
        let rows: Vec<Row> = query(statement)
            .bind(number)
            .bind(PAGE)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read changes"))?;
        Ok(rows.into_iter().map(change).collect())
    }

    /// Clears away some of those that matter no more.
    pub(crate) async fn sweep(self, now: u64) -> Result<(), IssuerError> {
        // The newest stays: its number says where those begin that a node has not seen.
        let statement = "DELETE FROM changes WHERE number IN
            (SELECT number FROM changes WHERE matters_until <= $1 AND number < (SELECT MAX(number) FROM changes) LIMIT $2)";
        let sweep = query(statement).bind(now).bind(SWEEP);
        sweep.execute(self.0).await.map_err(IssuerError::database("clear away changes"))?;
        Ok(())
    }
}

fn change((number, kind, pool_id, subject, until): Row) -> Change {
    let what = match kind.as_str() {
        "session" => Changed::Session { id: subject, until: unsigned(until) },
        "pool" => Changed::Pool,
        // A newer version on another node knows more.
        _ => Changed::Unknown,
    };
    Change { number, pool_id, what }
}
