//! Statements about pools.

use super::column::bigint;
use super::database::Connection;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::UserPool;

/// Pools, on one connection.
pub(crate) struct Pools<'c>(pub(crate) &'c mut Connection);

impl Pools<'_> {
    /// Adds the pool, or gives the one with its id this name.
    pub(crate) async fn put(self, pool: &UserPool, now: u64) -> Result<(), IssuerError> {
        let statement = "INSERT INTO pools (id, name, created_at) VALUES ($1, $2, $3)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name";
        let put = sqlx::query(statement).bind(&pool.id).bind(&pool.name).bind(bigint(now));
        put.execute(self.0).await.map_err(IssuerError::database("keep a pool"))?;
        Ok(())
    }

    /// All pools, by id.
    pub(crate) async fn all(self) -> Result<Vec<UserPool>, IssuerError> {
        let rows: Vec<(String, String)> = sqlx::query_as("SELECT id, name FROM pools ORDER BY id")
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read pools"))?;
        Ok(rows.into_iter().map(|(id, name)| UserPool { id, name }).collect())
    }
}
