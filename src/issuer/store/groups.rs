//! Statements about groups and who is in them.

use super::column::unsigned;
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{Group, Roles};

type Row = (String, Option<String>, Option<i64>, Option<String>, i64, i64);

macro_rules! groups {
    ($from:literal) => {
        concat!("SELECT g.name, g.description, g.precedence, g.role_arn, g.created_at, g.updated_at FROM ", $from)
    };
}

/// Groups and their members, on one connection.
pub(crate) struct Groups<'c>(pub(crate) &'c mut Connection);

impl Groups<'_> {
    /// Adds the group to the pool, or makes the one with its name be so.
    pub(crate) async fn put(self, pool_id: &str, group: &Group, now: u64) -> Result<(), IssuerError> {
        let statement =
            "INSERT INTO pool_groups (pool_id, name, description, precedence, role_arn, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $6)
            ON CONFLICT (pool_id, name) DO UPDATE SET description = excluded.description, role_arn = excluded.role_arn,
                precedence = excluded.precedence, updated_at = excluded.updated_at";
        let put = query(statement).bind(pool_id).bind(&group.name).bind(&group.description);
        let put = put.bind(group.precedence).bind(&group.role_arn).bind(now);
        put.execute(self.0).await.map_err(IssuerError::database("keep a group"))?;
        Ok(())
    }

    /// Keeps a group that the config declares: what it does not say stays.
    pub(crate) async fn declare(self, pool_id: &str, group: &Group, now: u64) -> Result<(), IssuerError> {
        let kept = Groups(&mut *self.0).by_name(pool_id, &group.name).await?;
        let (description, precedence, role_arn) =
            kept.map(|kept| (kept.description, kept.precedence, kept.role_arn)).unwrap_or_default();
        let group = Group {
            description: group.description.clone().or(description),
            precedence: group.precedence.or(precedence),
            role_arn: group.role_arn.clone().or(role_arn),
            ..group.clone()
        };
        self.put(pool_id, &group, now).await
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

    /// The pool's group of that name.
    pub(crate) async fn by_name(self, pool_id: &str, name: &str) -> Result<Option<Group>, IssuerError> {
        let row: Option<Row> = query(groups!("pool_groups g WHERE g.pool_id = $1 AND g.name = $2"))
            .bind(pool_id)
            .bind(name)
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a group"))?;
        Ok(row.map(group))
    }

    /// Removes a group; `false` where there is none of that name.
    pub(crate) async fn remove(self, pool_id: &str, name: &str) -> Result<bool, IssuerError> {
        let remove = query("DELETE FROM pool_groups WHERE pool_id = $1 AND name = $2").bind(pool_id).bind(name);
        Ok(remove.execute(self.0).await.map_err(IssuerError::database("delete a group"))? == 1)
    }

    /// The pool's groups after this name, at most `limit` of them.
    pub(crate) async fn page(self, pool_id: &str, after: &str, limit: u64) -> Result<Vec<Group>, IssuerError> {
        let page = query(groups!("pool_groups g WHERE g.pool_id = $1 AND g.name > $2 ORDER BY g.name LIMIT $3"));
        let page = page.bind(pool_id).bind(after).bind(limit).fetch_all(self.0).await;
        let rows: Vec<Row> = page.map_err(IssuerError::database("read groups"))?;
        Ok(rows.into_iter().map(group).collect())
    }

    /// The user's groups after this name, at most `limit` of them.
    pub(crate) async fn page_of_user(self, sub: &str, after: &str, limit: u64) -> Result<Vec<Group>, IssuerError> {
        let page = query(groups!(
            "group_members m JOIN pool_groups g ON g.pool_id = m.pool_id AND g.name = m.group_name
            WHERE m.sub = $1 AND g.name > $2 ORDER BY g.name LIMIT $3"
        ));
        let page = page.bind(sub).bind(after).bind(limit).fetch_all(self.0).await;
        let rows: Vec<Row> = page.map_err(IssuerError::database("read a user's groups"))?;
        Ok(rows.into_iter().map(group).collect())
    }

    /// Puts a user into a group, where it is not in it already.
    pub(crate) async fn add_member(self, pool_id: &str, sub: &str, name: &str) -> Result<(), IssuerError> {
        let statement = "INSERT INTO group_members (sub, pool_id, group_name, declared) VALUES ($1, $2, $3, $4)
            ON CONFLICT (sub, group_name) DO NOTHING";
        let add = query(statement).bind(sub).bind(pool_id).bind(name).bind(false);
        add.execute(self.0).await.map_err(IssuerError::database("put a user into a group"))?;
        Ok(())
    }

    pub(crate) async fn remove_member(self, sub: &str, name: &str) -> Result<(), IssuerError> {
        let remove = query("DELETE FROM group_members WHERE sub = $1 AND group_name = $2").bind(sub).bind(name);
        remove.execute(self.0).await.map_err(IssuerError::database("take a user out of a group"))?;
        Ok(())
    }

    /// The names of the user's groups in the order of their precedence, lowest first, those without one last, then by name; and the
    /// roles that they give.
    pub(crate) async fn of_user(self, sub: &str) -> Result<(Vec<String>, Roles), IssuerError> {
        let statement = "SELECT g.name, g.precedence, g.role_arn FROM group_members m
            JOIN pool_groups g ON g.pool_id = m.pool_id AND g.name = m.group_name
            WHERE m.sub = $1 ORDER BY g.precedence IS NULL, g.precedence, g.name";
        let rows: Vec<(String, Option<i64>, Option<String>)> = query(statement)
            .bind(sub)
            .fetch_all(self.0)
            .await
            .map_err(IssuerError::database("read a user's groups"))?;
        let role = |(_, precedence, role): &(String, Option<i64>, Option<String>)| {
            Some((precedence.and_then(|precedence| u32::try_from(precedence).ok()), role.clone()?))
        };
        let roles = Roles::of(&rows.iter().filter_map(role).collect::<Vec<_>>());
        Ok((rows.into_iter().map(|(name, ..)| name).collect(), roles))
    }
}

fn group((name, description, precedence, role_arn, created_at, updated_at): Row) -> Group {
    let precedence = precedence.and_then(|precedence| u32::try_from(precedence).ok());
    Group {
        name,
        description,
        precedence,
        role_arn,
        created_at: unsigned(created_at),
        updated_at: unsigned(updated_at),
    }
}
