//! Statements about pools.

use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::UserPool;
use crate::jose::Algorithm;

type Row = (String, String, Option<String>, String);

/// Pools, on one connection.
pub(crate) struct Pools<'c>(pub(crate) &'c mut Connection);

impl Pools<'_> {
    /// Adds the pool, or makes the one with its id be so.
    pub(crate) async fn put(self, pool: &UserPool, now: u64) -> Result<(), IssuerError> {
        let statement =
            "INSERT INTO pools (id, name, issuer_url, token_algorithm, created_at) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, issuer_url = excluded.issuer_url,
                token_algorithm = excluded.token_algorithm";
        let put = query(statement).bind(&pool.id).bind(&pool.name).bind(&pool.issuer_url);
        let put = put.bind(pool.token_algorithm.name()).bind(now);
        put.execute(self.0).await.map_err(IssuerError::database("keep a pool"))?;
        Ok(())
    }

    /// The pool with this id.
    pub(crate) async fn by_id(self, id: &str) -> Result<Option<UserPool>, IssuerError> {
        let row = query("SELECT id, name, issuer_url, token_algorithm FROM pools WHERE id = $1").bind(id);
        let row = row.fetch_optional(self.0).await.map_err(IssuerError::database("read a pool"))?;
        row.map(pool).transpose()
    }

    /// All pools, by id.
    pub(crate) async fn all(self) -> Result<Vec<UserPool>, IssuerError> {
        let rows: Vec<Row> = query("SELECT id, name, issuer_url, token_algorithm FROM pools ORDER BY id")
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read pools"))?;
        rows.into_iter().map(pool).collect()
    }
}

fn pool((id, name, issuer_url, algorithm): Row) -> Result<UserPool, IssuerError> {
    let token_algorithm = Algorithm::from_name(&algorithm).ok_or(IssuerError::Kept("token algorithm"))?;
    Ok(UserPool { id, name, issuer_url, token_algorithm })
}
