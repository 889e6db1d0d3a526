//! The set in force, and the one step in which another takes its place.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tracing::warn;

use super::retired::Retired;
use crate::proxy::Snapshot;
use crate::server::build::House;
use crate::telemetry::{Metrics, Readiness};
use crate::token::{Issuers, KeyOrigin};

/// How long a new set waits for keys that no earlier one has. An issuer that does not answer must not keep all the rest waiting.
const FIRST_KEYS: Duration = Duration::from_secs(10);
/// How often keys are looked for until the gate is ready.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The set in force. What shows or counts asks it anew each time; each request keeps the set that it began with.
pub(in crate::server) struct InForce {
    house: ArcSwap<House>,
    /// The same set, as the proxy's door follows it.
    snapshot: Arc<ArcSwap<Snapshot>>,
    readiness: Readiness,
    metrics: Metrics,
    retired: Retired,
}

impl InForce {
    /// Puts the first set in force; its keys are fetched from now on, on `runtime`.
    pub(in crate::server) fn begin(mut house: House, metrics: &Metrics, runtime: &Handle) -> Arc<Self> {
        metrics.bundle_revisions(house.revisions());
        // What a gate cannot decide without: policies are there once it is built, keys come from elsewhere.
        let readiness = Readiness::awaiting(house.keys.keys().map(|name| condition(name)));
        for task in std::mem::take(&mut house.refreshers) {
            runtime.spawn(task.run());
        }
        house.snapshot.upstreams.values().for_each(|upstream| upstream.tend(runtime));
        let snapshot = Arc::new(ArcSwap::new(house.snapshot.clone()));
        let house = ArcSwap::from_pointee(house);
        let in_force =
            Arc::new(Self { house, snapshot, readiness, metrics: metrics.clone(), retired: Retired::default() });
        runtime.spawn(in_force.clone().become_ready());
        in_force
    }

    /// The set as it is now.
    pub(in crate::server) fn house(&self) -> Arc<House> {
        self.house.load_full()
    }

    /// What the proxy's door follows.
    pub(in crate::server) fn snapshot(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.snapshot
    }

    /// Whether keys and policies are there.
    pub(in crate::server) fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// A new set is being made; [`InForce::replace`] or [`InForce::keep`] follows.
    pub(super) fn building(&self) {
        self.retired.building();
    }

    /// The new set will never be.
    pub(super) fn keep(&self) {
        self.retired.built(None);
    }

    /// Puts `house` in the place of the set in force, once its new keys are there or will not be in time.
    pub(super) async fn replace(&self, mut house: House) {
        let tasks = std::mem::take(&mut house.refreshers);
        let stores: Vec<_> = tasks.iter().map(|task| task.store().clone()).collect();
        for task in tasks {
            tokio::spawn(task.run());
        }
        let all_tried = async {
            for store in &stores {
                store.tried().await;
            }
        };
        if timeout(FIRST_KEYS, all_tried).await.is_err() {
            warn!(
                "not all keys of new issuers could be fetched in time; until they are, those issuers' tokens get 503"
            );
        }
        self.await_less(&house);
        house.snapshot.upstreams.values().for_each(|upstream| upstream.tend(&Handle::current()));
        self.metrics.bundle_revisions(house.revisions());
        let house = Arc::new(house);
        let before = self.house.swap(house.clone());
        self.snapshot.store(house.snapshot.clone());
        self.retired.built(Some(&before));
    }

    /// Brings gauges up to date that change with time alone, and takes back those of what is gone.
    pub(in crate::server) fn count(&self) {
        let house = self.house();
        self.retired.forget(&self.metrics, &house);
        (house.count_cache)();
        for (name, store) in &house.keys {
            let status = store.status();
            let of_issuer = self.metrics.issuer(name);
            of_issuer.keys(status.keys);
            // Keys that stand in the config are never fetched again, and never old.
            let age = status.age.filter(|_| status.origin != Some(KeyOrigin::Config)).unwrap_or_default();
            of_issuer.keys_age(Duration::from_secs(age));
        }
        count_tenants(&self.metrics, &house.issuers);
    }

    /// A gate that serves stays ready: that a new issuer has no keys is no reason to turn all others away. One that is not
    /// ready yet waits for what is in force now.
    fn await_less(&self, house: &House) {
        let before = self.house();
        before.keys.keys().filter(|name| !house.keys.contains_key(*name)).for_each(|name| {
            self.readiness.forget(&condition(name));
        });
        if !self.readiness.missing().is_empty() {
            house.keys.keys().for_each(|name| self.readiness.require(&condition(name)));
        }
    }

    /// Readiness waits for each issuer's keys once; afterwards stale keys serve, and the issuer alone answers 503.
    async fn become_ready(self: Arc<Self>) {
        loop {
            let house = self.house();
            let there = house.keys.iter().filter(|(_, store)| store.current().is_some());
            there.for_each(|(name, _)| self.readiness.met(&condition(name)));
            if self.readiness.missing().iter().all(|missing| !missing.starts_with(KEYS)) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

const KEYS: &str = "keys:";

fn condition(issuer: &str) -> String {
    format!("{KEYS}{issuer}")
}

/// Of many tenants under one name: all keys together, and the age of the oldest.
fn count_tenants(metrics: &Metrics, issuers: &Issuers) {
    let tenants = issuers.tenant_keys();
    for name in issuers.names_with_tenants() {
        let of_name = || tenants.iter().filter(|tenant| tenant.name == name).map(|tenant| tenant.keys.status());
        let of_issuer = metrics.issuer(&name);
        of_issuer.tenants(of_name().count());
        of_issuer.keys(of_name().map(|status| status.keys).sum());
        of_issuer.keys_age(Duration::from_secs(of_name().filter_map(|status| status.age).max().unwrap_or_default()));
    }
}
