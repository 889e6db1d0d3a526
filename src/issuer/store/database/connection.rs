//! What statements run on: a connection that reads, or a transaction that writes.

use std::ops::{Deref, DerefMut};

use sqlx::Transaction;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, Postgres};
use sqlx::sqlite::{Sqlite, SqliteConnection};

/// What statements run on, in a transaction or outside one.
#[derive(Debug)]
pub(crate) struct Connection(Held);

/// A write that counts when it is committed and never was when it is dropped.
#[derive(Debug)]
pub(crate) struct Write(Connection);

#[derive(Debug)]
enum Held {
    Sqlite(PoolConnection<Sqlite>),
    SqliteWrite(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

/// Which database a connection leads to.
pub(super) enum On<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    pub(super) fn on(&mut self) -> On<'_> {
        match &mut self.0 {
            Held::Sqlite(connection) => On::Sqlite(connection),
            Held::SqliteWrite(transaction) => On::Sqlite(transaction),
            Held::Postgres(connection) => On::Postgres(connection),
            Held::PostgresWrite(transaction) => On::Postgres(transaction),
        }
    }
}

impl Write {
    /// Makes it count. When this has answered, it is on disk.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        match self.0.0 {
            Held::SqliteWrite(transaction) => transaction.commit().await,
            Held::PostgresWrite(transaction) => transaction.commit().await,
            Held::Sqlite(_) | Held::Postgres(_) => Ok(()),
        }
    }
}

impl From<PoolConnection<Sqlite>> for Connection {
    fn from(connection: PoolConnection<Sqlite>) -> Self {
        Self(Held::Sqlite(connection))
    }
}

impl From<PoolConnection<Postgres>> for Connection {
    fn from(connection: PoolConnection<Postgres>) -> Self {
        Self(Held::Postgres(connection))
    }
}

impl From<Transaction<'static, Sqlite>> for Write {
    fn from(transaction: Transaction<'static, Sqlite>) -> Self {
        Self(Connection(Held::SqliteWrite(transaction)))
    }
}

impl From<Transaction<'static, Postgres>> for Write {
    fn from(transaction: Transaction<'static, Postgres>) -> Self {
        Self(Connection(Held::PostgresWrite(transaction)))
    }
}

impl Deref for Write {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
