//! Statements that list users, a page at a time in the order of their `sub`, so that a page costs the same wherever it stands.

use super::super::database::{Connection, query};
use super::super::users::Users;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{User, user_name_key};

type Identity = (String, String, bool, String, i64, i64);

/// Which users a list is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UserFilter {
    All,
    /// The user name is this, or begins so.
    Name {
        value: String,
        prefix: bool,
    },
    Sub {
        value: String,
        prefix: bool,
    },
    Status(String),
    Enabled(bool),
    /// An attribute is this, or begins so.
    Attribute {
        name: String,
        value: String,
        prefix: bool,
    },
    InGroup(String),
}

/// A page of users and where the next begins.
#[derive(Debug)]
pub(crate) struct Page {
    pub users: Vec<User>,
    pub next: Option<String>,
}

/// Lists of users, on one connection.
pub(crate) struct UserLists<'c>(pub(crate) &'c mut Connection);

macro_rules! page {
    ($from:literal) => {
        concat!(
            "SELECT u.sub, u.name, u.enabled, u.status, u.created_at, u.updated_at FROM ",
            $from,
            " AND u.sub > $2 ORDER BY u.sub LIMIT $3"
        )
    };
}

impl UserLists<'_> {
    /// The users after `after`, at most `limit` of them.
    pub(crate) async fn page(
        self,
        pool_id: &str,
        filter: &UserFilter,
        after: &str,
        limit: u32,
    ) -> Result<Page, IssuerError> {
        let begun = |sql: &'static str| query(sql).bind(pool_id).bind(after).bind(u64::from(limit) + 1);
        let statement = match filter {
            UserFilter::All => begun(page!("users u WHERE u.pool_id = $1")),
            UserFilter::Name { value, prefix: false } => {
                begun(page!("users u WHERE u.pool_id = $1 AND u.name_key = $4")).bind(user_name_key(value))
            }
            UserFilter::Name { value, prefix: true } => {
                begun(page!("users u WHERE u.pool_id = $1 AND substr(u.name_key, 1, length($4)) = $4"))
                    .bind(user_name_key(value))
            }
            UserFilter::Sub { value, prefix: false } => {
                begun(page!("users u WHERE u.pool_id = $1 AND u.sub = $4")).bind(value)
            }
            UserFilter::Sub { value, prefix: true } => {
                begun(page!("users u WHERE u.pool_id = $1 AND substr(u.sub, 1, length($4)) = $4")).bind(value)
            }
            UserFilter::Status(status) => begun(page!("users u WHERE u.pool_id = $1 AND u.status = $4")).bind(status),
            UserFilter::Enabled(enabled) => {
                begun(page!("users u WHERE u.pool_id = $1 AND u.enabled = $4")).bind(*enabled)
            }
            UserFilter::Attribute { name, value, prefix: false } => begun(page!(
                "user_attributes a JOIN users u ON u.sub = a.sub WHERE u.pool_id = $1 AND a.name = $4 AND a.value = $5"
            ))
            .bind(name)
            .bind(value),
            UserFilter::Attribute { name, value, prefix: true } => begun(page!(
                "user_attributes a JOIN users u ON u.sub = a.sub WHERE u.pool_id = $1 AND a.name = $4
                AND substr(a.value, 1, length($5)) = $5"
            ))
            .bind(name)
            .bind(value),
            UserFilter::InGroup(group) => {
                begun(page!("group_members m JOIN users u ON u.sub = m.sub WHERE m.pool_id = $1 AND m.group_name = $4"))
                    .bind(group)
            }
        };
        let rows: Vec<Identity> =
            statement.fetch_all(&mut *self.0).await.map_err(IssuerError::database("list users"))?;
        self.read(rows, limit).await
    }

    async fn read(self, mut rows: Vec<Identity>, limit: u32) -> Result<Page, IssuerError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(|row| row.0.clone()).filter(|_| more);
        let mut users = Vec::with_capacity(rows.len());
        for row in rows {
            users.push(Users(&mut *self.0).with_belongings(row).await?);
        }
        Ok(Page { users, next })
    }

    /// How many users the pool has.
    pub(crate) async fn count(self, pool_id: &str) -> Result<i64, IssuerError> {
        let count = query("SELECT COUNT(*) FROM users WHERE pool_id = $1").bind(pool_id);
        let (count,): (i64,) = count.fetch_one(self.0).await.map_err(IssuerError::database("count users"))?;
        Ok(count)
    }
}
