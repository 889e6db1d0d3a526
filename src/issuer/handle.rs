//! The issuer as the rest of the program holds it: opened once, then a router to serve and keys to trust.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::watch;
use uuid::Uuid;

use super::activity::count_active_users;
use super::cognito::Administration;
use super::config::{IssuerConfig, SignatureConfig};
use super::declare::{DeclaredPool, declared_pools, keep_in_step};
use super::delivery::{Carriers, Delivery, deliver};
use super::error::IssuerError;
use super::flow::{Engine, Refusal};
use super::follow::{Seen, follow};
use super::messages::Courier;
use super::pool::{PasswordHash, UserPool};
use super::record::{Recorder, Recording};
use super::sealing::Sealer;
use super::signing::{PoolKeeper, RotateKeys, Rotation, ServedPools};
use super::store::Database;
use super::workers::Workers;
use super::{paths, routes};
use crate::clock::Clock;
use crate::jose::KeySet;
use crate::telemetry::{AuditLog, IdentityMetrics};
use crate::token::Revocations;

/// The embedded issuer. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Issuer {
    engine: Arc<Engine>,
    administration: Arc<Administration>,
    declared: Arc<Vec<PoolSummary>>,
    seen: Arc<Seen>,
    carriers: Arc<Carriers>,
    development: bool,
}

/// What is done with pools that the config declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Declared {
    KeptInStep,
    Left,
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
        if config.signature == SignatureConfig::Off && !config.address.ip().is_loopback() {
            return Err(IssuerError::UnsignedBeyondLoopback);
        }
        declared_pools(config).map(|_| ())
    }

    /// Opens the database, keeps declared pools in step, makes or reads keys, and puts into `revocations` what was revoked
    /// before and still matters.
    ///
    /// # Errors
    /// What [`Issuer::check`] finds, and whatever keeps the database or the keys from being used.
    pub async fn open(config: IssuerConfig, clock: Clock, revocations: Revocations) -> Result<Self, IssuerError> {
        Self::opened(config, clock, revocations, Declared::KeptInStep).await
    }

    /// Opens the database beside whoever serves it, for a command: declared pools are left as they are.
    ///
    /// # Errors
    /// As [`Issuer::open`].
    pub async fn open_beside(config: IssuerConfig, clock: Clock) -> Result<Self, IssuerError> {
        let revocations = Revocations::new(clock.clone());
        Self::opened(config, clock, revocations, Declared::Left).await
    }

    async fn opened(
        config: IssuerConfig,
        clock: Clock,
        revocations: Revocations,
        step: Declared,
    ) -> Result<Self, IssuerError> {
        Self::check(&config)?;
        let carriers = Arc::new(Carriers::new(&config.messages, &clock)?);
        let base_url = paths::base_url(config.public_url.as_deref(), config.address)?;
        let declared = declared_pools(&config)?;
        let cores = available_parallelism().map_or(1, usize::from);
        // Half the cores: what signs in must leave room for what is already in.
        let hashing = Workers::new("hashing", (cores / 2).max(1), WAITING_FOR_HASHING);
        let signing = Workers::new("signing", cores, WAITING_FOR_SIGNING);

        let database = Database::open(&config.database, config.database_connections).await?;
        let sealer = Arc::new(Sealer::open(&config, &database).await?);
        if step == Declared::KeptInStep {
            keep_in_step((&database, &sealer), &declared, &hashing, clock.unix_millis())
                .await
                .map_err(declared_conflict)?;
        }
        let keeper = PoolKeeper {
            database: database.clone(),
            sealer: Arc::clone(&sealer),
            clock: clock.clone(),
            signing: signing.clone(),
            base_url,
            rotation: Rotation { every: config.keys.rotate_every, publish_ahead: config.keys.publish_ahead },
        };
        let pools = ServedPools::default();
        keeper.serve_all(&pools).await?;
        let decoy = hashing.run(|| PasswordHash::of(&Uuid::new_v4().to_string())).await??;

        let summaries = declared.iter().filter_map(|pool| summary(pool, &pools)).collect();
        let secrets = secrets(declared);
        let courier = Courier::new(Arc::clone(&sealer));
        let attempts_per_address = config.attempts_per_address;
        let engine = Engine {
            database,
            clock,
            revocations,
            pools,
            keeper,
            sealer,
            courier,
            attempts_per_address,
            secrets,
            hashing,
            signing,
            decoy,
        };
        let administration = Administration::new(config.admin_keys, config.signature, config.region, config.account_id);
        // A sign-out outlives a restart for as long as a token that it ended could still be shown.
        let seen = Seen::default();
        seen.catch_up(&engine).await?;
        Ok(Self {
            engine: Arc::new(engine),
            administration: Arc::new(administration),
            declared: Arc::new(summaries),
            seen: Arc::new(seen),
            carriers,
            development: config.development,
        })
    }

    /// What answers the issuer's paths: the Cognito API, discovery and keys.
    pub fn router(&self, recorder: Recorder) -> axum::Router {
        routes::router(Arc::clone(&self.engine), Arc::clone(&self.administration), recorder)
    }

    /// Who tells of each call, and the task that finds out whom it was about.
    #[must_use]
    pub fn recorder(&self, log: AuditLog, metrics: IdentityMetrics) -> (Recorder, Recording) {
        Recorder::new(Arc::clone(&self.engine), log, metrics)
    }

    /// Follows what other nodes and the command line change in the same database, and makes keys that are due, until `stopped`.
    /// Also delivers messages, and counts who was active lately.
    pub async fn follow(self, metrics: IdentityMetrics, stopped: watch::Receiver<bool>) {
        let counting = count_active_users(&self.engine, &self.declared, &metrics, stopped.clone());
        let delivery = Delivery {
            engine: Arc::clone(&self.engine),
            carriers: Arc::clone(&self.carriers),
            metrics: metrics.clone(),
            keeps: self.development,
        };
        let delivering = deliver(Arc::new(delivery), stopped.clone());
        tokio::join!(follow(&self.engine, &self.seen, stopped), delivering, counting);
    }

    /// Waits for what is under way and lets the database go.
    pub async fn close(&self) {
        self.engine.database.close().await;
    }

    /// Makes the next signing keys of a pool, by its id. `false` where there is no such pool.
    ///
    /// # Errors
    /// Whatever keeps the database or the keys from being used.
    pub async fn rotate_keys(&self, pool_id: &str, how: RotateKeys) -> Result<bool, IssuerError> {
        let Some(pool) = self.engine.pools.get(pool_id) else { return Ok(false) };
        self.engine.keeper.rotate(&pool.pool, how).await?;
        self.engine.keeper.serve(&self.engine.pools, pool_id).await?;
        Ok(true)
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

    /// Whether messages may be read at the operator's door.
    #[must_use]
    pub fn is_for_development(&self) -> bool {
        self.development
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(super) fn administration(&self) -> &Administration {
        &self.administration
    }

    fn summary_of(&self, pool_name: &str) -> Option<&PoolSummary> {
        self.declared.iter().find(|pool| pool.name == pool_name)
    }
}

/// A declared user's alias can be another user's.
fn declared_conflict(refusal: Refusal) -> IssuerError {
    match refusal {
        Refusal::House(error) => error,
        other => IssuerError::DeclaredConflict(other.to_string()),
    }
}

fn summary(declared: &DeclaredPool, served: &ServedPools) -> Option<PoolSummary> {
    let UserPool { id, name, .. } = declared.pool.clone();
    let issuer_url = served.get(&id)?.issuer_url.clone();
    let clients = declared.clients.iter().map(|client| (client.client.name.clone(), client.client.id.clone()));
    Some(PoolSummary { name, issuer_url, id, clients: clients.collect() })
}

fn secrets(declared: Vec<DeclaredPool>) -> HashMap<String, secrecy::SecretString> {
    let clients = declared.into_iter().flat_map(|pool| pool.clients);
    clients.filter_map(|client| Some((client.client.id, client.secret?))).collect()
}
