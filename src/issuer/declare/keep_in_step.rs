//! Writes declared pools into the database: what the config says wins, what it does not say stays.

use secrecy::ExposeSecret;
use tracing::warn;
use uuid::Uuid;

use super::declaration::{DeclaredClient, DeclaredPool};
use crate::issuer::config::UserConfig;
use crate::issuer::error::IssuerError;
use crate::issuer::flow::{Refusal, keep_aliases, sealed_verifier};
use crate::issuer::pool::PasswordHash;
use crate::issuer::pool::proof::Verifier;
use crate::issuer::sealing::Sealer;
use crate::issuer::store::{
    Clients, Connection, Database, DeclaredUser, Groups, Login, Pools, Sessions, UserLists, Users,
};
use crate::issuer::workers::Workers;

/// Makes the database say what the config says, a pool at a time, each in one transaction.
pub(crate) async fn keep_in_step(
    (database, sealer): (&Database, &Sealer),
    declared: &[DeclaredPool],
    hashing: &Workers,
    now: u64,
) -> Result<(), Refusal> {
    for pool in declared {
        // Hashing takes long: it is done before the transaction, which nobody can write beside.
        let passwords = new_passwords(database, pool, hashing).await?;
        let mut write = database.write().await?;
        put_pool(&mut write, pool, now).await?;
        for ((name, user), password) in pool.users.iter().zip(&passwords) {
            let user = DeclaredUser {
                pool_id: &pool.pool.id,
                name,
                password: password.hash.as_ref(),
                enabled: user.enabled,
                attributes: &user.attributes,
            };
            let sub = put_user(&mut write, &user, pool, now).await?;
            if let Some(verifier) = &password.verifier {
                let kept = sealed_verifier(sealer, &sub, verifier)?;
                Users(&mut write).set_verifier(&sub, &kept).await?;
            }
        }
        let kept = Pools(&mut write).by_id(&pool.pool.id).await?.ok_or(IssuerError::Kept("pool"))?;
        for name in pool.users.keys() {
            let login = Users(&mut write).login(&pool.pool.id, name).await?;
            let sub = login.ok_or(IssuerError::Kept("user"))?.sub;
            keep_aliases(&mut write, &kept, (&sub, now), false).await?;
        }
        warn_of_the_undeclared(&mut write, pool).await?;
        write.commit().await.map_err(IssuerError::database("keep a declared pool"))?;
    }
    Ok(())
}

async fn put_pool(write: &mut Connection, declared: &DeclaredPool, now: u64) -> Result<(), IssuerError> {
    Pools(write).declare(&declared.pool, now).await?;
    for DeclaredClient { client, .. } in &declared.clients {
        Clients(write).declare(client, now).await?;
    }
    for group in &declared.groups {
        Groups(write).declare(&declared.pool.id, group, now).await?;
    }
    Ok(())
}

async fn put_user(
    write: &mut Connection,
    user: &DeclaredUser<'_>,
    declared: &DeclaredPool,
    now: u64,
) -> Result<String, IssuerError> {
    let sub = Users(write).declare(user, &Uuid::new_v4().to_string(), now).await?;
    let groups = declared.users.get(user.name).map(|user| user.groups.as_slice()).unwrap_or_default();
    Groups(write).declare_members(user.pool_id, &sub, groups).await?;
    if !user.enabled {
        Sessions(write).revoke_all_of(&sub, now).await?;
    }
    Ok(sub)
}

/// What must be kept of a declared password, as far as it is not kept already.
struct NewProofs {
    hash: Option<PasswordHash>,
    verifier: Option<Verifier>,
}

/// For each user, in order, what is to be kept of the declared password.
async fn new_passwords(
    database: &Database,
    declared: &DeclaredPool,
    hashing: &Workers,
) -> Result<Vec<NewProofs>, IssuerError> {
    let mut passwords = Vec::new();
    for (name, user) in &declared.users {
        let kept = Users(&mut database.read().await?).login(&declared.pool.id, name).await?;
        passwords.push(new_password((&declared.pool.id, name), kept, user, hashing).await?);
    }
    Ok(passwords)
}

async fn new_password(
    (pool_id, name): (&str, &str),
    kept: Option<Login>,
    user: &UserConfig,
    hashing: &Workers,
) -> Result<NewProofs, IssuerError> {
    let (password, pool_id, name) = (user.password.clone(), pool_id.to_owned(), name.to_owned());
    let work = move || {
        let password = password.expose_secret();
        let right = kept.as_ref().and_then(|kept| kept.password.as_ref()).is_some_and(|hash| hash.is_of(password));
        let proves = right && kept.is_some_and(|kept| kept.srp.is_some());
        let hash = if right { None } else { Some(PasswordHash::of(password)?) };
        let verifier = if proves { None } else { Some(Verifier::of(&pool_id, &name, password)?) };
        Ok(NewProofs { hash, verifier })
    };
    hashing.run(work).await?
}

/// Who was taken out of the file can still sign in; that must not go unseen.
async fn warn_of_the_undeclared(write: &mut Connection, declared: &DeclaredPool) -> Result<(), IssuerError> {
    let users = UserLists(write).count(&declared.pool.id).await?;
    let left = users.saturating_sub(i64::try_from(declared.users.len()).unwrap_or(i64::MAX));
    if left > 0 && declared.pool.settings.admin_only() {
        warn!(pool = declared.pool.name, users = left, "users that the config does not name stay and may sign in");
    }
    Ok(())
}
