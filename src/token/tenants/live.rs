//! The tenants of one issuer with parameters: each is made at the first token that names it, and their number is bounded.
//!
//! Whoever can send a token can name an issuer that the pattern allows, so a tenant costs little until a token of it was
//! verified: it gives up its place after half a minute, and one that was verified only after it was idle for longer.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tracing::info;

use super::template::{IssuerTemplate, TenantValues};
use crate::clock::Clock;
use crate::telemetry::IssuerMetrics;
use crate::token::config::{KeysConfig, TrustedIssuerConfig};
use crate::token::jwks::{FetchError, Fetcher, KeySource, KeyStore, Refresher};
use crate::token::trust::TrustedIssuer;

/// The tenants of one issuer with parameters.
pub struct Tenants {
    name: Arc<str>,
    config: TrustedIssuerConfig,
    template: IssuerTemplate,
    /// Cloned for each tenant: the HTTP client is the same for all of them.
    fetcher: Fetcher,
    clock: Clock,
    metrics: IssuerMetrics,
    runtime: Handle,
    live: RwLock<HashMap<Arc<str>, Tenant>>,
    made: AtomicU64,
}

struct Tenant {
    issuer: Arc<TrustedIssuer>,
    /// Unix milliseconds.
    made_at: u64,
    /// When a token of it was last accepted, in Unix milliseconds; 0 before the first.
    used_at: AtomicU64,
    /// Ends the task that keeps its keys fresh, when it is dropped.
    _stop: watch::Sender<bool>,
}

impl fmt::Debug for Tenants {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tenants")
            .field("name", &self.name)
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

impl Tenants {
    /// None yet. Their keys are fetched by tasks of `runtime`, which must have timers and sockets.
    ///
    /// # Errors
    /// [`FetchError`] where the client that fetches keys cannot be made.
    pub fn new(
        name: &str,
        config: &TrustedIssuerConfig,
        template: IssuerTemplate,
        clock: Clock,
        metrics: IssuerMetrics,
        runtime: Handle,
    ) -> Result<Self, FetchError> {
        let fetcher = Fetcher::new(source_of(config), config)?;
        let (live, made) = (RwLock::default(), AtomicU64::new(0));
        Ok(Self { name: name.into(), config: config.clone(), template, fetcher, clock, metrics, runtime, live, made })
    }

    /// The tenant of this `iss`, if it is there. Whoever asks has a token that was verified, so it counts as used.
    pub(crate) fn find(&self, iss: &str) -> Option<Arc<TrustedIssuer>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let tenant = live.get(iss)?;
        tenant.used_at.store(self.clock.unix_millis(), Ordering::Relaxed);
        Some(tenant.issuer.clone())
    }

    /// The tenant of this `iss`, made now if it is not there; none where the rules do not allow it, or there are too many.
    pub(crate) fn find_or_make(&self, iss: &str) -> Option<Arc<TrustedIssuer>> {
        // Asked before anything is kept or fetched: nothing is ever done for an issuer that the rules do not allow.
        let values = self.template.values(iss)?;
        if let Some(tenant) = self.live.read().unwrap_or_else(PoisonError::into_inner).get(iss) {
            return Some(tenant.issuer.clone());
        }
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tenant) = live.get(iss) {
            return Some(tenant.issuer.clone());
        }
        if live.len() >= self.config.most_issuers {
            let Some(idle) = self.most_idle(&live) else {
                // Counted and not logged: whoever can send a token could fill the log.
                self.metrics.tenant_refused();
                return None;
            };
            live.remove(&idle);
        }
        let tenant = self.make(&values);
        let issuer = tenant.issuer.clone();
        live.insert(issuer.issuer().clone(), tenant);
        Some(issuer)
    }

    /// The tenant of this `iss` as it would be, without a place among those that are there and without keys.
    pub(crate) fn unmet(&self, iss: &str) -> Option<Arc<TrustedIssuer>> {
        let values = self.template.values(iss)?;
        let config = self.config.of_tenant(&values);
        let store = Arc::new(KeyStore::of_tenant(config.refresh.clone(), self.clock.clone(), 0));
        Some(Arc::new(TrustedIssuer::new(&self.name, &config, store).of_tenant(&values)))
    }

    /// Whether the rules allow this `iss`.
    pub(crate) fn stands_for(&self, iss: &str) -> bool {
        self.template.stands_for(iss)
    }

    /// The `max_age` of its tokens, in seconds.
    pub(crate) fn max_age(&self) -> Option<u64> {
        self.config.max_age.map(|max_age| max_age.as_secs())
    }

    /// Its name in the config.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Those that are there now.
    pub(crate) fn all(&self) -> Vec<Arc<TrustedIssuer>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.values().map(|tenant| tenant.issuer.clone()).collect()
    }

    /// The one that may go: of those without a verified token the oldest, then the least recently used; none that is in use.
    fn most_idle(&self, live: &HashMap<Arc<str>, Tenant>) -> Option<Arc<str>> {
        let now = self.clock.unix_millis();
        let pause = |tenant: &Tenant| match tenant.used_at.load(Ordering::Relaxed) {
            0 => (false, now.saturating_sub(tenant.made_at), self.config.refresh.unknown_kid_at_most_every),
            used_at => (true, now.saturating_sub(used_at), self.config.refresh.every),
        };
        let idle = live.iter().filter_map(|(iss, tenant)| {
            let (was_used, idle, least) = pause(tenant);
            (u128::from(idle) >= least.as_millis()).then_some((was_used, std::cmp::Reverse(idle), iss))
        });
        idle.min().map(|(_, _, iss)| iss.clone())
    }

    fn make(&self, values: &TenantValues) -> Tenant {
        let config = self.config.of_tenant(values);
        // A tenant that went and came back must never take up the count where entries of the cache still have it.
        let times_made = self.made.fetch_add(1, Ordering::Relaxed);
        let store = Arc::new(KeyStore::of_tenant(config.refresh.clone(), self.clock.clone(), times_made << 32));
        let fetcher = self.fetcher.with_source(source_of(&config));
        let refresher = Refresher::new(self.name.clone(), store.clone(), fetcher, self.metrics.clone());
        let refresher = match &config.cache_directory {
            None => refresher,
            Some(directory) => refresher.with_cache_directory(directory),
        };
        let (stop, stopped) = watch::channel(false);
        self.runtime.spawn(refresher.run(stopped));
        info!(issuer = &*self.name, iss = config.issuer, "a tenant was met");
        let issuer = Arc::new(TrustedIssuer::new(&self.name, &config, store).of_tenant(values));
        Tenant { issuer, made_at: self.clock.unix_millis(), used_at: AtomicU64::new(0), _stop: stop }
    }
}

fn source_of(config: &TrustedIssuerConfig) -> KeySource {
    match &config.keys {
        KeysConfig::JwksUri(uri) => KeySource::Uri(uri.clone()),
        // The check lets nothing but these two be.
        _ => KeySource::Discovery(config.issuer.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::telemetry::Metrics;

    struct World {
        tenants: Tenants,
        clock: Clock,
        metrics: Metrics,
    }

    /// At most two tenants, whose keys nobody serves.
    fn world() -> World {
        let _already = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = json!({
            "issuer": "http://127.0.0.1:1/{tenant}",
            "parameters": {"tenant": {"pattern": "[a-z]"}},
            "most_issuers": 2,
        });
        let config: TrustedIssuerConfig = serde_json::from_value(config).unwrap();
        let template = config.template().unwrap().unwrap();
        let (clock, metrics) = (Clock::standing_at(1_800_000_000), Metrics::new().unwrap());
        let of_issuer = metrics.issuer("saas");
        let tenants = Tenants::new("saas", &config, template, clock.clone(), of_issuer, Handle::current()).unwrap();
        World { tenants, clock, metrics }
    }

    impl World {
        fn makes(&self, tenant: &str) -> bool {
            self.tenants.find_or_make(&format!("http://127.0.0.1:1/{tenant}")).is_some()
        }

        fn uses(&self, tenant: &str) -> bool {
            self.tenants.find(&format!("http://127.0.0.1:1/{tenant}")).is_some()
        }

        fn refused(&self) -> bool {
            self.metrics.encode().contains(r#"lychgate_tenants_refused_total{issuer="saas"}"#)
        }
    }

    #[tokio::test]
    async fn more_than_the_bound_are_refused_while_none_is_idle() {
        let world = world();
        assert!(world.makes("a") && world.makes("b") && world.makes("a"));
        assert!(!world.refused());
        assert!(!world.makes("c") && world.refused());
        world.clock.advance(Duration::from_secs(29));
        assert!(!world.makes("c"));
        world.clock.advance(Duration::from_secs(1));
        assert!(world.makes("c"), "nobody ever proved to be of the oldest");
        assert!(!world.makes("a") || !world.makes("b"));
        assert_eq!(world.tenants.all().len(), 2);
    }

    #[tokio::test]
    async fn tenants_in_use_stay_and_strangers_give_way_to_strangers() {
        let world = world();
        assert!(world.makes("a") && world.uses("a"));
        for stranger in ["x", "y", "z"] {
            world.clock.advance(Duration::from_secs(30));
            assert!(world.makes(stranger), "{stranger}");
            assert!(world.tenants.all().iter().any(|issuer| issuer.issuer().ends_with("/a")), "{stranger}");
        }
        assert!(world.uses("z") && world.uses("a"));
        world.clock.advance(Duration::from_secs(599));
        assert!(world.uses("z"));
        assert!(!world.makes("b"));
        world.clock.advance(Duration::from_secs(1));
        assert!(world.makes("b"));
        assert!(!world.uses("a") && world.uses("z"), "the one that was idle for longest went");
    }

    #[tokio::test]
    async fn what_the_rules_do_not_allow_is_neither_made_nor_counted() {
        let world = world();
        for tenant in ["A", "aa", "", "..", "a/b", "a?b", "%61"] {
            assert!(!world.makes(tenant) && !world.uses(tenant), "{tenant}");
        }
        assert!(world.tenants.all().is_empty() && !world.refused());
        assert!(!world.uses("a"), "finding makes nothing");
    }
}
