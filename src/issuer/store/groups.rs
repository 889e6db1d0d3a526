//! Statements about groups and who is in them.

use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::Group;

/// Groups and their members, on one connection.
pub(crate) struct Groups<'c>(pub(crate) &'c mut Connection);

impl Groups<'_> {
    /// Adds the group to the pool, or makes the one with its name be so.
    pub(crate) async fn put(self, pool_id: &str, group: &Group, now: u64) -> Result<(), IssuerError> {
        let statement = "INSERT INTO pool_groups (pool_id, name, description, precedence, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $5)
            ON CONFLICT (pool_id, name) DO UPDATE SET description = excluded.description,
                precedence = excluded.precedence, updated_at = excluded.updated_at";
        let put = query(statement).bind(pool_id).bind(&group.name).bind(&group.description);
        let put = put.bind(group.precedence).bind(now);
        put.execute(self.0).await.map_err(IssuerError::database("keep a group"))?;
        Ok(())
    }

    /// Makes the groups that the config puts the user in be these; groups that others put the user in stay.
    pub(crate) async fn declare_members(self, pool_id: &str, sub: &str, groups: &[String]) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("keep a user's groups");
        query("DELETE FROM group_members WHERE sub = $1 AND declared = $2")
            .bind(sub)
            .bind(true)
            .execute(&mut *self.0)
            .await
            .map_err(failed())?;
        let statement = "INSERT INTO group_members (sub, pool_id, group_name, declared) VALUES ($1, $2, $3, $4)
            ON CONFLICT (sub, group_name) DO UPDATE SET declared = excluded.declared";
        for group in groups {
            let put = query(statement).bind(sub).bind(pool_id).bind(group).bind(true);
            put.execute(&mut *self.0).await.map_err(failed())?;
        }
        Ok(())
    }

    /// The names of the user's groups in the order of their precedence: lowest first, those without one last, then by name.
    pub(crate) async fn of_user(self, sub: &str) -> Result<Vec<String>, IssuerError> {
        let statement = "SELECT g.name FROM group_members m
            JOIN pool_groups g ON g.pool_id = m.pool_id AND g.name = m.group_name
            WHERE m.sub = $1 ORDER BY g.precedence IS NULL, g.precedence, g.name";
        let rows: Vec<(String,)> = query(statement)
            .bind(sub)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read a user's groups"))?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }
}
