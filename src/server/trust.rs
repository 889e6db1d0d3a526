//! Builds whom the gate believes: each trusted issuer with its keys, and the tasks that keep them fresh.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::build::Ground;
use super::error::ServerError;
use crate::config::Config;
use crate::issuer::Issuer;
use crate::token::{
    FetchError, Fetcher, IssuerTemplate, Issuers, KeySource, KeyStore, KeysConfig, Refresher, Tenants, TrustedIssuer,
    TrustedIssuerConfig,
};

/// Whom the gate believes, and what keeps their keys fresh.
pub(super) struct Trust {
    pub(super) issuers: Arc<Issuers>,
    /// Of the issuers without parameters, by name.
    pub(super) keys: BTreeMap<Arc<str>, Arc<KeyStore>>,
    pub(super) refreshers: Vec<Refresher>,
}

impl Trust {
    /// Must be called within a runtime: the keys of tenants that are met later are fetched by its tasks.
    pub(super) fn build(config: &Config, ground: &Ground, embedded: Option<&Issuer>) -> Result<Self, ServerError> {
        let mut building =
            Building { ground, embedded, keys: BTreeMap::new(), refreshers: Vec::new(), trusted: Vec::new() };
        let mut tenants = Vec::new();
        for (name, trust) in &config.trusted_issuers {
            // The config's check has said what is wrong with a template.
            match trust.template().ok().flatten() {
                None => building.add(name, trust)?,
                Some(template) if template.count().is_some() => building.add_listed(name, trust, &template)?,
                Some(template) => tenants.push(building.tenants(name, trust, template)?),
            }
        }
        let Building { keys, refreshers, trusted, .. } = building;
        let issuers = trusted.into_iter().collect::<Issuers>().with_tenants(tenants);
        Ok(Self { issuers: Arc::new(issuers), keys, refreshers })
    }
}

struct Building<'a> {
    ground: &'a Ground,
    embedded: Option<&'a Issuer>,
    keys: BTreeMap<Arc<str>, Arc<KeyStore>>,
    refreshers: Vec<Refresher>,
    trusted: Vec<Arc<TrustedIssuer>>,
}

impl Building<'_> {
    fn add(&mut self, name: &str, trust: &TrustedIssuerConfig) -> Result<(), ServerError> {
        let store = Arc::new(KeyStore::new(trust.refresh.clone(), self.ground.clock.clone()));
        self.refresh(name, trust, store.clone())?;
        self.trusted.push(Arc::new(TrustedIssuer::new(name, trust, store.clone())));
        self.keys.insert(name.into(), store);
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
            let store = Arc::new(KeyStore::of_tenant(tenant.refresh.clone(), self.ground.clock.clone(), 0));
            self.refresh(name, &tenant, store.clone())?;
            self.trusted.push(Arc::new(TrustedIssuer::new(name, &tenant, store).of_tenant(&values)));
        }
        Ok(())
    }

    fn tenants(
        &self,
        name: &str,
        trust: &TrustedIssuerConfig,
        template: IssuerTemplate,
    ) -> Result<Tenants, ServerError> {
        let (clock, metrics) = (self.ground.clock.clone(), self.ground.metrics.issuer(name));
        Tenants::new(name, trust, template, clock, metrics, Handle::current()).map_err(failed(name))
    }

    fn refresh(&mut self, name: &str, trust: &TrustedIssuerConfig, store: Arc<KeyStore>) -> Result<(), ServerError> {
        let source = match &trust.keys {
            KeysConfig::Discovery => KeySource::Discovery(trust.issuer.clone()),
            KeysConfig::JwksUri(url) => KeySource::Uri(url.clone()),
            KeysConfig::File(path) => KeySource::File(path.clone()),
            KeysConfig::Inline(document) => KeySource::Inline(document.to_string().into_bytes()),
            KeysConfig::Pool(pool) => {
                let keys = self.embedded.and_then(|issuer| issuer.keys_of(pool));
                KeySource::Pool(keys.ok_or(FetchError::Stopped).map_err(failed(name))?)
            }
        };
        let fetcher = Fetcher::new(source, trust).map_err(failed(name))?;
        let refresher = Refresher::new(name.into(), store, fetcher, self.ground.metrics.issuer(name));
        self.refreshers.push(match &trust.cache_directory {
            None => refresher,
            Some(directory) => refresher.with_cache_directory(directory),
        });
        Ok(())
    }
}

fn failed(name: &str) -> impl FnOnce(FetchError) -> ServerError {
    let issuer = name.to_owned();
    |source| ServerError::Keys { issuer, source }
}
