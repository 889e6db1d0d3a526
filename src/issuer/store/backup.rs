//! Statements that read and write users whole, with all that they prove themselves by: for backups.

use super::column::{from_list, list, unsigned};
use super::database::{Connection, query};
use crate::issuer::error::IssuerError;
use crate::issuer::pool::user_name_key;

type Identity = (String, String, bool, String, i64, i64);
type Proofs = (
    Option<String>,
    String,
    Option<String>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<i64>,
    String,
    Option<String>,
    Option<i64>,
);

/// A user as kept, whole.
#[derive(Debug, Clone, Default)]
pub(crate) struct WholeUser {
    pub sub: String,
    pub name: String,
    pub enabled: bool,
    pub status: String,
    /// Unix milliseconds.
    pub created_at: u64,
    /// Unix milliseconds.
    pub updated_at: u64,
    pub attributes: Vec<(String, String)>,
    pub groups: Vec<String>,
    /// Attribute and value of each other name that the user signs in by.
    pub aliases: Vec<(String, String)>,
    pub proofs: WholeProofs,
}

/// What a user proves itself by. The verifier and the seed are sealed.
#[derive(Debug, Clone, Default)]
pub(crate) struct WholeProofs {
    pub password_hash: Option<String>,
    pub password_history: Vec<String>,
    pub srp_identity: Option<String>,
    pub srp_salt: Option<Vec<u8>>,
    pub srp_verifier: Option<Vec<u8>>,
    pub totp: Option<Vec<u8>>,
    pub totp_used: Option<u64>,
    pub factors: Vec<String>,
    pub preferred_factor: Option<String>,
    /// Unix milliseconds.
    pub temporary_until: Option<u64>,
}

/// Users, whole, on one connection.
pub(crate) struct WholeUsers<'c>(pub(crate) &'c mut Connection);

impl WholeUsers<'_> {
    /// The pool's users after this `sub`, at most `limit` of them.
    pub(crate) async fn page(self, pool_id: &str, after: &str, limit: u64) -> Result<Vec<WholeUser>, IssuerError> {
        let statement = "SELECT sub, name, enabled, status, created_at, updated_at FROM users
            WHERE pool_id = $1 AND sub > $2 ORDER BY sub LIMIT $3";
        let page = query(statement).bind(pool_id).bind(after).bind(limit);
        let rows: Vec<Identity> = page.fetch_all(&mut *self.0).await.map_err(failed())?;
        let mut users = Vec::with_capacity(rows.len());
        for row in rows {
            users.push(WholeUsers(&mut *self.0).whole(row).await?);
        }
        Ok(users)
    }

    async fn whole(self, identity: Identity) -> Result<WholeUser, IssuerError> {
        let (sub, name, enabled, status, created_at, updated_at) = identity;
        let attributes = query("SELECT name, value FROM user_attributes WHERE sub = $1 ORDER BY name").bind(&sub);
        let attributes = attributes.fetch_all(&mut *self.0).await.map_err(failed())?;
        let groups = query("SELECT group_name FROM group_members WHERE sub = $1 ORDER BY group_name").bind(&sub);
        let groups: Vec<(String,)> = groups.fetch_all(&mut *self.0).await.map_err(failed())?;
        let aliases = query("SELECT attribute, value_key FROM aliases WHERE sub = $1 ORDER BY attribute").bind(&sub);
        let aliases = aliases.fetch_all(&mut *self.0).await.map_err(failed())?;
        let statement = "SELECT password_hash, password_history, srp_identity, srp_salt, srp_verifier, totp, totp_used,
            factors, preferred_factor, temporary_until FROM users WHERE sub = $1";
        let proofs: Proofs = query(statement).bind(&sub).fetch_one(self.0).await.map_err(failed())?;
        Ok(WholeUser {
            sub,
            name,
            enabled,
            status,
            created_at: unsigned(created_at),
            updated_at: unsigned(updated_at),
            attributes,
            groups: groups.into_iter().map(|(name,)| name).collect(),
            aliases,
            proofs: whole_proofs(proofs)?,
        })
    }

    /// Adds the user with everything; `false` where the name or the `sub` is taken, and then nothing is changed. An alias that is
    /// another user's stays with that one; groups must be there.
    pub(crate) async fn add(self, pool_id: &str, user: &WholeUser) -> Result<bool, IssuerError> {
        let statement = "INSERT INTO users (sub, pool_id, name, name_key, enabled, status, created_at, updated_at,
                password_hash, password_history, srp_identity, srp_salt, srp_verifier, totp, totp_used, factors,
                preferred_factor, temporary_until)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
            ON CONFLICT DO NOTHING";
        let proofs = &user.proofs;
        let added = query(statement)
            .bind(&user.sub)
            .bind(pool_id)
            .bind(&user.name)
            .bind(user_name_key(&user.name))
            .bind(user.enabled)
            .bind(&user.status)
            .bind(user.created_at)
            .bind(user.updated_at)
            .bind(&proofs.password_hash)
            .bind(list(&proofs.password_history))
            .bind(&proofs.srp_identity)
            .bind(proofs.srp_salt.as_deref())
            .bind(proofs.srp_verifier.as_deref())
            .bind(proofs.totp.as_deref())
            .bind(proofs.totp_used)
            .bind(list(&proofs.factors))
            .bind(&proofs.preferred_factor)
            .bind(proofs.temporary_until)
            .execute(&mut *self.0)
            .await
            .map_err(IssuerError::database("restore a user"))?;
        if added == 1 {
            self.add_belongings(pool_id, user).await?;
        }
        Ok(added == 1)
    }

    async fn add_belongings(self, pool_id: &str, user: &WholeUser) -> Result<(), IssuerError> {
        let failed = || IssuerError::database("restore a user");
        for (name, value) in &user.attributes {
            let statement = "INSERT INTO user_attributes (sub, name, value, declared) VALUES ($1, $2, $3, $4)";
            let add = query(statement).bind(&user.sub).bind(name).bind(value).bind(false);
            add.execute(&mut *self.0).await.map_err(failed())?;
        }
        for group in &user.groups {
            let statement = "INSERT INTO group_members (sub, pool_id, group_name, declared) VALUES ($1, $2, $3, $4)
                ON CONFLICT DO NOTHING";
            let add = query(statement).bind(&user.sub).bind(pool_id).bind(group).bind(false);
            add.execute(&mut *self.0).await.map_err(failed())?;
        }
        for (attribute, value) in &user.aliases {
            let statement = "INSERT INTO aliases (pool_id, value_key, attribute, sub) VALUES ($1, $2, $3, $4)
                ON CONFLICT DO NOTHING";
            let add = query(statement).bind(pool_id).bind(user_name_key(value)).bind(attribute).bind(&user.sub);
            add.execute(&mut *self.0).await.map_err(failed())?;
        }
        Ok(())
    }
}

fn failed() -> impl FnOnce(sqlx::Error) -> IssuerError {
    IssuerError::database("read a whole user")
}

fn whole_proofs(proofs: Proofs) -> Result<WholeProofs, IssuerError> {
    let (hash, history, srp_identity, srp_salt, srp_verifier, totp, totp_used, factors, preferred_factor, temporary) =
        proofs;
    Ok(WholeProofs {
        password_hash: hash,
        password_history: from_list(&history, "password history")?,
        srp_identity,
        srp_salt,
        srp_verifier,
        totp,
        totp_used: totp_used.map(unsigned),
        factors: from_list(&factors, "list of factors")?,
        preferred_factor,
        temporary_until: temporary.map(unsigned),
    })
}
