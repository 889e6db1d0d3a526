//! Builds every room once from one config: what serves requests, and what explains them without serving.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::admin::AdminConfig;
use crate::authorizer::{
    AppliedBundle, Authorizer, CountedBy, DecisionPoint, Evaluation, Parts, RateCounts, SharedCountsTask,
};
use crate::clock::Clock;
use crate::config::{Config, ConfigPath, Loaded, ShutdownConfig};
use crate::issuer::Issuer;
use crate::proxy::{BalanceConfig, HashConfig, Snapshot, Upstreams};
use crate::telemetry::{DecisionLog, Metrics, TelemetryError, TraceExport, Traces};
use crate::token::{
    AssertionKeys, AssertionMinter, Issuers, KeyStore, MinterSettings, ProofChecker, Revocations, RingSettings,
    SeenProofs, Verifier, VerifierParts,
};

use super::bundles::load_bundles;
use super::error::ServerError;
use super::trust::{KeyTask, Standing, Trust, token_limits};

/// What the rooms of one process share, whatever the config says.
#[derive(Clone)]
pub struct Ground {
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Metrics,
    /// Who was signed out.
    pub revocations: Revocations,
    /// The DPoP proofs that were used, which a reload must not forget.
    pub seen_proofs: SeenProofs,
    /// What the nonces of DPoP proofs are made of.
    pub nonce_secret: [u8; 32],
    /// The keys that sign assertions, so that a reload goes on with those that are there.
    pub assertion_keys: Arc<Mutex<Vec<AssertionKeys>>>,
    /// What has come, which a reload must not forget.
    pub rates: RateCounts,
    /// The backends, which outlive a config that says nothing new about them.
    pub upstreams: Upstreams,
    /// Where decisions are written down.
    pub decisions: DecisionLog,
    /// Where requests are recorded.
    pub traces: Traces,
    /// How bundles are asked.
    pub evaluation: Evaluation,
}

impl Ground {
    /// Fresh ground: the machine's clock, no counts, nothing revoked.
    ///
    /// # Errors
    /// [`ServerError::Telemetry`] where a metric is defined wrongly, [`ServerError::Randomness`] where there is none.
    pub fn new() -> Result<Self, ServerError> {
        let clock = Clock::system();
        let (metrics, revocations) = (Metrics::new()?, Revocations::new(clock.clone()));
        metrics.started(clock.unix_seconds());
        let (upstreams, decisions) = (Upstreams::default(), DecisionLog::default());
        let nonce_secret = ProofChecker::secret().ok_or(ServerError::Randomness)?;
        let (seen_proofs, assertion_keys) = (SeenProofs::default(), Arc::default());
        let rates = RateCounts::alone(clock.clone(), metrics.clone());
        Ok(Self {
            clock,
            metrics,
            revocations,
            seen_proofs,
            nonce_secret,
            assertion_keys,
            rates,
            upstreams,
            decisions,
            traces: Traces::default(),
            evaluation: Evaluation::default(),
        })
    }

    /// Records requests, where the config says so and as long as the export runs.
    ///
    /// # Errors
    /// [`ServerError::Telemetry`] where the collector could not be asked as the config says.
    pub(super) fn record_traces(&mut self, config: &Config) -> Result<Option<TraceExport>, ServerError> {
        let Some(wanted) = &config.telemetry.traces else { return Ok(None) };
        let instance = uuid::Uuid::new_v4().to_string();
        let (traces, export) = Traces::open(wanted, &instance, &self.metrics).map_err(TelemetryError::from)?;
        self.traces = traces;
        Ok(Some(export))
    }

    /// Counts what comes together with other gates, where the config says so and as long as the task runs.
    ///
    /// # Errors
    /// [`ServerError::RateLimits`] where the settings cannot be followed.
    pub(super) fn count_together(&mut self, config: &Config) -> Result<Option<SharedCountsTask>, ServerError> {
        let (rates, task) = RateCounts::open(&config.rate_limits, self.clock.clone(), self.metrics.clone())?;
        self.rates = rates;
        Ok(task)
    }
}

/// Every room of one config, built and not yet serving.
pub struct House {
    /// What requests need.
    pub snapshot: Arc<Snapshot>,
    /// Whom the gate believes.
    pub issuers: Arc<Issuers>,
    /// The keys of each trusted issuer without parameters, by its name.
    pub keys: BTreeMap<Arc<str>, Arc<KeyStore>>,
    /// The tasks that keep keys fresh which no earlier set has.
    pub refreshers: Vec<KeyTask>,
    /// The embedded issuer.
    pub issuer: Option<Issuer>,
    /// The names of all trusted issuers.
    pub(super) trusted: BTreeSet<String>,
    /// What the operator's door opens.
    pub(super) admin: AdminConfig,
    /// How the gate stops.
    pub(super) shutdown: ShutdownConfig,
    /// The bundles, by name.
    pub bundles: BTreeMap<String, AppliedBundle>,
    /// Brings the size of the token cache into the metrics.
    pub count_cache: Box<dyn Fn() + Send + Sync>,
    /// Whose keys the next set may take over.
    pub(super) standing: Standing,
}

/// The set in force, and the config that it was built from.
pub(super) struct Earlier<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) house: &'a House,
}

impl House {
    /// Which revision of each bundle there is.
    pub fn revisions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bundles.iter().map(|(name, applied)| (name.as_str(), applied.bundle.revision()))
    }
}

/// Builds every room. Nothing is served and no key is fetched yet.
///
/// # Errors
/// [`ServerError`] with the place in the config or policy file, where there is one.
pub async fn build(loaded: &Loaded, ground: &Ground) -> Result<House, ServerError> {
    loaded.check()?;
    let issuer = match &loaded.config.issuer {
        None => None,
        Some(issuer) => Some(Issuer::open(issuer.clone(), ground.clock.clone(), ground.revocations.clone()).await?),
    };
    furnish(loaded, ground, issuer, None).await
}

/// Builds every room beside an earlier set. What is made from the same is taken over: keys, tenants, upstreams with their
/// connections, and the embedded issuer, whose section must not have changed.
///
/// # Errors
/// As [`build`]; then the earlier set is as it was.
pub(super) async fn build_beside(
    loaded: &Loaded,
    ground: &Ground,
    earlier: &Earlier<'_>,
) -> Result<House, ServerError> {
    loaded.check()?;
    furnish(loaded, ground, earlier.house.issuer.clone(), Some(earlier)).await
}

async fn furnish(
    loaded: &Loaded,
    ground: &Ground,
    issuer: Option<Issuer>,
    earlier: Option<&Earlier<'_>>,
) -> Result<House, ServerError> {
    let config = &loaded.config;
    let bundles = load_bundles(loaded, ground.evaluation)?;
    let trust = Trust::build(loaded, ground, issuer.as_ref(), earlier.map(|earlier| &earlier.house.standing))?;
    let verifier = Verifier::new(trust.issuers.clone(), verifier_parts(config, ground));
    let verifier = match earlier.filter(|earlier| trusts_the_same(loaded, &trust, earlier)) {
        Some(earlier) => verifier.remembering(earlier.house.snapshot.point.authorizer.verifier()),
        None => verifier,
    };
    let count_cache = Box::new(verifier.count_cache());
    let parts = Parts {
        routes: &config.routes,
        identity: &config.identity,
        assertions: assertions(config, ground)?,
        protected_resource: &config.protected_resource,
        authorization_servers: &authorization_servers(config),
        credentials: &config.credentials,
        bundles: &bundles,
        verifier,
        proofs: ProofChecker::new(
            config.dpop.clone(),
            ground.seen_proofs.clone(),
            &ground.nonce_secret,
            ground.clock.clone(),
        ),
        rates: ground.rates.clone(),
        clock: ground.clock.clone(),
    };
    let authorizer = Authorizer::new(parts).map_err(|error| refuse(loaded, "routes", error.code(), &error))?;
    let snapshot = Arc::new(snapshot(loaded, ground, authorizer).await?);
    let Trust { issuers, keys, refreshers, standing } = trust;
    let trusted = config.trusted_issuers.keys().cloned().collect();
    let (admin, shutdown) = (config.admin.clone(), config.shutdown);
    Ok(House { snapshot, issuers, keys, refreshers, issuer, trusted, admin, shutdown, bundles, count_cache, standing })
}

/// Whether every token means what it meant: the same issuers by the same rules, with the very same stores of keys.
fn trusts_the_same(loaded: &Loaded, trust: &Trust, earlier: &Earlier<'_>) -> bool {
    let section = ConfigPath::new("trusted_issuers");
    loaded.digest(&section) == earlier.loaded.digest(&section) && trust.standing.is_all_of(&earlier.house.standing)
}

fn assertions(config: &Config, ground: &Ground) -> Result<Option<AssertionMinter>, ServerError> {
    let Some(wanted) = &config.identity.assertion else { return Ok(None) };
    let ring = RingSettings { directory: wanted.state_directory.clone(), rotate_every: wanted.rotate_every };
    let mut known = ground.assertion_keys.lock().unwrap_or_else(PoisonError::into_inner);
    let keys = match known.iter().find(|keys| keys.fits(&ring)) {
        Some(keys) => keys.clone(),
        None => AssertionKeys::open(ring, ground.clock.clone())?,
    };
    // Only those of the config in force: what it does not ask for is read from its folder when it does again.
    *known = vec![keys.clone()];
    let settings = MinterSettings { issuer: wanted.issuer.clone(), lifetime: wanted.lifetime };
    Ok(Some(AssertionMinter::new(settings, keys, ground.clock.clone())))
}

/// Of many tenants under one name no client could be told which is its own.
fn authorization_servers(config: &Config) -> BTreeMap<String, String> {
    let only_one = config.trusted_issuers.iter().filter(|(_, trusted)| trusted.parameters.is_empty());
    only_one.map(|(name, trusted)| (name.clone(), trusted.issuer.clone())).collect()
}

fn verifier_parts(config: &Config, ground: &Ground) -> VerifierParts {
    let of_routes =
        config.routes.iter().filter_map(|route| route.identity.as_ref()).flat_map(|own| own.headers.values());
    let sources = config.identity.headers.values().chain(of_routes);
    VerifierParts {
        kept_claims: sources
            .map(|source| source.claim.clone())
            .chain(hashed_claims(config))
            .chain(counted_claims(config))
            .collect(),
        limits: token_limits(config),
        revocations: ground.revocations.clone(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.token_cache(),
    }
}

/// The claims that tell callers apart where the same caller shall reach the same endpoint.
fn hashed_claims(config: &Config) -> impl Iterator<Item = String> {
    config.upstreams.values().filter_map(|upstream| match &upstream.balance {
        BalanceConfig::ConsistentHash(HashConfig::Claim(name)) => Some(name.clone()),
        _ => None,
    })
}

/// The claims whose values are counted apart.
fn counted_claims(config: &Config) -> impl Iterator<Item = String> {
    config.routes.iter().flat_map(|route| &route.rate_limit).filter_map(|limit| match &limit.by {
        CountedBy::Claim(name) => Some(name.clone()),
        CountedBy::Sub | CountedBy::Address | CountedBy::Route => None,
    })
}

async fn snapshot(loaded: &Loaded, ground: &Ground, authorizer: Authorizer) -> Result<Snapshot, ServerError> {
    let config = &loaded.config;
    let metrics = &ground.metrics;
    let mut upstreams = HashMap::new();
    for (name, upstream) in &config.upstreams {
        let opened = ground.upstreams.open(name, upstream, metrics.upstream(name)?).await;
        let opened = opened.map_err(|error| refuse(loaded, "upstreams", "upstream-unusable", &error))?;
        upstreams.insert(opened.name().clone(), opened);
    }
    let bundles = config.policies.iter().map(|(name, bundle)| (name.clone(), metrics.bundle(name, bundle.mode.name())));
    let routes = config.routes.iter().map(|route| (route.name.as_str().into(), metrics.route(&route.name)));
    let tried = config.trusted_issuers.iter().filter(|(_, trusted)| trusted.shadow.is_some());
    let token_shadows = tried.map(|(name, _)| (name.clone(), metrics.token_shadow(name)));
    let point = DecisionPoint {
        authorizer,
        sizes: config.limits.sizes(),
        trusted_proxies: config.trusted_proxies.clone(),
        routes: routes.collect(),
        bundles: bundles.collect(),
        unrouted: metrics.route(crate::telemetry::UNROUTED),
        token_shadows: token_shadows.collect(),
        decisions: ground.decisions.clone(),
        traces: ground.traces.clone(),
    };
    Ok(Snapshot { point: Arc::new(point), upstreams, limits: config.limits.clone() })
}

fn refuse(loaded: &Loaded, section: &str, code: &'static str, error: &dyn std::error::Error) -> ServerError {
    let mistake = loaded.mistake(&ConfigPath::new(section), code, error.to_string());
    loaded.refuse(vec![mistake]).into()
}
