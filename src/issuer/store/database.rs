//! The database's handle: one writer, several readers, tables brought up to date when it opens.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr, Sqlite, Transaction};

use crate::issuer::error::IssuerError;

/// What statements run on, in a transaction or outside one.
pub(crate) type Connection = sqlx::SqliteConnection;
/// A write that counts when it is committed and never was when it is dropped.
pub(crate) type Write = Transaction<'static, Sqlite>;

/// The issuer's database. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

const READERS: u32 = 4;
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for a connection; beyond it the caller is told that we failed, and tries again.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

impl Database {
    /// Opens the file, makes it where there is none, and brings its tables up to date.
    pub(crate) async fn open(path: &Path) -> Result<Self, IssuerError> {
        protect(path).map_err(|source| IssuerError::DatabaseFile { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // An answered sign-out must outlive a power cut, so each commit waits for the disk.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(LOCK_TIMEOUT)
            .disable_statement_logging();
        let writer = pool(1, options.clone()).await?;
        migrations().run(&writer).await?;
        let readers = pool(READERS, options.pragma("query_only", "on")).await?;
        Ok(Self { writer, readers })
    }

    /// A connection that reads what is committed.
    pub(crate) async fn read(&self) -> Result<PoolConnection<Sqlite>, IssuerError> {
        self.readers.acquire().await.map_err(IssuerError::database("begin to read"))
    }

    /// A transaction that writes. Writers take turns from its first statement on, so what it reads stays true until it commits.
    pub(crate) async fn write(&self) -> Result<Write, IssuerError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(IssuerError::database("begin to write"))
    }

    /// Waits for what is under way and lets the files go.
    #[cfg(test)]
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

async fn pool(connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool, IssuerError> {
    let pool = SqlitePoolOptions::new().max_connections(connections).acquire_timeout(TURN_TIMEOUT);
    // Connections to a file do not age. Without these, sqlx keeps a task on the runtime that opened the pool, which need
    // not be the one that serves.
    let pool = pool.max_lifetime(None).idle_timeout(None);
    pool.connect_with(options).await.map_err(IssuerError::database("connect"))
}

fn migrations() -> Migrator {
    let pools = include_str!("migrations/sqlite/0001_pools.sql").into_sql_str();
    Migrator::with_migrations(vec![Migration::new(1, "pools".into(), MigrationType::Simple, pools, false)])
}

/// Private keys and password hashes are in the file: nobody but its owner may read it. SQLite gives its side files the same rights.
fn protect(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pragma(connection: &mut Connection, name: &'static str) -> i64 {
        let (value,) = sqlx::query_as(name).fetch_one(connection).await.unwrap();
        value
    }

    #[tokio::test]
    async fn the_file_and_its_side_files_are_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/issuer.db");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let database = Database::open(&path).await.unwrap();
        let _read = database.read().await.unwrap();
        let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() > 1, "the journal is there");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        }
    }

    #[tokio::test]
    async fn commits_wait_for_the_disk_and_readers_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("issuer.db")).await.unwrap();
        let mut write = database.write().await.unwrap();
        assert_eq!(pragma(&mut write, "PRAGMA synchronous").await, 2);
        assert_eq!(pragma(&mut write, "PRAGMA foreign_keys").await, 1);
        write.rollback().await.unwrap();
        let mut read = database.read().await.unwrap();
        let refused = sqlx::query("DELETE FROM pools").execute(&mut *read).await;
        assert!(refused.unwrap_err().to_string().contains("readonly"));
    }

    #[tokio::test]
    async fn what_is_not_committed_never_was() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&directory.path().join("issuer.db")).await.unwrap();
        let mut write = database.write().await.unwrap();
        sqlx::query("INSERT INTO pools (id, name, created_at) VALUES ('a_b', 'x', 1)")
            .execute(&mut *write)
            .await
            .unwrap();
        drop(write);
        let mut write = database.write().await.unwrap();
        assert_eq!(pragma(&mut write, "SELECT COUNT(*) FROM pools").await, 0);
    }
}
