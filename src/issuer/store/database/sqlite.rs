//! SQLite: one file for the owner alone, one writer, several readers.

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite, Transaction};

use super::handle::TURN_TIMEOUT;
use super::migrations;
use crate::issuer::error::IssuerError;

const READERS: u32 = 4;
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// A database in a file. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct SqliteDatabase {
    pub(super) writer: SqlitePool,
    pub(super) readers: SqlitePool,
}

impl SqliteDatabase {
    /// Opens the file, makes it where there is none, and brings its tables up to date.
    pub(super) async fn open(path: &Path) -> Result<Self, IssuerError> {
        protect(path).map_err(|source| IssuerError::DatabaseFile { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            // An answered sign-out must outlive a power cut, so each commit waits for the disk.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What was replaced is wiped where its page is written anyway: a key that was sealed leaves no clear one behind.
            .pragma("secure_delete", "fast")
            .busy_timeout(LOCK_TIMEOUT)
            .disable_statement_logging();
        let writer = pool(1, options.clone()).await?;
        migrations::sqlite().run(&writer).await?;
        let readers = pool(READERS, options.pragma("query_only", "on")).await?;
        Ok(Self { writer, readers })
    }

    /// Writers of all processes take turns from the beginning of a transaction on.
    pub(super) async fn write(&self) -> sqlx::Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await
    }
}

async fn pool(connections: u32, options: SqliteConnectOptions) -> Result<SqlitePool, IssuerError> {
    let pool = SqlitePoolOptions::new().max_connections(connections).acquire_timeout(TURN_TIMEOUT);
    // Connections to a file do not age. Without these, sqlx keeps a task on the runtime that opened the pool, which need
    // not be the one that serves.
    let pool = pool.max_lifetime(None).idle_timeout(None);
    pool.connect_with(options).await.map_err(IssuerError::database("connect"))
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

    async fn pragma(pool: &SqlitePool, name: &'static str) -> i64 {
        sqlx::query_as::<_, (i64,)>(name).fetch_one(pool).await.unwrap().0
    }

    #[tokio::test]
    async fn the_file_and_its_side_files_are_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/issuer.db");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let _database = SqliteDatabase::open(&path).await.unwrap();
        let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().map(Result::unwrap).collect();
        assert!(files.len() > 1, "the journal is there");
        for file in files {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
        }
    }

    #[tokio::test]
    async fn commits_wait_for_the_disk_and_readers_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let database = SqliteDatabase::open(&directory.path().join("issuer.db")).await.unwrap();
        assert_eq!(pragma(&database.writer, "PRAGMA synchronous").await, 2);
        assert_eq!(pragma(&database.writer, "PRAGMA foreign_keys").await, 1);
        let refused = sqlx::query("DELETE FROM pools").execute(&database.readers).await;
        assert!(refused.unwrap_err().to_string().contains("readonly"));
    }
}
