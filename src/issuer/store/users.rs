//! Statements about users and their attributes.

use std::collections::BTreeMap;

use super::database::{Connection, query};
use super::groups::Groups;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Attributes, PasswordHash, StoredUser, User, user_name_key};

type Row = (String, String, Option<String>, bool);

/// A user as the config declares one.
#[derive(Debug)]
pub(crate) struct DeclaredUser<'a> {
    pub pool_id: &'a str,
    pub name: &'a str,
    /// The new hash; `None` keeps the one that is there.
    pub password: Option<&'a PasswordHash>,
    pub enabled: bool,
    pub attributes: &'a BTreeMap<String, String>,
}

/// Users with their attributes, on one connection.
pub(crate) struct Users<'c>(pub(crate) &'c mut Connection);

impl Users<'_> {
    /// Adds the user, with `new_sub` as its `sub`, or makes the one of that name be so. Gives the user's `sub`, which never changes.
    pub(crate) async fn declare(self, user: &DeclaredUser<'_>, new_sub: &str, now: u64) -> Result<String, IssuerError> {
        let statement =
            "INSERT INTO users (sub, pool_id, name, name_key, password_hash, enabled, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
            ON CONFLICT (pool_id, name_key) DO UPDATE SET name = excluded.name, enabled = excluded.enabled,
                password_hash = COALESCE(excluded.password_hash, users.password_hash), updated_at = excluded.updated_at
            RETURNING sub";
        let (sub,): (String,) = query(statement)
            .bind(new_sub)
            .bind(user.pool_id)
            .bind(user.name)
            .bind(user_name_key(user.name))
            .bind(user.password.map(PasswordHash::as_str))
            .bind(user.enabled)
            .bind(now)
            .fetch_one(&mut *self.0)
            .await
            .map_err(IssuerError::database("keep a user"))?;
        Users(self.0).declare_attributes(&sub, user.attributes).await?;
        Ok(sub)
    }

    /// Attributes that the config no longer says go; those that others set stay, unless the config says them too.
    async fn declare_attributes(self, sub: &str, attributes: &BTreeMap<String, String>) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("keep a user's attributes");
        query("DELETE FROM user_attributes WHERE sub = $1 AND declared = $2")
            .bind(sub)
            .bind(true)
            .execute(&mut *self.0)
            .await
            .map_err(failed())?;
        let statement = "INSERT INTO user_attributes (sub, name, value, declared) VALUES ($1, $2, $3, $4)
            ON CONFLICT (sub, name) DO UPDATE SET value = excluded.value, declared = excluded.declared";
        for (name, value) in attributes {
            let put = query(statement).bind(sub).bind(name).bind(value).bind(true);
            put.execute(&mut *self.0).await.map_err(failed())?;
        }
        Ok(())
    }

    /// The hash of the password of the user of that name. One statement, whether there is such a user or not.
    pub(crate) async fn password_of(self, pool_id: &str, name: &str) -> Result<Option<PasswordHash>, IssuerError> {
        let statement = "SELECT password_hash FROM users WHERE pool_id = $1 AND name_key = $2";
        let row: Option<(Option<String>,)> = query(statement)
            .bind(pool_id)
            .bind(user_name_key(name))
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a password hash"))?;
        Ok(row.and_then(|(hash,)| hash).map(PasswordHash::kept))
    }

    /// The `sub` of the user of that name.
    pub(crate) async fn sub_of(self, pool_id: &str, name: &str) -> Result<Option<String>, IssuerError> {
        let row: Option<(String,)> = query("SELECT sub FROM users WHERE pool_id = $1 AND name_key = $2")
            .bind(pool_id)
            .bind(user_name_key(name))
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("find a user"))?;
        Ok(row.map(|(sub,)| sub))
    }

    /// The user of that name, compared without case.
    pub(crate) async fn by_name(self, pool_id: &str, name: &str) -> Result<Option<StoredUser>, IssuerError> {
        let statement = "SELECT sub, name, password_hash, enabled FROM users WHERE pool_id = $1 AND name_key = $2";
        let row: Option<Row> = query(statement)
            .bind(pool_id)
            .bind(user_name_key(name))
            .fetch_optional(&mut *self.0)
            .await
            .map_err(IssuerError::database("read a user"))?;
        self.with_belongings(row).await
    }

    /// The user of that `sub` in that pool.
    pub(crate) async fn by_sub(self, pool_id: &str, sub: &str) -> Result<Option<StoredUser>, IssuerError> {
        let statement = "SELECT sub, name, password_hash, enabled FROM users WHERE pool_id = $1 AND sub = $2";
        let row: Option<Row> = query(statement)
            .bind(pool_id)
            .bind(sub)
            .fetch_optional(&mut *self.0)
            .await
            .map_err(IssuerError::database("read a user"))?;
        self.with_belongings(row).await
    }

    /// The names of a pool's users.
    pub(crate) async fn names(self, pool_id: &str) -> Result<Vec<String>, IssuerError> {
        let rows: Vec<(String,)> = query("SELECT name FROM users WHERE pool_id = $1 ORDER BY name_key")
            .bind(pool_id)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read users"))?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    async fn with_belongings(self, row: Option<Row>) -> Result<Option<StoredUser>, IssuerError> {
        let Some((sub, name, password, enabled)) = row else { return Ok(None) };
        let attributes: Vec<(String, String)> = query("SELECT name, value FROM user_attributes WHERE sub = $1")
            .bind(&sub)
            .fetch_all(&mut *self.0)
            .await
            .map_err(IssuerError::database("read a user's attributes"))?;
        let groups = Groups(self.0).of_user(&sub).await?;
        let attributes: Attributes = attributes.into_iter().collect();
        let user = User { sub, name, enabled, attributes, groups };
        Ok(Some(StoredUser { user, password: password.map(PasswordHash::kept) }))
    }
}
