//! Statements about the other names that users sign in by.

use super::super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::user_name_key;

/// Aliases, on one connection.
pub(crate) struct Aliases<'c>(pub(crate) &'c mut Connection);

impl Aliases<'_> {
    /// Whose alias this value is.
    pub(crate) async fn owner(self, pool_id: &str, value: &str) -> Result<Option<String>, IssuerError> {
        let row: Option<(String,)> = query("SELECT sub FROM aliases WHERE pool_id = $1 AND value_key = $2")
            .bind(pool_id)
            .bind(user_name_key(value))
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read an alias"))?;
        Ok(row.map(|(sub,)| sub))
    }

    /// Makes `value` the user's alias by this attribute, whoever had it; an earlier value of the attribute is one no more.
    pub(crate) async fn put(self, pool_id: &str, attribute: &str, value: &str, sub: &str) -> Result<(), IssuerError> {
        Aliases(&mut *self.0).remove(sub, attribute).await?;
        let statement = "INSERT INTO aliases (pool_id, value_key, attribute, sub) VALUES ($1, $2, $3, $4)
            ON CONFLICT (pool_id, value_key) DO UPDATE SET attribute = excluded.attribute, sub = excluded.sub";
        let put = query(statement).bind(pool_id).bind(user_name_key(value)).bind(attribute).bind(sub);
        put.execute(self.0).await.map_err(IssuerError::database("keep an alias"))?;
        Ok(())
    }

    /// The user has no alias by this attribute any more.
    pub(crate) async fn remove(self, sub: &str, attribute: &str) -> Result<(), IssuerError> {
        let remove = query("DELETE FROM aliases WHERE sub = $1 AND attribute = $2").bind(sub).bind(attribute);
        remove.execute(self.0).await.map_err(IssuerError::database("remove an alias"))?;
        Ok(())
    }
}
