//! Writes declared pools into the database: what the config says wins, what it does not say stays.

use std::collections::HashSet;

use secrecy::ExposeSecret;
use tracing::warn;
use uuid::Uuid;

use super::declaration::{DeclaredClient, DeclaredPool};
use crate::issuer::config::UserConfig;
use crate::issuer::error::IssuerError;
use crate::issuer::pool::{PasswordHash, user_name_key};
use crate::issuer::store::{Clients, Connection, Database, DeclaredUser, Groups, Pools, Sessions, Users};
use crate::issuer::workers::Workers;

/// Makes the database say what the config says, a pool at a time, each in one transaction.
pub(crate) async fn keep_in_step(
    database: &Database,
    declared: &[DeclaredPool],
    hashing: &Workers,
    now: u64,
) -> Result<(), IssuerError> {
    for pool in declared {
        // Hashing takes long: it is done before the transaction, which nobody can write beside.
        let passwords = new_passwords(database, pool, hashing).await?;
        let mut write = database.write().await?;
        put_pool(&mut write, pool, now).await?;
        for ((name, user), password) in pool.users.iter().zip(&passwords) {
            let user = DeclaredUser {
                pool_id: &pool.pool.id,
                name,
                password: password.as_ref(),
                enabled: user.enabled,
                attributes: &user.attributes,
            };
            put_user(&mut write, &user, pool, now).await?;
        }
        warn_of_the_undeclared(&mut write, pool).await?;
        write.commit().await.map_err(IssuerError::database("keep a declared pool"))?;
    }
    Ok(())
}

async fn put_pool(write: &mut Connection, declared: &DeclaredPool, now: u64) -> Result<(), IssuerError> {
    Pools(write).put(&declared.pool, now).await?;
    for DeclaredClient { client, .. } in &declared.clients {
        Clients(write).put(client, now).await?;
    }
    for group in &declared.groups {
        Groups(write).put(&declared.pool.id, group, now).await?;
    }
    Ok(())
}

async fn put_user(
    write: &mut Connection,
    user: &DeclaredUser<'_>,
    declared: &DeclaredPool,
    now: u64,
) -> Result<(), IssuerError> {
    let sub = Users(write).declare(user, &Uuid::new_v4().to_string(), now).await?;
    let groups = declared.users.get(user.name).map(|user| user.groups.as_slice()).unwrap_or_default();
    Groups(write).declare_members(user.pool_id, &sub, groups).await?;
    if !user.enabled {
        Sessions(write).revoke_all_of(&sub, now).await?;
    }
    Ok(())
}

/// For each user, in order, the hash of the declared password where the one that is kept is not of it.
async fn new_passwords(
    database: &Database,
    declared: &DeclaredPool,
    hashing: &Workers,
) -> Result<Vec<Option<PasswordHash>>, IssuerError> {
    let mut passwords = Vec::new();
    for (name, user) in &declared.users {
        let mut read = database.read().await?;
        let kept = Users(&mut read).password_of(&declared.pool.id, name).await?;
        drop(read);
        passwords.push(new_password(kept, user, hashing).await?);
    }
    Ok(passwords)
}

async fn new_password(
    kept: Option<PasswordHash>,
    user: &UserConfig,
    hashing: &Workers,
) -> Result<Option<PasswordHash>, IssuerError> {
    let password = user.password.clone();
    let work = move || {
        let password = password.expose_secret();
        let still_right = kept.is_some_and(|kept| kept.is_of(password));
        if still_right { Ok(None) } else { PasswordHash::of(password).map(Some) }
    };
    hashing.run(work).await?
}

/// Who was taken out of the file can still sign in; that must not go unseen.
async fn warn_of_the_undeclared(write: &mut Connection, declared: &DeclaredPool) -> Result<(), IssuerError> {
    let said: HashSet<String> = declared.users.keys().map(|name| user_name_key(name)).collect();
    let names = Users(write).names(&declared.pool.id).await?;
    let left = names.iter().filter(|name| !said.contains(&user_name_key(name))).count();
    if left > 0 {
        warn!(pool = declared.pool.name, users = left, "users that the config does not name stay and may sign in");
    }
    Ok(())
}
