//! A database for one test: SQLite, or PostgreSQL where `LYCHGATE_TEST_POSTGRES` gives the URL of a server that databases may be made on.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tempfile::TempDir;

use crate::issuer::config::DatabaseConfig;
use crate::issuer::store::Database;

/// Few, for many tests share one server.
const CONNECTIONS: u32 = 4;

/// A database of its own for a test, and a folder beside it.
pub(in crate::issuer) struct TestDatabase {
    pub config: DatabaseConfig,
    folder: TempDir,
}

impl TestDatabase {
    /// One without tables.
    pub(in crate::issuer) async fn empty() -> Self {
        Self::made_of(None).await
    }

    /// One with all that is in `original`, which nobody may be using.
    pub(in crate::issuer) async fn copy_of(original: &Self) -> Self {
        Self::made_of(Some(original)).await
    }

    async fn made_of(original: Option<&Self>) -> Self {
        let folder = TempDir::new().unwrap();
        let Some(server) = postgres() else {
            let file = folder.path().join("issuer.db");
            if let Some(original) = original {
                std::fs::copy(original.folder().join("issuer.db"), &file).unwrap();
            }
            return Self { config: DatabaseConfig::Sqlite(file), folder };
        };
        let name = new_name();
        let template = original.map_or_else(|| "template0".to_owned(), Self::name);
        let make = format!("CREATE DATABASE {name} TEMPLATE {template}");
        let mut connection = PgConnection::connect(&server).await.unwrap();
        sqlx::query(AssertSqlSafe(make)).execute(&mut connection).await.unwrap();
        let (server, _) = server.rsplit_once('/').unwrap();
        Self { config: DatabaseConfig::from(format!("{server}/{name}")), folder }
    }

    pub(in crate::issuer) async fn open(&self) -> Database {
        Database::open(&self.config, CONNECTIONS).await.unwrap()
    }

    /// What the config file would say.
    pub(in crate::issuer) fn written(&self) -> String {
        use secrecy::ExposeSecret;
        match &self.config {
            DatabaseConfig::Sqlite(file) => file.display().to_string(),
            DatabaseConfig::Postgres(url) => url.expose_secret().to_owned(),
        }
    }

    pub(in crate::issuer) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All bytes that are kept, wherever they are. Nobody may be using the database.
    pub(in crate::issuer) async fn kept(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder()).unwrap().map(|file| file.unwrap().path());
        let mut kept: Vec<u8> = files.flat_map(|file: PathBuf| std::fs::read(file).unwrap()).collect();
        if postgres().is_some() {
            let mut connection = PgConnection::connect(&self.written()).await.unwrap();
            let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
            for (table,) in sqlx::query_as::<_, (String,)>(tables).fetch_all(&mut connection).await.unwrap() {
                let rows = AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
                for (row,) in sqlx::query_as::<_, (String,)>(rows).fetch_all(&mut connection).await.unwrap() {
                    kept.extend(row.into_bytes());
                }
            }
        }
        kept
    }

    fn name(&self) -> String {
        self.written().rsplit_once('/').unwrap().1.to_owned()
    }
}

/// Whether the tests run on PostgreSQL.
pub(super) fn is_postgres() -> bool {
    postgres().is_some()
}

fn postgres() -> Option<String> {
    std::env::var("LYCHGATE_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

fn new_name() -> String {
    static MADE: AtomicUsize = AtomicUsize::new(0);
    format!("lychgate_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed))
}
