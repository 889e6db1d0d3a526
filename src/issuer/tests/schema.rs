//! The tables of both databases, held together: the same tables, columns and indexes, and pages that an index gives in order.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tempfile::TempDir;

use super::database::{TestDatabase, is_postgres};
use crate::issuer::config::DatabaseConfig;
use crate::issuer::store::Database;

/// A line for each column, each index and each key.
type Schema = BTreeSet<String>;

async fn sqlite(folder: &TempDir) -> SqliteConnection {
    let file = folder.path().join("issuer.db");
    Database::open(&DatabaseConfig::Sqlite(file.clone()), 1).await.unwrap().close().await;
    SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

async fn of_sqlite() -> Schema {
    let folder = TempDir::new().unwrap();
    let mut connection = sqlite(&folder).await;
    let mut schema = Schema::new();
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_sqlx%'";
    for (table,) in sqlx::query_as::<_, (String,)>(tables).fetch_all(&mut connection).await.unwrap() {
        let columns = format!("SELECT name, lower(type), \"notnull\" FROM pragma_table_info('{table}')");
        let columns = sqlx::query_as::<_, (String, String, bool)>(AssertSqlSafe(columns));
        for (column, kind, required) in columns.fetch_all(&mut connection).await.unwrap() {
            // A number that counts by itself is an `INTEGER` here.
            let kind = if kind == "integer" { "bigint".to_owned() } else { kind };
            schema.insert(format!("column {table}.{column} {kind} {required}"));
        }
        let indexes = format!("SELECT name, \"unique\" FROM pragma_index_list('{table}')");
        let indexes = sqlx::query_as::<_, (String, bool)>(AssertSqlSafe(indexes));
        for (index, unique) in indexes.fetch_all(&mut connection).await.unwrap() {
            let columns = format!("SELECT name FROM pragma_index_info('{index}') ORDER BY seqno");
            let columns =
                sqlx::query_as::<_, (String,)>(AssertSqlSafe(columns)).fetch_all(&mut connection).await.unwrap();
            let columns: Vec<String> = columns.into_iter().map(|(column,)| column).collect();
            schema.insert(format!("index {table} ({}) unique {unique}", columns.join(", ")));
        }
    }
    // A table's own number needs no index here.
    for table in ["changes", "outbox"] {
        schema.insert(format!("index {table} (number) unique true"));
    }
    schema
}

async fn of_postgres() -> Schema {
    let test = TestDatabase::empty().await;
    test.open().await.close().await;
    let mut connection = PgConnection::connect(&test.written()).await.unwrap();
    let mut schema = Schema::new();
    let columns = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'NO'
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'";
    let columns = sqlx::query_as::<_, (String, String, String, bool)>(columns);
    for (table, column, kind, required) in columns.fetch_all(&mut connection).await.unwrap() {
        let kind = if kind == "bytea" { "blob".to_owned() } else { kind };
        schema.insert(format!("column {table}.{column} {kind} {required}"));
    }
    let indexes = "SELECT t.relname::text, i.indisunique,
            array_to_string(ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnatts) k), ', ')
        FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE n.nspname = 'public' AND t.relname NOT LIKE '\\_sqlx%'";
    let indexes = sqlx::query_as::<_, (String, bool, String)>(indexes);
    for (table, unique, columns) in indexes.fetch_all(&mut connection).await.unwrap() {
        schema.insert(format!("index {table} ({columns}) unique {unique}"));
    }
    schema
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let ours = of_sqlite().await;
    for known in ["column users.sub text true", "index users (pool_id, status, sub) unique false"] {
        assert!(ours.contains(known), "{known}: {ours:?}");
    }
    // Without a server there is nothing to hold it to; `tests/run` runs all of this with one.
    if is_postgres() {
        let theirs = of_postgres().await;
        let differ: Vec<&String> = ours.symmetric_difference(&theirs).collect();
        assert!(differ.is_empty(), "{differ:#?}");
    }
}

/// The steps of the two, without what only one of them can say.
fn said(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("--"));
    let text = lines.collect::<Vec<_>>().join("\n").replace(" COLLATE \"C\"", "").replace("BYTEA", "BLOB");
    let counted =
        ["BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"];
    let text =
        counted.iter().fold(text, |text, counted| text.replace(counted, "INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT"));
    let trigger = text.find("CREATE FUNCTION").map(|begin| {
        let end = text[begin..].find("EXECUTE FUNCTION tell_changes();").unwrap() + begin;
        (begin, end + "EXECUTE FUNCTION tell_changes();".len())
    });
    let text = trigger.map_or_else(|| text.clone(), |(begin, end)| format!("{}{}", &text[..begin], &text[end..]));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn each_step_says_the_same_to_both_databases() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/issuer/store/migrations");
    let names = |kind: &str| {
        let files = std::fs::read_dir(folder.join(kind)).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    assert_eq!(names("sqlite"), names("postgres"));
    for name in names("sqlite") {
        let text = |kind: &str| said(&std::fs::read_to_string(folder.join(kind).join(&name)).unwrap());
        assert_eq!(text("sqlite"), text("postgres"), "{name}");
    }
}

/// What SQLite does for each kind of page: it searches an index and sorts nothing. Without that a page of many users would cost
/// as much as all of them.
#[tokio::test]
async fn no_page_of_users_is_sorted_or_scanned() {
    let folder = TempDir::new().unwrap();
    let mut connection = sqlite(&folder).await;
    for (page, index) in [
        ("users u WHERE u.pool_id = '' AND u.status = '' AND u.sub > '' ORDER BY u.sub", "users_by_status"),
        ("users u WHERE u.pool_id = '' AND u.enabled = 1 AND u.sub > '' ORDER BY u.sub", "users_by_enabled"),
        ("users u WHERE u.pool_id = '' AND u.name_key >= '' AND u.name_key < 'b' AND u.name_key > '' ORDER BY u.name_key", "autoindex_users"),
        ("group_members m CROSS JOIN users u WHERE u.sub = m.sub AND m.pool_id = '' AND m.group_name = '' AND m.sub > '' ORDER BY m.sub", "members_of_group"),
        ("user_attributes a CROSS JOIN users u WHERE u.sub = a.sub AND u.pool_id = '' AND a.name = '' AND a.value >= '' AND a.value < 'b'
          AND (a.value > '' OR a.sub > '') ORDER BY a.value, a.sub", "attributes_by_value"),
    ] {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN SELECT u.sub FROM {page} LIMIT 61"));
        let steps = sqlx::query_as::<_, (i64, i64, i64, String)>(explain).fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = steps.into_iter().map(|(.., step)| step).collect();
        assert!(plan[0].starts_with("SEARCH") && plan[0].contains(index), "{page}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE") || step.starts_with("SCAN")), "{page}: {plan:?}");
    }
}
