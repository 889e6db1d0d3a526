//! Statements that list users, a page at a time in the order of an index, so that a page costs the same wherever it stands.

use super::super::database::{Connection, query};
use super::super::users::Users;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{User, user_name_key};

type Identity = (String, String, bool, String, i64, i64);

/// How long a `sub` is: a UUID.
const SUB: usize = 36;

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

/// A page of users and what the next begins after.
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

/// As `page!`, where few users are looked for among many: the order must not lead the database to look at each of them, which it
/// would to have them in order, so it is written in a way that no index has.
macro_rules! found {
    ($from:literal) => {
        concat!(
            "SELECT u.sub, u.name, u.enabled, u.status, u.created_at, u.updated_at FROM ",
            $from,
            " AND u.sub || '' > $2 ORDER BY u.sub || '' LIMIT $3"
        )
    };
}

/// What every text that begins with this one comes before.
fn end_of(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

/// Where a user stands in a list: what the next page begins after.
fn place_of(user: &User, filter: &UserFilter) -> String {
    match filter {
        UserFilter::Name { prefix: true, .. } => user_name_key(&user.name),
        UserFilter::Attribute { name, prefix: true, .. } => {
            format!("{}{}", user.sub, user.attributes.get(name).unwrap_or_default())
        }
        _ => user.sub.clone(),
    }
}

impl UserLists<'_> {
    /// The users after `after`, which is what an earlier page ended with, or empty; at most `limit` of them.
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
                begun(found!("users u WHERE u.pool_id = $1 AND u.name_key = $4")).bind(user_name_key(value))
            }
            UserFilter::Name { value, prefix: true } => {
                let prefix = user_name_key(value);
                begun(
                    "SELECT u.sub, u.name, u.enabled, u.status, u.created_at, u.updated_at FROM users u
                    WHERE u.pool_id = $1 AND u.name_key >= $4 AND u.name_key < $5 AND u.name_key > $2
                    ORDER BY u.name_key LIMIT $3",
                )
                .bind(prefix.clone())
                .bind(end_of(&prefix))
            }
            UserFilter::Sub { value, prefix: false } => {
                begun(page!("users u WHERE u.pool_id = $1 AND u.sub = $4")).bind(value)
            }
            UserFilter::Sub { value, prefix: true } => {
                begun(page!("users u WHERE u.pool_id = $1 AND u.sub >= $4 AND u.sub < $5"))
                    .bind(value)
                    .bind(end_of(value))
            }
            UserFilter::Status(status) => begun(page!("users u WHERE u.pool_id = $1 AND u.status = $4")).bind(status),
            UserFilter::Enabled(enabled) => {
                begun(page!("users u WHERE u.pool_id = $1 AND u.enabled = $4")).bind(*enabled)
            }
            // A cross join keeps SQLite to this order: first the values, then whose they are.
            UserFilter::Attribute { name, value, prefix: false } => begun(found!(
                "user_attributes a CROSS JOIN users u
                WHERE u.sub = a.sub AND u.pool_id = $1 AND a.name = $4 AND a.value = $5"
            ))
            .bind(name)
            .bind(value),
            UserFilter::Attribute { name, value, prefix: true } => {
                let (sub, reached) = after.split_at_checked(SUB).unwrap_or_default();
                query(
                    "SELECT u.sub, u.name, u.enabled, u.status, u.created_at, u.updated_at
                    FROM user_attributes a CROSS JOIN users u
                    WHERE u.sub = a.sub AND u.pool_id = $1 AND a.name = $4 AND a.value >= $5 AND a.value < $6
                    AND (a.value > $5 OR a.sub > $2) ORDER BY a.value, a.sub LIMIT $3",
                )
                .bind(pool_id)
                .bind(sub)
                .bind(u64::from(limit) + 1)
                .bind(name)
                .bind(if reached > value.as_str() { reached } else { value })
                .bind(end_of(value))
            }
            UserFilter::InGroup(group) => begun(
                "SELECT u.sub, u.name, u.enabled, u.status, u.created_at, u.updated_at
                FROM group_members m CROSS JOIN users u WHERE u.sub = m.sub AND m.pool_id = $1 AND m.group_name = $4
                AND m.sub > $2 ORDER BY m.sub LIMIT $3",
            )
            .bind(group),
        };
        let rows: Vec<Identity> =
            statement.fetch_all(&mut *self.0).await.map_err(IssuerError::database("list users"))?;
        self.read(rows, filter, limit).await
    }

    async fn read(self, mut rows: Vec<Identity>, filter: &UserFilter, limit: u32) -> Result<Page, IssuerError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut users = Vec::with_capacity(rows.len());
        for row in rows {
            users.push(Users(&mut *self.0).with_belongings(row).await?);
        }
        let next = users.last().filter(|_| more).map(|last| place_of(last, filter));
        Ok(Page { users, next })
    }

    /// How many users the pool has.
    pub(crate) async fn count(self, pool_id: &str) -> Result<i64, IssuerError> {
        let count = query("SELECT COUNT(*) FROM users WHERE pool_id = $1").bind(pool_id);
        let (count,): (i64,) = count.fetch_one(self.0).await.map_err(IssuerError::database("count users"))?;
        Ok(count)
    }
}
