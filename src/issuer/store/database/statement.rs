//! A statement with its values, run on whichever database there is.

use sqlx::encode::Encode;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::types::Type;
use sqlx::{Arguments, Database, FromRow};

use super::connection::{Connection, On};
use super::value::Value;

/// A statement in SQL that SQLite and PostgreSQL read alike: parameters are `$1`, `$2`, and a number may stand several times.
#[derive(Debug)]
pub(crate) struct Statement<'q> {
    sql: &'static str,
    values: Vec<Value<'q>>,
}

/// A row of columns that both databases give alike: a tuple of `String`, `i64`, `bool`, `Vec<u8>` and `Option`s of them.
pub(crate) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

/// Begins a statement.
pub(crate) fn query<'q>(sql: &'static str) -> Statement<'q> {
    Statement { sql, values: Vec::new() }
}

impl<'q> Statement<'q> {
    /// Gives the next parameter its value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it and says how many rows it touched.
    pub(crate) async fn execute(self, connection: &mut Connection) -> sqlx::Result<u64> {
        match connection.on() {
            On::Sqlite(connection) => {
                let query = sqlx::query_with::<Sqlite, _>(self.sql, self.arguments::<SqliteArguments>()?);
                query.execute(connection).await.map(|done| done.rows_affected())
            }
            On::Postgres(connection) => {
                let query = sqlx::query_with::<Postgres, _>(self.sql, self.arguments::<PgArguments>()?);
                query.execute(connection).await.map(|done| done.rows_affected())
            }
        }
    }

    /// The one row that there must be.
    pub(crate) async fn fetch_one<T: Row>(self, connection: &mut Connection) -> sqlx::Result<T> {
        self.fetch_optional(connection).await?.ok_or(sqlx::Error::RowNotFound)
    }

    /// The row, where there is one.
    pub(crate) async fn fetch_optional<T: Row>(self, connection: &mut Connection) -> sqlx::Result<Option<T>> {
        match connection.on() {
            On::Sqlite(connection) => {
                let query = sqlx::query_as_with::<Sqlite, T, _>(self.sql, self.arguments::<SqliteArguments>()?);
                query.fetch_optional(connection).await
            }
            On::Postgres(connection) => {
                let query = sqlx::query_as_with::<Postgres, T, _>(self.sql, self.arguments::<PgArguments>()?);
                query.fetch_optional(connection).await
            }
        }
    }

    /// All rows.
    pub(crate) async fn fetch_all<T: Row>(self, connection: &mut Connection) -> sqlx::Result<Vec<T>> {
        match connection.on() {
            On::Sqlite(connection) => {
                let query = sqlx::query_as_with::<Sqlite, T, _>(self.sql, self.arguments::<SqliteArguments>()?);
                query.fetch_all(connection).await
            }
            On::Postgres(connection) => {
                let query = sqlx::query_as_with::<Postgres, T, _>(self.sql, self.arguments::<PgArguments>()?);
                query.fetch_all(connection).await
            }
        }
    }

    fn arguments<A: Arguments>(&self) -> sqlx::Result<A>
    where
        for<'t> Option<&'t str>: Keepable<'t, A::Database>,
        for<'t> Option<&'t [u8]>: Keepable<'t, A::Database>,
        for<'t> Option<i64>: Keepable<'t, A::Database>,
        for<'t> bool: Keepable<'t, A::Database>,
    {
        let mut arguments = A::default();
        for value in &self.values {
            add(&mut arguments, value).map_err(sqlx::Error::Encode)?;
        }
        Ok(arguments)
    }
}

/// What a database can be given.
trait Keepable<'t, DB: Database>: Encode<'t, DB> + Type<DB> {}

impl<'t, DB: Database, T: Encode<'t, DB> + Type<DB>> Keepable<'t, DB> for T {}

fn add<A: Arguments>(arguments: &mut A, value: &Value<'_>) -> Result<(), BoxDynError>
where
    for<'t> Option<&'t str>: Keepable<'t, A::Database>,
    for<'t> Option<&'t [u8]>: Keepable<'t, A::Database>,
    for<'t> Option<i64>: Keepable<'t, A::Database>,
    for<'t> bool: Keepable<'t, A::Database>,
{
    match value {
        Value::Text(text) => arguments.add(text.as_deref()),
        Value::Bigint(number) => arguments.add(*number),
        Value::Bytes(bytes) => arguments.add(bytes.as_deref()),
        Value::Bool(truth) => arguments.add(*truth),
    }
}
