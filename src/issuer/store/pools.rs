//! Statements about pools.

use serde_json::Value;

use super::column::unsigned;
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{PoolSettings, UserPool};
use crate::jose::Algorithm;

type Row = (String, String, Option<String>, String, String, i64, i64);

/// Pools, on one connection.
pub(crate) struct Pools<'c>(pub(crate) &'c mut Connection);

macro_rules! pools {
    ($rest:literal) => {
        concat!("SELECT id, name, issuer_url, token_algorithm, settings, created_at, updated_at FROM pools ", $rest)
    };
}

impl Pools<'_> {
    /// Adds the pool, or makes the one with its id be so.
    pub(crate) async fn put(self, pool: &UserPool, now: u64) -> Result<(), IssuerError> {
        let statement = "INSERT INTO pools (id, name, issuer_url, token_algorithm, settings, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6)
            ON CONFLICT (id) DO UPDATE SET name = excluded.name, issuer_url = excluded.issuer_url,
                token_algorithm = excluded.token_algorithm, settings = excluded.settings, updated_at = excluded.updated_at";
        let put = query(statement).bind(&pool.id).bind(&pool.name).bind(&pool.issuer_url);
        let put = put.bind(pool.token_algorithm.name()).bind(settings_text(&pool.settings)).bind(now);
        put.execute(self.0).await.map_err(IssuerError::database("keep a pool"))?;
        Ok(())
    }

    /// Keeps a pool that the config declares: settings that it does not say stay.
    pub(crate) async fn declare(self, pool: &UserPool, now: u64) -> Result<(), IssuerError> {
        let kept = Pools(&mut *self.0).by_id(&pool.id).await?;
        let settings = kept.map(|kept| kept.settings.overlaid_with(&pool.settings));
        let pool = UserPool { settings: settings.unwrap_or_else(|| pool.settings.clone()), ..pool.clone() };
        self.put(&pool, now).await
    }

    /// Removes the pool with all that is in it; `false` where there is none.
    pub(crate) async fn remove(self, id: &str) -> Result<bool, IssuerError> {
        let removed = query("DELETE FROM pools WHERE id = $1").bind(id).execute(self.0).await;
        Ok(removed.map_err(IssuerError::database("delete a pool"))? == 1)
    }

    /// The pool with this id.
    pub(crate) async fn by_id(self, id: &str) -> Result<Option<UserPool>, IssuerError> {
        let row: Option<Row> = query(pools!("WHERE id = $1"))
            .bind(id)
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a pool"))?;
        row.map(pool).transpose()
    }

    /// All pools, by id.
    pub(crate) async fn all(self) -> Result<Vec<UserPool>, IssuerError> {
        let rows: Vec<Row> =
            query(pools!("ORDER BY id")).fetch_all(self.0).await.map_err(IssuerError::database("read pools"))?;
        rows.into_iter().map(pool).collect()
    }

    /// The pools after this id, at most `limit` of them.
    pub(crate) async fn page(self, after: &str, limit: u64) -> Result<Vec<UserPool>, IssuerError> {
        let page = query(pools!("WHERE id > $1 ORDER BY id LIMIT $2")).bind(after).bind(limit);
        let rows: Vec<Row> = page.fetch_all(self.0).await.map_err(IssuerError::database("read pools"))?;
        rows.into_iter().map(pool).collect()
    }
}

fn settings_text(settings: &PoolSettings) -> String {
    Value::Object(settings.as_map().clone()).to_string()
}

fn pool((id, name, issuer_url, algorithm, settings, created_at, updated_at): Row) -> Result<UserPool, IssuerError> {
    let token_algorithm = Algorithm::from_name(&algorithm).ok_or(IssuerError::Kept("token algorithm"))?;
    let settings = serde_json::from_str(&settings).map_err(|_| IssuerError::Kept("pool settings"))?;
    let (created_at, updated_at) = (unsigned(created_at), unsigned(updated_at));
    Ok(UserPool { id, name, issuer_url, token_algorithm, settings: PoolSettings::of(settings), created_at, updated_at })
}
