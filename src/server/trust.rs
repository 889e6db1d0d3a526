//! Builds whom the gate believes: each trusted issuer with its keys, and the tasks that keep them fresh.
//!
//! Beside an earlier set, what is had in the same way as there is taken over: keys stay, and nothing is fetched again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::build::Ground;
use super::error::ServerError;
use crate::config::{Config, ConfigPath, Digest, Loaded, contents_of, issuer_files};
use crate::issuer::Issuer;
use crate::token::{
    FetchError, Fetcher, IntrospectionConfig, Introspector, IssuerTemplate, Issuers, KeySource, KeyStore, KeysConfig,
    Refresher, Tenants, TokenLimits, TrustedIssuer, TrustedIssuerConfig,
};

/// Whom the gate believes, and what keeps their keys fresh.
pub(super) struct Trust {
    pub(super) issuers: Arc<Issuers>,
    /// Of the issuers without parameters, by name.
    pub(super) keys: BTreeMap<Arc<str>, Arc<KeyStore>>,
    /// Those of the stores that were not there before.
    pub(super) refreshers: Vec<KeyTask>,
    pub(super) standing: Standing,
}

/// What the next set may take over: every store of keys, and the tenants, each with what it was made from.
#[derive(Default)]
pub(super) struct Standing {
    /// By the issuer's name and its `iss`.
    stores: BTreeMap<(String, String), StandingKeys>,
    tenants: BTreeMap<String, StandingTenants>,
}

#[derive(Clone)]
struct StandingKeys {
    inputs: Inputs,
    store: Arc<KeyStore>,
    /// Its task ends when the last set that has this is gone.
    _stop: Arc<watch::Sender<bool>>,
}

struct StandingTenants {
    /// All that the config says of the issuer.
    whole: Option<Digest>,
    inputs: Inputs,
    tenants: Arc<Tenants>,
}

/// What the way to an issuer's keys depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Inputs {
    /// Whose keys they are, and where they are had.
    source: [Option<Digest>; 2],
    /// How they are fetched.
    way: [Option<Digest>; 4],
    files: Digest,
}

/// A task that keeps keys fresh, and hears when the last set that needs them is gone.
pub struct KeyTask {
    refresher: Refresher,
    stopped: watch::Receiver<bool>,
}

impl KeyTask {
    /// Fetches the keys now, and says how long to wait before the next time.
    pub async fn fetch_once(&mut self) -> Duration {
        self.refresher.fetch_once().await
    }

    /// The store that it keeps fresh.
    pub(super) fn store(&self) -> &Arc<KeyStore> {
        self.refresher.store()
    }

    /// Keeps the keys fresh until no set needs them.
    pub async fn run(self) {
        self.refresher.run(self.stopped).await;
    }
}

impl Trust {
    /// Must be called within a runtime: the keys of tenants that are met later are fetched by its tasks.
    pub(super) fn build(
        loaded: &Loaded,
        ground: &Ground,
        embedded: Option<&Issuer>,
        before: Option<&Standing>,
    ) -> Result<Self, ServerError> {
        let mut building = Building {
            loaded,
            ground,
            embedded,
            before,
            standing: Standing::default(),
            keys: BTreeMap::new(),
            refreshers: Vec::new(),
            trusted: Vec::new(),
        };
        let mut tenants = Vec::new();
        for (name, trust) in &loaded.config.trusted_issuers {
            // The config's check has said what is wrong with a template.
            match trust.template().ok().flatten() {
                None => match trust.introspection() {
                    None => building.add(name, trust)?,
                    Some(introspection) => building.add_introspected(name, trust, introspection)?,
                },
                Some(template) if template.count().is_some() => building.add_listed(name, trust, &template)?,
                Some(template) => tenants.push(building.tenants(name, trust, template)?),
            }
        }
        let Building { keys, refreshers, trusted, standing, .. } = building;
        let issuers = trusted.into_iter().collect::<Issuers>().with_tenants(tenants);
        Ok(Self { issuers: Arc::new(issuers), keys, refreshers, standing })
    }
}

struct Building<'a> {
    loaded: &'a Loaded,
    ground: &'a Ground,
    embedded: Option<&'a Issuer>,
    before: Option<&'a Standing>,
    standing: Standing,
    keys: BTreeMap<Arc<str>, Arc<KeyStore>>,
    refreshers: Vec<KeyTask>,
    trusted: Vec<Arc<TrustedIssuer>>,
}

impl Building<'_> {
    fn add(&mut self, name: &str, trust: &TrustedIssuerConfig) -> Result<(), ServerError> {
        let store = self.store(name, trust, KeyStore::new(trust.refresh.clone(), self.ground.clock.clone()))?;
        self.trusted.push(Arc::new(TrustedIssuer::new(name, trust, store.clone())));
        self.keys.insert(name.into(), store);
        Ok(())
    }

    /// It has no keys, and readiness waits for none. What it has said is forgotten with each config: other rules may read it
    /// otherwise.
    fn add_introspected(
        &mut self,
        name: &str,
        trust: &TrustedIssuerConfig,
        introspection: &IntrospectionConfig,
    ) -> Result<(), ServerError> {
        let Ground { clock, metrics, .. } = self.ground;
        let limits = token_limits(&self.loaded.config);
        let counted = (metrics.token_cache(), metrics.introspections(name));
        let introspector = Introspector::new(name, trust, introspection, limits, clock.clone(), counted);
        let no_keys = Arc::new(KeyStore::new(trust.refresh.clone(), clock.clone()));
        let issuer = TrustedIssuer::new(name, trust, no_keys).introspected_by(introspector.map_err(failed(name))?);
        self.trusted.push(Arc::new(issuer));
        Ok(())
    }

    /// Every tenant of the lists is there from the start. None holds up readiness: that one tenant is gone is no reason to
    /// keep all others waiting.
    fn add_listed(
        &mut self,
        name: &str,
        trust: &TrustedIssuerConfig,
        template: &IssuerTemplate,
    ) -> Result<(), ServerError> {
        for (tenant, values) in template.tenants_of(trust) {
            let empty = KeyStore::of_tenant(tenant.refresh.clone(), self.ground.clock.clone(), 0);
            let store = self.store(name, &tenant, empty)?;
            self.trusted.push(Arc::new(TrustedIssuer::new(name, &tenant, store).of_tenant(&values)));
        }
        Ok(())
    }

    fn tenants(
        &mut self,
        name: &str,
        trust: &TrustedIssuerConfig,
        template: IssuerTemplate,
    ) -> Result<Arc<Tenants>, ServerError> {
        let (clock, metrics) = (self.ground.clock.clone(), self.ground.metrics.issuer(name));
        let made = || Tenants::new(name, trust, template, clock, metrics, Handle::current()).map_err(failed(name));
        let inputs = inputs_of(self.loaded, name, trust);
        let whole = self.loaded.digest(&ConfigPath::new("trusted_issuers").key(name));
        let earlier = self.before.and_then(|before| before.tenants.get(name));
        let tenants = match earlier.filter(|earlier| earlier.inputs == inputs) {
            Some(earlier) if earlier.whole == whole => earlier.tenants.clone(),
            Some(earlier) => Arc::new(made()?.taking_over(&earlier.tenants)),
            None => Arc::new(made()?),
        };
        let standing = StandingTenants { whole, inputs, tenants: tenants.clone() };
        self.standing.tenants.insert(name.to_owned(), standing);
        Ok(tenants)
    }

    /// The store that there was, where keys are still had as it had them; else this one, and a task that fills it.
    fn store(
        &mut self,
        name: &str,
        trust: &TrustedIssuerConfig,
        empty: KeyStore,
    ) -> Result<Arc<KeyStore>, ServerError> {
        let inputs = inputs_of(self.loaded, name, trust);
        let place = (name.to_owned(), trust.issuer.clone());
        let earlier = self.before.and_then(|before| before.stores.get(&place));
        if let Some(earlier) = earlier.filter(|earlier| earlier.inputs == inputs) {
            self.standing.stores.insert(place, earlier.clone());
            return Ok(earlier.store.clone());
        }
        let store = Arc::new(match earlier.filter(|earlier| earlier.inputs.source == inputs.source) {
            Some(earlier) => empty.taking_over(&earlier.store),
            None => empty,
        });
        let (stop, stopped) = watch::channel(false);
        self.refreshers.push(KeyTask { refresher: self.refresher(name, trust, store.clone())?, stopped });
        let standing = StandingKeys { inputs, store: store.clone(), _stop: Arc::new(stop) };
        self.standing.stores.insert(place, standing);
        Ok(store)
    }

    fn refresher(
        &self,
        name: &str,
        trust: &TrustedIssuerConfig,
        store: Arc<KeyStore>,
    ) -> Result<Refresher, ServerError> {
        let source = match &trust.keys {
            KeysConfig::Discovery => KeySource::Discovery(trust.issuer.clone()),
            KeysConfig::JwksUri(url) => KeySource::Uri(url.clone()),
            KeysConfig::File(path) => KeySource::File(path.clone()),
            KeysConfig::Inline(document) => KeySource::Inline(document.to_string().into_bytes()),
            KeysConfig::Pool(pool) => {
                let keys = self.embedded.and_then(|issuer| issuer.keys_of(pool));
                KeySource::Pool(keys.ok_or(FetchError::Stopped).map_err(failed(name))?)
            }
            // Such an issuer is added without keys.
            KeysConfig::Introspection(_) => return Err(failed(name)(FetchError::NoKeys)),
        };
        let fetcher = Fetcher::new(source, trust).map_err(failed(name))?;
        let refresher = Refresher::new(name.into(), store, fetcher, self.ground.metrics.issuer(name));
        Ok(match &trust.cache_directory {
            None => refresher,
            Some(directory) => refresher.with_cache_directory(directory),
        })
    }
}

impl Standing {
    /// Whether every store of keys and all tenants are those of `earlier`.
    pub(super) fn is_all_of(&self, earlier: &Self) -> bool {
        let has = |(place, keys): (&(String, String), &StandingKeys)| {
            earlier.stores.get(place).is_some_and(|earlier| Arc::ptr_eq(&earlier.store, &keys.store))
        };
        let knows = |(name, known): (&String, &StandingTenants)| {
            earlier.tenants.get(name).is_some_and(|earlier| Arc::ptr_eq(&earlier.tenants, &known.tenants))
        };
        self.stores.iter().all(has) && self.tenants.iter().all(knows)
    }
}

/// What is read of tokens, and remembered.
pub(super) fn token_limits(config: &Config) -> TokenLimits {
    TokenLimits {
        token: config.limits.token,
        claims_depth: config.limits.claims_depth,
        cache: config.limits.token_cache,
    }
}

fn inputs_of(loaded: &Loaded, name: &str, trust: &TrustedIssuerConfig) -> Inputs {
    let at = ConfigPath::new("trusted_issuers").key(name);
    let part = |key: &str| loaded.digest(&at.key(key));
    Inputs {
        source: ["issuer", "keys"].map(part),
        way: ["refresh", "fetch", "cache_directory", "allow_insecure"].map(part),
        files: contents_of(issuer_files(trust)),
    }
}

fn failed(name: &str) -> impl FnOnce(FetchError) -> ServerError {
    let issuer = name.to_owned();
    |source| ServerError::Keys { issuer, source }
}
