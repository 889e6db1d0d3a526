//! Builds every room once from one config: what serves requests, and what explains them without serving.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::authorizer::{AppliedBundle, Authorizer, DecisionPoint, Parts};
use crate::clock::Clock;
use crate::config::{Config, ConfigPath, Loaded};
use crate::issuer::Issuer;
use crate::proxy::{BalanceConfig, HashConfig, Snapshot, Upstreams};
use crate::telemetry::{DecisionLog, Metrics};
use crate::token::{Issuers, KeyStore, Refresher, Revocations, TokenLimits, Verifier, VerifierParts};

use super::bundles::load_bundles;
use super::error::ServerError;
use super::trust::Trust;

/// What the rooms of one process share, whatever the config says.
#[derive(Clone)]
pub struct Ground {
    /// The time.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Metrics,
    /// Who was signed out.
    pub revocations: Revocations,
    /// The backends, which outlive a config that says nothing new about them.
    pub upstreams: Upstreams,
    /// Where decisions are written down.
    pub decisions: DecisionLog,
}

impl Ground {
    /// Fresh ground: the machine's clock, no counts, nothing revoked.
    ///
    /// # Errors
    /// [`ServerError::Telemetry`] where a metric is defined wrongly.
    pub fn new() -> Result<Self, ServerError> {
        let clock = Clock::system();
        let (metrics, revocations) = (Metrics::new()?, Revocations::new(clock.clone()));
        let (upstreams, decisions) = (Upstreams::default(), DecisionLog::default());
        Ok(Self { clock, metrics, revocations, upstreams, decisions })
    }
}

/// Every room of one config, built and not yet serving.
pub struct House {
    /// What requests need.
    pub snapshot: Snapshot,
    /// Whom the gate believes.
    pub issuers: Arc<Issuers>,
    /// The keys of each trusted issuer without parameters, by its name.
    pub keys: BTreeMap<Arc<str>, Arc<KeyStore>>,
    /// The tasks that keep those keys fresh.
    pub refreshers: Vec<Refresher>,
    /// The embedded issuer.
    pub issuer: Option<Issuer>,
    /// The bundles, by name.
    pub bundles: BTreeMap<String, AppliedBundle>,
    /// Brings the size of the token cache into the metrics.
    pub count_cache: Box<dyn Fn() + Send + Sync>,
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
    let config = &loaded.config;
    let issuer = match &config.issuer {
        None => None,
        Some(issuer) => Some(Issuer::open(issuer.clone(), ground.clock.clone(), ground.revocations.clone()).await?),
    };
    let bundles = load_bundles(loaded)?;
    let trust = Trust::build(config, ground, issuer.as_ref())?;
    let verifier = Verifier::new(trust.issuers.clone(), verifier_parts(config, ground));
    let count_cache = Box::new(verifier.count_cache());
    let parts = Parts {
        routes: &config.routes,
        identity: &config.identity,
        credentials: &config.credentials,
        bundles: &bundles,
        verifier,
        clock: ground.clock.clone(),
    };
    let authorizer = Authorizer::new(parts).map_err(|error| refuse(loaded, "routes", error.code(), &error))?;
    let snapshot = snapshot(loaded, ground, authorizer).await?;
    let Trust { issuers, keys, refreshers } = trust;
    Ok(House { snapshot, issuers, keys, refreshers, issuer, bundles, count_cache })
}

fn verifier_parts(config: &Config, ground: &Ground) -> VerifierParts {
    let of_routes =
        config.routes.iter().filter_map(|route| route.identity.as_ref()).flat_map(|own| own.headers.values());
    let sources = config.identity.headers.values().chain(of_routes);
    VerifierParts {
        kept_claims: sources.map(|source| source.claim.clone()).chain(hashed_claims(config)).collect(),
        limits: TokenLimits { token: config.limits.token, claims_depth: config.limits.claims_depth },
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
    };
    Ok(Snapshot { point: Arc::new(point), upstreams, limits: config.limits.clone() })
}

fn refuse(loaded: &Loaded, section: &str, code: &'static str, error: &dyn std::error::Error) -> ServerError {
    let mistake = loaded.mistake(&ConfigPath::new(section), code, error.to_string());
    loaded.refuse(vec![mistake]).into()
}
