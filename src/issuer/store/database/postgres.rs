//! PostgreSQL: for several nodes on one database.

use std::str::FromStr;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, Postgres, Transaction};

use super::handle::TURN_TIMEOUT;
use super::migrations;
use crate::issuer::error::IssuerError;

/// What writers of all nodes take turns by; any number will do, as long as nobody else in the database uses it.
const WRITERS_TURN: i64 = 0x6c79_6368_6761_7465;
/// Longer than any statement takes: what waits longer, waits for a database that has stopped.
const BOUNDS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "30s")];
const IDLE_TIMEOUT: Duration = Duration::from_mins(10);

/// A database on a server. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct PostgresDatabase {
    pub(super) pool: PgPool,
}

impl PostgresDatabase {
    /// Connects and brings the tables up to date; nodes that start at once take turns at that.
    pub(super) async fn open(url: &SecretString, connections: u32) -> Result<Self, IssuerError> {
        let connect = || IssuerError::database("connect");
        let options = PgConnectOptions::from_str(url.expose_secret()).map_err(|_| IssuerError::DatabaseUrl)?;
        let options = options.application_name("lychgate").disable_statement_logging();
        // Whatever the server's default is, an acknowledged write has reached its disk.
        let options = options.options([("synchronous_commit", "on")]);
        let mut unbounded = PgConnection::connect_with(&options).await.map_err(connect())?;
        migrations::postgres().run(&mut unbounded).await?;
        unbounded.close().await.map_err(connect())?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(TURN_TIMEOUT)
            .idle_timeout(IDLE_TIMEOUT)
            .connect_with(options.options(BOUNDS))
            .await
            .map_err(connect())?;
        Ok(Self { pool })
    }

    /// Writers of all nodes take turns from the beginning of a transaction on, as SQLite's do: what one reads stays true until
    /// it commits, and what it writes is numbered in the order in which it comes to count.
    pub(super) async fn write(&self) -> sqlx::Result<Transaction<'static, Postgres>> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(WRITERS_TURN).execute(&mut *transaction).await?;
        Ok(transaction)
    }

    /// Hears when other nodes have written something that this one should know.
    pub(super) async fn listen(&self, channel: &str) -> sqlx::Result<PgListener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(channel).await?;
        Ok(listener)
    }
}
