//! The database's handle, whichever database it is.

use std::time::Duration;

use sqlx::postgres::PgListener;

use super::connection::{Connection, Write};
use super::postgres::PostgresDatabase;
use super::sqlite::SqliteDatabase;
use crate::issuer::config::DatabaseConfig;
use crate::issuer::error::IssuerError;

/// Longest wait for a connection; beyond it the caller is told that we failed, and tries again.
pub(super) const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// The channel on which PostgreSQL tells of new rows in `changes`; the trigger in the tables' second step names it too.
const CHANNEL: &str = "lychgate_changes";

/// The issuer's database. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Database(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Sqlite(SqliteDatabase),
    Postgres(PostgresDatabase),
}

impl Database {
    /// Opens the database and brings its tables up to date. A file is made where there is none.
    pub(crate) async fn open(config: &DatabaseConfig, connections: u32) -> Result<Self, IssuerError> {
        Ok(Self(match config {
            DatabaseConfig::Sqlite(path) => Kind::Sqlite(SqliteDatabase::open(path).await?),
            DatabaseConfig::Postgres(url) => Kind::Postgres(PostgresDatabase::open(url, connections).await?),
        }))
    }

    /// A connection that reads what is committed.
    pub(crate) async fn read(&self) -> Result<Connection, IssuerError> {
        let connection = match &self.0 {
            Kind::Sqlite(database) => database.readers.acquire().await.map(Connection::from),
            Kind::Postgres(database) => database.pool.acquire().await.map(Connection::from),
        };
        connection.map_err(IssuerError::database("begin to read"))
    }

    /// A transaction that writes. Writers take turns from its first statement on, so what it reads stays true until it commits.
    pub(crate) async fn write(&self) -> Result<Write, IssuerError> {
        let write = match &self.0 {
            Kind::Sqlite(database) => database.write().await.map(Write::from),
            Kind::Postgres(database) => database.write().await.map(Write::from),
        };
        write.map_err(IssuerError::database("begin to write"))
    }

    /// Begins to hear when something was changed by someone else.
    pub(crate) async fn listen(&self) -> Result<Listener, IssuerError> {
        let listener = match &self.0 {
            Kind::Sqlite(_) => None,
            Kind::Postgres(database) => {
                Some(database.listen(CHANNEL).await.map_err(IssuerError::database("listen for changes"))?)
            }
        };
        Ok(Listener(listener))
    }

    /// Waits for what is under way and lets the database go.
    pub(crate) async fn close(&self) {
        match &self.0 {
            Kind::Sqlite(database) => {
                database.readers.close().await;
                database.writer.close().await;
            }
            Kind::Postgres(database) => database.pool.close().await,
        }
    }
}

/// Hears when something was changed by someone else: at once from PostgreSQL, never from a file, which must be looked into.
#[derive(Debug)]
pub(crate) struct Listener(Option<PgListener>);

impl Listener {
    /// Waits for a change, or for a connection that came back: what was said meanwhile must be looked up.
    pub(crate) async fn heard(&mut self) -> Result<(), IssuerError> {
        match &mut self.0 {
            None => std::future::pending().await,
            Some(listener) => {
                listener.try_recv().await.map(|_| ()).map_err(IssuerError::database("listen for changes"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::statement::query;
    use crate::issuer::tests::TestDatabase;

    #[tokio::test]
    async fn what_is_not_committed_never_was() {
        let test = TestDatabase::empty().await;
        let database = test.open().await;
        let mut write = database.write().await.unwrap();
        let insert = query("INSERT INTO pools (id, name, created_at) VALUES ('a_b', 'x', 1)");
        assert_eq!(insert.execute(&mut write).await.unwrap(), 1);
        drop(write);
        let mut write = database.write().await.unwrap();
        let (count,): (i64,) = query("SELECT COUNT(*) FROM pools").fetch_one(&mut write).await.unwrap();
        assert_eq!(count, 0);
    }

    #[tokio::test]
    async fn both_databases_keep_the_same_values() {
        let test = TestDatabase::empty().await;
        let database = test.open().await;
        let mut write = database.write().await.unwrap();
        let statement = "INSERT INTO pools (id, name, created_at) VALUES ($1, $2, $3)";
        let insert = query(statement).bind("a_b").bind("nul\0nul").bind(u64::MAX);
        insert.execute(&mut write).await.unwrap();
        let (name, at): (String, i64) =
            query("SELECT name, created_at FROM pools WHERE id = $1").bind("a_b").fetch_one(&mut write).await.unwrap();
        assert_eq!((name.as_str(), at), ("nul\u{fffd}nul", i64::MAX));
        let none = query("SELECT id FROM pools WHERE name = $1").bind(None::<&str>);
        assert!(none.fetch_optional::<(String,)>(&mut write).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn writers_take_turns_from_the_beginning() {
        let test = TestDatabase::empty().await;
        let database = test.open().await;
        let first = database.write().await.unwrap();
        let second = tokio::time::timeout(std::time::Duration::from_millis(200), database.write()).await;
        assert!(second.is_err(), "a second writer waits");
        first.commit().await.unwrap();
        database.write().await.unwrap();
    }
}
