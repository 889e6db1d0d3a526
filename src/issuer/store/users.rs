//! Statements about users and their attributes.

use std::collections::BTreeMap;

use super::column::{from_list, list, unsigned};
use super::database::{Connection, query};
use super::groups::Groups;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::proof::Factor;
use crate::issuer::pool::{
    Attributes, Credentials, PasswordHash, SealedVerifier, StoredUser, User, UserStatus, user_name_key,
};

type Identity = (String, String, bool, String, i64, i64);
type Proofs = (
    Option<String>,
    Option<i64>,
    String,
    Option<String>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<Vec<u8>>,
    Option<i64>,
    String,
    Option<String>,
);

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

/// Who signs in by a name: as much as a comparison needs.
#[derive(Debug)]
pub(crate) struct Login {
    pub sub: String,
    pub name: String,
    pub password: Option<PasswordHash>,
    /// Where the password can be proved by SRP.
    pub srp: Option<SealedVerifier>,
}

type LoginRow = (String, String, Option<String>, Option<String>, Option<Vec<u8>>, Option<Vec<u8>>);

/// A user that is new.
#[derive(Debug)]
pub(crate) struct NewUser<'a> {
    pub sub: &'a str,
    pub pool_id: &'a str,
    pub name: &'a str,
    pub status: UserStatus,
    pub attributes: &'a BTreeMap<String, String>,
}

/// A password as it is set, with all that hangs on it.
#[derive(Debug)]
pub(crate) struct NewPassword<'a> {
    pub hash: Option<&'a PasswordHash>,
    pub srp: Option<&'a SealedVerifier>,
    /// Hashes of the passwords before this one.
    pub history: &'a [PasswordHash],
    pub status: UserStatus,
    pub temporary_until: Option<u64>,
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
                password_hash = COALESCE(excluded.password_hash, users.password_hash), updated_at = excluded.updated_at,
                status = 'CONFIRMED', temporary_until = NULL
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

    /// Adds a user without a password; `false` where the name is taken.
    pub(crate) async fn add(self, user: &NewUser<'_>, now: u64) -> Result<bool, IssuerError> {
        let statement = "INSERT INTO users (sub, pool_id, name, name_key, enabled, status, created_at, updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (pool_id, name_key) DO NOTHING";
        let added = query(statement)
            .bind(user.sub)
            .bind(user.pool_id)
            .bind(user.name)
            .bind(user_name_key(user.name))
            .bind(true)
            .bind(user.status.name())
            .bind(now)
            .execute(&mut *self.0)
            .await
            .map_err(IssuerError::database("add a user"))?;
        Users(self.0).put_attributes(user.sub, user.attributes, now).await?;
        Ok(added == 1)
    }

    /// Whether a user has this name; aliases are not asked.
    pub(crate) async fn has_name(self, pool_id: &str, name: &str) -> Result<bool, IssuerError> {
        let row: Option<(String,)> = query("SELECT sub FROM users WHERE pool_id = $1 AND name_key = $2")
            .bind(pool_id)
            .bind(user_name_key(name))
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a user"))?;
        Ok(row.is_some())
    }

    /// Whether a user of the pool has this `sub`. Administrators name users by it too, so that no other may be called so.
    pub(crate) async fn has_sub(self, pool_id: &str, name: &str) -> Result<bool, IssuerError> {
        let row: Option<(String,)> = query("SELECT sub FROM users WHERE pool_id = $1 AND sub = $2")
            .bind(pool_id)
            .bind(user_name_key(name))
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a user"))?;
        Ok(row.is_some())
    }

    /// Whoever signs in by this name or alias. One statement, whether there is such a user or not.
    pub(crate) async fn login(self, pool_id: &str, name: &str) -> Result<Option<Login>, IssuerError> {
        let statement = "SELECT sub, name, password_hash, srp_identity, srp_salt, srp_verifier FROM users
            WHERE pool_id = $1 AND name_key = $2
            UNION ALL SELECT u.sub, u.name, u.password_hash, u.srp_identity, u.srp_salt, u.srp_verifier
            FROM aliases a JOIN users u ON u.sub = a.sub WHERE a.pool_id = $1 AND a.value_key = $2 LIMIT 1";
        let row: Option<LoginRow> = query(statement)
            .bind(pool_id)
            .bind(user_name_key(name))
            .fetch_optional(self.0)
            .await
            .map_err(IssuerError::database("read a password hash"))?;
        Ok(row.map(|(sub, name, hash, identity, salt, verifier)| Login {
            sub,
            name,
            password: hash.map(PasswordHash::kept),
            srp: sealed_verifier(identity, salt, verifier),
        }))
    }

    /// The `sub` of the user of that name or alias.
    pub(crate) async fn sub_of(self, pool_id: &str, name: &str) -> Result<Option<String>, IssuerError> {
        Ok(self.login(pool_id, name).await?.map(|login| login.sub))
    }

    /// The user of that name or alias, compared without case.
    pub(crate) async fn by_login(self, pool_id: &str, name: &str) -> Result<Option<StoredUser>, IssuerError> {
        let Some(login) = Users(&mut *self.0).login(pool_id, name).await? else { return Ok(None) };
        Users(self.0).by_sub(pool_id, &login.sub).await
    }

    /// The user of that name or alias, or of that `sub`.
    pub(crate) async fn by_login_or_sub(self, pool_id: &str, name: &str) -> Result<Option<StoredUser>, IssuerError> {
        match Users(&mut *self.0).by_login(pool_id, name).await? {
            None => Users(self.0).by_sub(pool_id, name).await,
            found => Ok(found),
        }
    }

    /// The user of that `sub` in that pool.
    pub(crate) async fn by_sub(self, pool_id: &str, sub: &str) -> Result<Option<StoredUser>, IssuerError> {
        let failed = || IssuerError::database("read a user");
        let statement =
            "SELECT sub, name, enabled, status, created_at, updated_at FROM users WHERE pool_id = $1 AND sub = $2";
        let row: Option<Identity> =
            query(statement).bind(pool_id).bind(sub).fetch_optional(&mut *self.0).await.map_err(failed())?;
        let Some(identity) = row else { return Ok(None) };
        let statement =
            "SELECT password_hash, temporary_until, password_history, srp_identity, srp_salt, srp_verifier, totp,
            totp_used, factors, preferred_factor FROM users WHERE sub = $1";
        let proofs: Option<Proofs> = query(statement).bind(sub).fetch_optional(&mut *self.0).await.map_err(failed())?;
        let Some(proofs) = proofs else { return Ok(None) };
        let user = Users(&mut *self.0).with_belongings(identity).await?;
        let password = proofs.0.clone().map(PasswordHash::kept);
        Ok(Some(StoredUser { user, password, credentials: credentials(proofs)? }))
    }

    /// A user as the pages of lists have it: with attributes, without what it proves itself by.
    pub(super) async fn with_belongings(self, identity: Identity) -> Result<User, IssuerError> {
        let (sub, name, enabled, status, created_at, updated_at) = identity;
        let attributes: Vec<(String, String)> = query("SELECT name, value FROM user_attributes WHERE sub = $1")
            .bind(&sub)
            .fetch_all(&mut *self.0)
            .await
            .map_err(IssuerError::database("read a user's attributes"))?;
        let (groups, roles) = Groups(self.0).of_user(&sub).await?;
        let attributes: Attributes = attributes.into_iter().collect();
        let status = UserStatus::read(&status).ok_or(IssuerError::Kept("user status"))?;
        let (created_at, updated_at) = (unsigned(created_at), unsigned(updated_at));
        Ok(User { sub, name, enabled, status, created_at, updated_at, attributes, groups, roles })
    }

    /// Sets attributes; an empty value takes one away.
    pub(crate) async fn put_attributes(
        self,
        sub: &str,
        attributes: &BTreeMap<String, String>,
        now: u64,
    ) -> Result<(), IssuerError> {
        let statement = "INSERT INTO user_attributes (sub, name, value, declared) VALUES ($1, $2, $3, $4)
            ON CONFLICT (sub, name) DO UPDATE SET value = excluded.value";
        for (name, value) in attributes {
            if value.is_empty() {
                Users(&mut *self.0).remove_attribute(sub, name, now).await?;
                continue;
            }
            let put = query(statement).bind(sub).bind(name).bind(value).bind(false);
            put.execute(&mut *self.0).await.map_err(IssuerError::database("keep a user's attributes"))?;
        }
        Users(self.0).touch(sub, now).await
    }

    pub(crate) async fn remove_attribute(self, sub: &str, name: &str, now: u64) -> Result<(), IssuerError> {
        let remove = query("DELETE FROM user_attributes WHERE sub = $1 AND name = $2").bind(sub).bind(name);
        remove.execute(&mut *self.0).await.map_err(IssuerError::database("remove an attribute"))?;
        Users(self.0).touch(sub, now).await
    }

    async fn touch(self, sub: &str, now: u64) -> Result<(), IssuerError> {
        let touch = query("UPDATE users SET updated_at = $1 WHERE sub = $2").bind(now).bind(sub);
        touch.execute(self.0).await.map_err(IssuerError::database("keep a user"))?;
        Ok(())
    }

    /// Sets or takes away the password, and the status that comes of it.
    pub(crate) async fn set_password(self, sub: &str, new: &NewPassword<'_>, now: u64) -> Result<(), IssuerError> {
        let statement = "UPDATE users SET password_hash = $1, srp_identity = $2, srp_salt = $3, srp_verifier = $4,
            password_history = $5, status = $6, temporary_until = $7, updated_at = $8 WHERE sub = $9";
        let history: Vec<&str> = new.history.iter().map(PasswordHash::as_str).collect();
        query(statement)
            .bind(new.hash.map(PasswordHash::as_str))
            .bind(new.srp.map(|srp| srp.identity.as_str()))
            .bind(new.srp.map(|srp| srp.salt.as_slice()))
            .bind(new.srp.map(|srp| srp.sealed.as_slice()))
            .bind(list(&history))
            .bind(new.status.name())
            .bind(new.temporary_until)
            .bind(now)
            .bind(sub)
            .execute(self.0)
            .await
            .map_err(IssuerError::database("set a password"))?;
        Ok(())
    }

    /// Keeps a verifier of the password that is set.
    pub(crate) async fn set_verifier(self, sub: &str, srp: &SealedVerifier) -> Result<(), IssuerError> {
        query("UPDATE users SET srp_identity = $1, srp_salt = $2, srp_verifier = $3 WHERE sub = $4")
            .bind(&srp.identity)
            .bind(srp.salt.as_slice())
            .bind(srp.sealed.as_slice())
            .bind(sub)
            .execute(self.0)
            .await
            .map_err(IssuerError::database("keep a verifier"))?;
        Ok(())
    }

    /// Keeps another hash of the password that is set.
    pub(crate) async fn renew_hash(self, sub: &str, hash: &PasswordHash) -> Result<(), IssuerError> {
        let renew = query("UPDATE users SET password_hash = $1 WHERE sub = $2").bind(hash.as_str()).bind(sub);
        renew.execute(self.0).await.map_err(IssuerError::database("keep a password hash"))?;
        Ok(())
    }

    pub(crate) async fn set_status(self, sub: &str, status: UserStatus, now: u64) -> Result<(), IssuerError> {
        let set = query("UPDATE users SET status = $1, updated_at = $2 WHERE sub = $3").bind(status.name());
        set.bind(now).bind(sub).execute(self.0).await.map_err(IssuerError::database("keep a user's status"))?;
        Ok(())
    }

    pub(crate) async fn set_enabled(self, sub: &str, enabled: bool, now: u64) -> Result<(), IssuerError> {
        let set = query("UPDATE users SET enabled = $1, updated_at = $2 WHERE sub = $3").bind(enabled);
        set.bind(now).bind(sub).execute(self.0).await.map_err(IssuerError::database("enable or disable a user"))?;
        Ok(())
    }

    pub(crate) async fn remove(self, sub: &str) -> Result<(), IssuerError> {
        let remove = query("DELETE FROM users WHERE sub = $1").bind(sub);
        remove.execute(self.0).await.map_err(IssuerError::database("delete a user"))?;
        Ok(())
    }
}

fn sealed_verifier(
    identity: Option<String>,
    salt: Option<Vec<u8>>,
    verifier: Option<Vec<u8>>,
) -> Option<SealedVerifier> {
    Some(SealedVerifier { identity: identity?, salt: salt?, sealed: verifier? })
}

fn credentials(proofs: Proofs) -> Result<Credentials, IssuerError> {
    let (_, temporary_until, history, identity, salt, verifier, totp, totp_used, factors, preferred) = proofs;
    let history: Vec<String> = from_list(&history, "password history")?;
    let factors: Vec<String> = from_list(&factors, "list of factors")?;
    let srp = sealed_verifier(identity, salt, verifier);
    Ok(Credentials {
        temporary_until: temporary_until.map(unsigned),
        srp,
        history: history.into_iter().map(PasswordHash::kept).collect(),
        totp,
        totp_used: totp_used.map(unsigned),
        factors: factors.iter().filter_map(|name| Factor::read(name)).collect(),
        preferred: preferred.as_deref().and_then(Factor::read),
    })
}
