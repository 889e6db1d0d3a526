//! The issuer as the rest of the program holds it: opened once, then a router to serve and keys to trust.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::watch;
use uuid::Uuid;

use super::config::IssuerConfig;
use super::declare::{DeclaredPool, declared_pools, keep_in_step};
use super::error::IssuerError;
use super::flow::{Engine, ServedPool};
use super::pool::{LONGEST_TOKEN_MILLIS, PasswordHash, UserPool};
use super::signing::{KeyRing, Purpose};
use super::store::{Database, Pools, Sessions, SigningKeys};
use super::workers::Workers;
use super::{paths, routes};
use crate::clock::Clock;
use crate::jose::{KeySet, SigningKey};
use crate::token::Revocations;

/// The embedded issuer. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Issuer {
    engine: Arc<Engine>,
    declared: Arc<Vec<PoolSummary>>,
}

/// A declared pool, by the names and ids that its users need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSummary {
    /// Its name in the config.
    pub name: String,
    /// Its id.
    pub id: String,
    /// The `iss` of its tokens, and the base of its discovery document.
    pub issuer_url: String,
    /// Client ids by the clients' names in the config.
    pub clients: BTreeMap<String, String>,
}

/// Most sign-ins that wait for Argon2, each with its password in memory.
const WAITING_FOR_HASHING: usize = 256;
/// Most answers that wait for RSA.
const WAITING_FOR_SIGNING: usize = 1024;

impl Issuer {
    /// Judges the config without opening anything.
    ///
    /// # Errors
    /// [`IssuerError::Declared`], [`IssuerError::PublicUrl`] or [`IssuerError::NoPort`]: the first thing that cannot be.
    pub fn check(config: &IssuerConfig) -> Result<(), IssuerError> {
        paths::base_url(config.public_url.as_deref(), config.address)?;
        declared_pools(config).map(|_| ())
    }

    /// Opens the database, keeps declared pools in step, makes or reads keys, and puts into `revocations` what was revoked
    /// before and still matters.
    ///
    /// # Errors
    /// What [`Issuer::check`] finds, and whatever keeps the database or the keys from being used.
    pub async fn open(config: IssuerConfig, clock: Clock, revocations: Revocations) -> Result<Self, IssuerError> {
        let base_url = paths::base_url(config.public_url.as_deref(), config.address)?;
        let declared = declared_pools(&config)?;
        let cores = available_parallelism().map_or(1, usize::from);
        // Half the cores: what signs in must leave room for what is already in.
        let hashing = Workers::new("hashing", (cores / 2).max(1), WAITING_FOR_HASHING);
        let signing = Workers::new("signing", cores, WAITING_FOR_SIGNING);

        let database = Database::open(&config.database).await?;
        keep_in_step(&database, &declared, &hashing, clock.unix_millis()).await?;
        let pools = served_pools(&database, &base_url, &clock, &signing).await?;
        recall_revocations(&database, &pools, &clock, &revocations).await?;
        let decoy = hashing.run(|| PasswordHash::of(&Uuid::new_v4().to_string())).await??;

        let summaries = declared.iter().map(|pool| summary(pool, &base_url)).collect();
        let secrets = secrets(declared);
        let engine = Engine { database, clock, revocations, pools, secrets, hashing, signing, decoy };
        Ok(Self { engine: Arc::new(engine), declared: Arc::new(summaries) })
    }

    /// What answers the issuer's paths: the Cognito API, discovery and keys.
    pub fn router(&self) -> axum::Router {
        routes::router(Arc::clone(&self.engine))
    }

    /// The public keys of a declared pool, by its name: the set of now, and each that follows.
    #[must_use]
    pub fn keys_of(&self, pool_name: &str) -> Option<watch::Receiver<Arc<KeySet>>> {
        let summary = self.summary_of(pool_name)?;
        self.engine.pools.get(&summary.id).map(|pool| pool.keys.subscribe())
    }

    /// The `iss` of a declared pool, by its name.
    #[must_use]
    pub fn issuer_url(&self, pool_name: &str) -> Option<String> {
        self.summary_of(pool_name).map(|pool| pool.issuer_url.clone())
    }

    /// The declared pools, by name.
    #[must_use]
    pub fn pools(&self) -> &[PoolSummary] {
        &self.declared
    }

    #[cfg(test)]
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    fn summary_of(&self, pool_name: &str) -> Option<&PoolSummary> {
        self.declared.iter().find(|pool| pool.name == pool_name)
    }
}

fn summary(declared: &DeclaredPool, base_url: &str) -> PoolSummary {
    let UserPool { id, name } = declared.pool.clone();
    let clients = declared.clients.iter().map(|client| (client.client.name.clone(), client.client.id.clone()));
    PoolSummary { name, issuer_url: paths::issuer_url(base_url, &id), id, clients: clients.collect() }
}

fn secrets(declared: Vec<DeclaredPool>) -> HashMap<String, secrecy::SecretString> {
    let clients = declared.into_iter().flat_map(|pool| pool.clients);
    clients.filter_map(|client| Some((client.client.id, client.secret?))).collect()
}

/// All pools of the database with their keys, also those that the config says no more.
async fn served_pools(
    database: &Database,
    base_url: &str,
    clock: &Clock,
    signing: &Workers,
) -> Result<HashMap<String, ServedPool>, IssuerError> {
    let all = Pools(&mut *database.read().await?).all().await?;
    let mut served = HashMap::new();
    for pool in all {
        let id_token = key(database, &pool.id, Purpose::IdToken, clock, signing).await?;
        let access_token = key(database, &pool.id, Purpose::AccessToken, clock, signing).await?;
        let keys = KeyRing::new(id_token, access_token)?;
        let issuer_url = paths::issuer_url(base_url, &pool.id);
        served.insert(pool.id.clone(), ServedPool { pool, issuer_url, keys });
    }
    Ok(served)
}

/// The pool's key for this purpose; made and kept where there is none.
async fn key(
    database: &Database,
    pool_id: &str,
    purpose: Purpose,
    clock: &Clock,
    signing: &Workers,
) -> Result<SigningKey, IssuerError> {
    if let Some(pkcs8) = SigningKeys(&mut *database.read().await?).newest(pool_id, purpose).await? {
        return Ok(signing.run(move || SigningKey::from_pkcs8(&pkcs8)).await??);
    }
    let key = signing.run(SigningKey::generate).await??;
    let mut write = database.write().await?;
    SigningKeys(&mut write).add(pool_id, purpose, &key, clock.unix_millis()).await?;
    write.commit().await.map_err(IssuerError::database("keep a signing key"))?;
    Ok(key)
}

/// A sign-out outlives a restart for as long as a token that it ended could still be shown.
async fn recall_revocations(
    database: &Database,
    pools: &HashMap<String, ServedPool>,
    clock: &Clock,
    revocations: &Revocations,
) -> Result<(), IssuerError> {
    let since = clock.unix_millis().saturating_sub(LONGEST_TOKEN_MILLIS);
    let revoked = Sessions(&mut *database.read().await?).revoked_since(since).await?;
    for (pool_id, session_id, revoked_at) in revoked {
        let until = revoked_at.saturating_add(LONGEST_TOKEN_MILLIS).div_ceil(1000);
        if let Some(pool) = pools.get(&pool_id) {
            revocations.revoke_family(&pool.issuer_url, &session_id, until);
        }
    }
    Ok(())
}
