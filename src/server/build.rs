//! Builds every room once from one config: what serves requests, and what explains them without serving.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::authorizer::{
    AccessConfig, AppliedBundle, Authorizer, DecisionPoint, Parts, RouteConfig, methods_of, parameters_of,
};
use crate::clock::Clock;
use crate::config::{Config, ConfigPath, Loaded};
use crate::issuer::Issuer;
use crate::policy::{AttributeType, Bundle, Outline, RouteOutline};
use crate::proxy::{Snapshot, Upstream};
use crate::telemetry::Metrics;
use crate::token::{
    AssertionKeys, AssertionMinter, AttributeKind, Issuers, KeyStore, MinterSettings, ProofChecker, Refresher,
    Revocations, RingSettings, SeenProofs, TokenLimits, Verifier, VerifierParts,
};

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
    /// The DPoP proofs that were used, which a reload must not forget.
    pub seen_proofs: SeenProofs,
    /// What the nonces of DPoP proofs are made of.
    pub nonce_secret: [u8; 32],
    /// The keys that sign assertions, so that a reload goes on with those that are there.
    pub assertion_keys: Arc<Mutex<Vec<AssertionKeys>>>,
}

impl Ground {
    /// Fresh ground: the machine's clock, no counts, nothing revoked.
    ///
    /// # Errors
    /// [`ServerError::Telemetry`] where a metric is defined wrongly, [`ServerError::Randomness`] where there is none.
    pub fn new() -> Result<Self, ServerError> {
        let clock = Clock::system();
        let nonce_secret = ProofChecker::secret().ok_or(ServerError::Randomness)?;
        Ok(Self {
            nonce_secret,
            seen_proofs: SeenProofs::default(),
            metrics: Metrics::new()?,
            revocations: Revocations::new(clock.clone()),
            assertion_keys: Arc::default(),
            clock,
        })
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
    let bundles = load_bundles(config)?;
    let trust = Trust::build(config, ground, issuer.as_ref())?;
    let verifier = Verifier::new(trust.issuers.clone(), verifier_parts(config, ground));
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
        clock: ground.clock.clone(),
    };
    let authorizer = Authorizer::new(parts).map_err(|error| refuse(loaded, "routes", error.code(), &error))?;
    let snapshot = snapshot(loaded, ground, authorizer)?;
    let Trust { issuers, keys, refreshers } = trust;
    Ok(House { snapshot, issuers, keys, refreshers, issuer, bundles, count_cache })
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
        kept_claims: sources.map(|source| source.claim.clone()).collect(),
        limits: TokenLimits { token: config.limits.token, claims_depth: config.limits.claims_depth },
        revocations: ground.revocations.clone(),
        clock: ground.clock.clone(),
        metrics: ground.metrics.token_cache(),
    }
}

fn snapshot(loaded: &Loaded, ground: &Ground, authorizer: Authorizer) -> Result<Snapshot, ServerError> {
    let config = &loaded.config;
    let metrics = &ground.metrics;
    let mut upstreams = HashMap::new();
    for (name, upstream) in &config.upstreams {
        let built = Upstream::new(name, upstream);
        let built = built.map_err(|error| refuse(loaded, "upstreams", "upstream-unusable", &error))?;
        upstreams.insert(built.name().clone(), (built, metrics.upstream(name)?));
    }
    let bundles = config.policies.iter().map(|(name, bundle)| (name.clone(), metrics.bundle(name, bundle.mode.name())));
    let routes = config.routes.iter().map(|route| (route.name.as_str().into(), metrics.route(&route.name)));
    let point = DecisionPoint {
        authorizer,
        sizes: config.limits.sizes(),
        trusted_proxies: config.trusted_proxies.clone(),
        routes: routes.collect(),
        bundles: bundles.collect(),
        unrouted: metrics.route(crate::telemetry::UNROUTED),
    };
    Ok(Snapshot { point: Arc::new(point), upstreams, limits: config.limits.clone() })
}

fn refuse(loaded: &Loaded, section: &str, code: &'static str, error: &dyn std::error::Error) -> ServerError {
    let mistake = loaded.mistake(&ConfigPath::new(section), code, error.to_string());
    loaded.refuse(vec![mistake]).into()
}

fn load_bundles(config: &Config) -> Result<BTreeMap<String, AppliedBundle>, ServerError> {
    let mut bundles = BTreeMap::new();
    for (name, bundle) in &config.policies {
        let failed = |source| ServerError::Policy { bundle: name.clone(), source: Box::new(source) };
        let loaded = Bundle::load(name, &bundle.directory, &outline(config, name)).map_err(failed)?;
        bundles.insert(name.clone(), AppliedBundle { bundle: Arc::new(loaded), mode: bundle.mode });
    }
    Ok(bundles)
}

/// What the config says, as the policies of this bundle see it.
///
/// Only routes that name the bundle are in it, since it is never asked about others: Cedar checks a policy against every
/// action that there is, and a parameter need not be one of all routes. A bundle that no route names yet sees all of them.
#[must_use]
pub fn outline(config: &Config, bundle: &str) -> Outline {
    let names_it = |route: &&RouteConfig| match &route.access {
        AccessConfig::Public => false,
        AccessConfig::Rules(rules) => rules.policy.as_deref() == Some(bundle),
    };
    let named = config.routes.iter().any(|route| names_it(&route));
    let routes = config.routes.iter().filter(|route| !named || names_it(route)).map(route_outline);
    let attributes = config.trusted_issuers.values().flat_map(|issuer| &issuer.attributes);
    let attributes = attributes.map(|(name, attribute)| (name.clone(), attribute_type(attribute.kind)));
    // Which tenant a principal is of can be read like any other of its attributes.
    let parameters = config.trusted_issuers.values().flat_map(|issuer| issuer.parameters.keys());
    Outline {
        routes: routes.collect(),
        attributes: attributes.chain(parameters.map(|name| (name.clone(), AttributeType::String))).collect(),
        issuers: config.trusted_issuers.keys().cloned().collect(),
    }
}

fn route_outline(route: &RouteConfig) -> RouteOutline {
    RouteOutline {
        name: route.name.clone(),
        service: route.upstream.clone(),
        path: route.matches.path.clone(),
        methods: methods_of(route),
        parameters: parameters_of(&route.matches.path),
    }
}

fn attribute_type(kind: AttributeKind) -> AttributeType {
    match kind {
        AttributeKind::String => AttributeType::String,
        AttributeKind::Long => AttributeType::Long,
        AttributeKind::Bool => AttributeType::Bool,
        AttributeKind::StringSet => AttributeType::StringSet,
    }
}
